"""The workflows that are deployed, as they publish themselves in SSM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator_runtime.aws.parameters import parameters_below
from orchestrator_runtime.deployment import EXPECTED_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


class SsmWorkflows:
    """Implements ``watch_ports.Workflows``.

    Args:
        client: The SSM client.
        path: The path below which every workflow is published, with a slash at its end;
            ``{workflow}/expected-seconds``, and other things of the workflow, follow.
    """

    def __init__(self, client: SSMClient, path: str) -> None:
        self._client = client
        self._path = path

    def published(self) -> Mapping[str, str | None]:
        """See ``watch_ports.Workflows``."""
        found: dict[str, str | None] = {}
        for (workflow, *what), value in parameters_below(self._client, self._path):
            found.setdefault(workflow)
            if what == [EXPECTED_SECONDS]:
                found[workflow] = value
        return found
