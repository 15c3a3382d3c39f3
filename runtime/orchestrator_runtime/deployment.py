"""One deployment of the system: the names that follow from system and stage.

Only the standard library is imported, as in ``contract``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from orchestrator_runtime.contract import DeadLetters, Handler, Stage

EXPECTED_SECONDS: Final = "expected-seconds"
"""Last part of the SSM parameter with how long runs of a workflow are expected to take."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of the system: everything that carries a physical name is named here.

    Attributes:
        system: The system's name, as in ``-c system=claims``.
        stage: The deployment's stage, as in ``-c stage=dev`` (not a stage of an activity).
    """

    system: str
    stage: str

    @property
    def prefix(self) -> str:
        """``{system}-{stage}``: the core stack's name, and how every physical name starts."""
        return f"{self.system}-{self.stage}"

    @property
    def results_queue(self) -> str:
        """The queue that plugins report to."""
        return f"{self.prefix}-results"

    def function(self, handler: Handler) -> str:
        """The physical name of a function of the core."""
        return f"{self.prefix}-{handler}"

    def dead_letters_parameter(self, kind: DeadLetters) -> str:
        """The SSM parameter with the URL of one of the core's dead letter queues."""
        return self.core_parameter(CoreOutput.of_dead_letters(kind))

    def workflow(self, workflow: str) -> str:
        """The name of a workflow's state machine."""
        return f"{self.prefix}-workflow-{workflow}"

    def topic(self, activity: str, stage: Stage) -> str:
        """The name of a stage's topic."""
        return f"{self.prefix}-{activity}-{stage}"

    def core_parameter(self, output: CoreOutput) -> str:
        """The SSM parameter that publishes one output of the core."""
        return f"/{self.system}/{self.stage}/core/{output}"

    def topic_parameter(self, activity: str, stage: Stage) -> str:
        """The SSM parameter with the ARN of a stage's topic."""
        return f"{self.activities_path}{activity}/{stage}/topic-arn"

    def workflow_parameter(self, workflow: str) -> str:
        """The SSM parameter with the ARN of a workflow's state machine."""
        return f"{self.workflows_path}{workflow}/state-machine-arn"

    def expected_parameter(self, workflow: str) -> str:
        """The SSM parameter with the seconds that a run of a workflow is expected to take at most."""
        return f"{self.workflows_path}{workflow}/{EXPECTED_SECONDS}"

    @property
    def alerts_topic(self) -> str:
        """The topic of alarms and overdue runs."""
        return f"{self.prefix}-alerts"

    @property
    def activities_path(self) -> str:
        """The SSM path below which every activity is published."""
        return f"/{self.system}/{self.stage}/activities/"

    @property
    def workflows_path(self) -> str:
        """The SSM path below which every workflow is published."""
        return f"/{self.system}/{self.stage}/workflows/"


class CoreOutput(StrEnum):
    """What the core publishes of itself in SSM, below ``/{system}/{stage}/core/``."""

    STATUS_TABLE_NAME = "status-table-name"
    STATUS_TABLE_ARN = "status-table-arn"
    STATUS_STREAM_ARN = "status-stream-arn"
    REGISTRY_TABLE_NAME = "registry-table-name"
    RESULTS_QUEUE_URL = "results-queue-url"
    RESULTS_QUEUE_ARN = "results-queue-arn"
    BEGIN_RUN_ARN = "begin-run-arn"
    OPEN_ACTIVITY_ARN = "open-activity-arn"
    """The function that an activity's state invokes with a task token."""
    END_RUN_ARN = "end-run-arn"
    REGISTER_PLUGIN_ARN = "register-plugin-arn"
    REGISTER_STAGES_ARN = "register-stages-arn"
    RECONCILE_ARN = "reconcile-arn"
    CANCEL_RUN_ARN = "cancel-run-arn"
    DEAD_RESULTS_URL = "dead-results-url"
    DEAD_SWEEPS_URL = "dead-sweeps-url"
    DEAD_RECONCILIATIONS_URL = "dead-reconciliations-url"
    DEAD_REGISTRATIONS_URL = "dead-registrations-url"
    ENCRYPTION_KEY_ARN = "encryption-key-arn"
    """Only of a core with a customer managed key."""

    @classmethod
    def of_dead_letters(cls, kind: DeadLetters) -> CoreOutput:
        """The URL of one of the core's dead letter queues."""
        return cls(f"dead-{kind}-url")


# The plain exports, for tools that know only those. They lock the producer; SSM does not.
STAGE_EXPORT_SUFFIX: Final = {
    Stage.PRE: "pre-processing",
    Stage.PARALLEL: "parallel-processing",
    Stage.POST: "post-processing",
}
CORE_EXPORT_SUFFIX: Final = {
    CoreOutput.STATUS_TABLE_NAME: "status-name",
    CoreOutput.STATUS_TABLE_ARN: "status-arn",
    CoreOutput.STATUS_STREAM_ARN: "status-stream-arn",
    CoreOutput.RESULTS_QUEUE_URL: "results-queue-url",
    CoreOutput.RESULTS_QUEUE_ARN: "results-queue-arn",
}
