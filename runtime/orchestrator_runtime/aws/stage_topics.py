"""The stages that are deployed, as the activities publish them in SSM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.subscription import StageTopic

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_PARTS: Final = 3
_TOPIC_ARN: Final = "topic-arn"


class SsmStages:
    """Implements ``subscription_ports.Stages``.

    Args:
        client: The SSM client.
        path: The path below which every activity is published, with a slash at its end;
            ``{activity}/{stage}/topic-arn`` follows.
    """

    def __init__(self, client: SSMClient, path: str) -> None:
        self._client = client
        self._path = path

    def published(self) -> Sequence[StageTopic]:
        """See ``subscription_ports.Stages``."""
        pages = self._client.get_paginator("get_parameters_by_path").paginate(Path=self._path, Recursive=True)
        return [
            topic
            for page in pages
            for parameter in page["Parameters"]
            if (topic := self._topic(parameter["Name"], parameter["Value"]))
        ]

    def _topic(self, name: str, value: str) -> StageTopic | None:
        parts = name.removeprefix(self._path).split("/")
        if len(parts) != _PARTS or parts[1] not in set(Stage) or parts[2] != _TOPIC_ARN:
            return None
        return StageTopic(parts[0], Stage(parts[1]), value)
