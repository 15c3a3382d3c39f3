"""The stages that are deployed, as the activities publish them in SSM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator_runtime.aws.parameters import parameters_below
from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.subscription import StageTopic

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


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
        return [
            topic
            for name, value in parameters_below(self._client, self._path)
            if (topic := _topic(name, value)) is not None
        ]


def _topic(name: tuple[str, ...], value: str) -> StageTopic | None:
    match name:
        case (activity, stage, "topic-arn") if stage in set(Stage):
            return StageTopic(activity, Stage(stage), value)
        case _:
            return None
