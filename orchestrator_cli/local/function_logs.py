"""What the functions wrote: the emulator keeps it in CloudWatch Logs, which go when it stops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient


def function_logs(session: boto3.Session) -> Iterator[str]:
    """Read what all functions wrote, as lines that start with the log group's name."""
    logs: CloudWatchLogsClient = session.client("logs")
    groups = logs.get_paginator("describe_log_groups").paginate()
    for group in (group["logGroupName"] for page in groups for group in page["logGroups"]):
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            for event in page["events"]:
                yield f"{group}  {event['message'].rstrip()}"
