"""What a stage says about its plugins where they say nothing themselves."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration

from orchestrator_constructs.activity.definition import StageSettings
from orchestrator_constructs.validation import whole_seconds
from orchestrator_runtime.contract import DEFAULT_START_WITHIN_SECONDS, DEFAULT_TIMEOUT_SECONDS


@dataclass(frozen=True)
class StageOptions:
    """What a stage says about its plugins where they say nothing themselves.

    Attributes:
        timeout: How long a plugin may take. Default: one hour.
        start_within: How soon after its release a plugin that reports its start has to do so.
            Default: 15 minutes.
        fail_on_optional_error: Whether the error of an optional plugin fails the stage, too.
            Default: it does not; the stage goes on and shows ``Optional Task Error``.
    """

    timeout: Duration | None = None
    start_within: Duration | None = None
    fail_on_optional_error: bool = False

    def settings(self, of: str) -> StageSettings:
        """Write the options as the state machine has them.

        Args:
            of: Whose options they are, for the text of an error.

        Raises:
            ValueError: A duration is not allowed.
        """
        timeout = self.timeout or Duration.seconds(DEFAULT_TIMEOUT_SECONDS)
        start_within = self.start_within or Duration.seconds(DEFAULT_START_WITHIN_SECONDS)
        return StageSettings(
            timeout=whole_seconds(f"timeout of {of}", timeout),
            start_within=whole_seconds(f"start_within of {of}", start_within),
            fail_on_optional_error=self.fail_on_optional_error,
        )
