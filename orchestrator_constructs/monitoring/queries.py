"""Queries of the core's logs, ready to be run in CloudWatch Logs Insights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import aws_logs as logs
from constructs import Construct

from orchestrator_constructs.monitoring.log_fields import Field, value_of
from orchestrator_runtime.contract import Ending, LogMessage, Metric, State
from orchestrator_runtime.deployment import Deployment

_TIME: Final = "@timestamp"
_LOG: Final = "@log"
_PLACE: Final = (Field.WORKFLOW, Field.UID, Field.ACTIVITY, Field.STAGE)


@dataclass(frozen=True)
class Query:
    """One query.

    Attributes:
        lines: Its commands, in order.
    """

    lines: Sequence[str]

    @property
    def text(self) -> str:
        """As Logs Insights reads it."""
        return "\n| ".join(self.lines)


def _found(message: LogMessage, fields: Sequence[str], *more: str) -> Query:
    return Query([f"fields {', '.join((_TIME, *fields))}", f'filter {Field.MESSAGE} = "{message}"', *more])


_LATEST: Final = (f"sort {_TIME} desc", "limit 200")
_ERRORS: Final = f'filter {Field.STATE} in ["{State.ERROR}", "{State.OPTIONAL_TASK_ERROR}"]'
_DURATION: Final = value_of(Metric.PLUGIN_DURATION)

QUERIES: Final[Mapping[str, Query]] = {
    "the story of a run": Query(
        [
            "fields "
            + ", ".join(
                (
                    _TIME,
                    Field.MESSAGE,
                    Field.ATTEMPT,
                    Field.ACTIVITY,
                    Field.STAGE,
                    Field.PLUGIN,
                    Field.STATE,
                    Field.ENDING,
                    Field.REASON,
                )
            ),
            f'filter {Field.UID} = "PUT THE UID HERE"',
            f"sort {_TIME} asc",
            "limit 10000",
        ]
    ),
    "failed runs": _found(
        LogMessage.RUN_ENDED,
        (Field.WORKFLOW, Field.UID, Field.ATTEMPT, Field.ENDING),
        f'filter {Field.ENDING} != "{Ending.COMPLETED}"',
        *_LATEST,
    ),
    "errors of plugins": _found(
        LogMessage.PLUGIN_ENDED, (Field.PLUGIN, Field.STATE, *_PLACE, Field.ATTEMPT), _ERRORS, *_LATEST
    ),
    "slowest invocations of plugins": _found(
        LogMessage.PLUGIN_ENDED,
        (f"{_DURATION} as milliseconds", Field.PLUGIN, *_PLACE),
        "sort milliseconds desc",
        "limit 100",
    ),
    "refused reports": _found(
        LogMessage.REPORT_REFUSED, (Field.REASON, Field.DETAIL, Field.PLUGIN, *_PLACE, Field.ATTEMPT), *_LATEST
    ),
    "bytes of log by function": Query(
        [
            f"stats sum(strlen(@message)) as bytes, count(*) as lines by {_LOG}",
            "sort bytes desc",
        ]
    ),
    # Lambda's own reports of a start are not kept. Each environment writes a stream of its own, from its start on.
    "cold starts": Query(
        [
            f"stats min({_TIME}) as started, max({_TIME}) as last by {_LOG}, @logStream",
            f"stats count(*) as environments by {_LOG}",
        ]
    ),
}


class QueryPack(Construct):
    """Defines the queries, in a folder ``{system}-{stage}/`` of the console."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        log_groups: Sequence[logs.ILogGroup],
    ) -> None:
        """Define the queries.

        Args:
            scope: The monitoring.
            id: The construct's id in its scope.
            deployment: The deployment that is watched.
            log_groups: Those of its functions.
        """
        super().__init__(scope, id)
        for name, query in QUERIES.items():
            logs.CfnQueryDefinition(
                self,
                "".join(word.capitalize() for word in name.split()),
                name=f"{deployment.prefix}/{name}",
                query_string=query.text,
                log_group_names=[group.log_group_name for group in log_groups],
            )
