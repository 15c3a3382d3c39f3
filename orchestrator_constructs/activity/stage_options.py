"""The settings of a stage, for plugins that have none of their own."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration

from orchestrator_constructs.property_text import bool_as_text, seconds_as_text
from orchestrator_runtime.contract import DEFAULT_START_WITHIN_SECONDS, DEFAULT_TIMEOUT_SECONDS, MAX_OUTPUT_BYTES
from orchestrator_runtime.custom_resources import StageProperty


@dataclass(frozen=True)
class StageOptions:
    """The settings of a stage, for plugins that have none of their own.

    They are kept in the registry. A changed setting holds from the next stage that opens.

    Attributes:
        timeout: How long a plugin may take. Default: one hour.
        start_within: How soon after it was invoked a plugin that reports its start has to do so.
            Default: 15 minutes.
        fail_on_optional_error: Whether the error of an optional plugin fails the stage, too.
            Default: no; the stage continues and shows ``Optional Task Error``.
        max_output_bytes: How large the output of one plugin may be, as JSON, from 0 to 50,000 bytes. A larger one is
            that plugin's error. Default: 50,000, nearly half of what a message carries.
    """

    timeout: Duration | None = None
    start_within: Duration | None = None
    fail_on_optional_error: bool = False
    max_output_bytes: int = MAX_OUTPUT_BYTES

    def properties(self, of: str) -> dict[StageProperty, str]:
        """Write the options as properties of the custom resource that registers stages.

        Args:
            of: Whose options they are, for the text of an error.

        Raises:
            ValueError: A duration or a size is not allowed.
        """
        if not 0 <= self.max_output_bytes <= MAX_OUTPUT_BYTES:
            raise ValueError(
                f"max_output_bytes of {of} is {self.max_output_bytes}: use a number from 0 to {MAX_OUTPUT_BYTES:,}"
            )
        timeout = self.timeout or Duration.seconds(DEFAULT_TIMEOUT_SECONDS)
        start_within = self.start_within or Duration.seconds(DEFAULT_START_WITHIN_SECONDS)
        return {
            StageProperty.TIMEOUT_SECONDS: seconds_as_text(f"timeout of {of}", timeout),
            StageProperty.START_WITHIN_SECONDS: seconds_as_text(f"start_within of {of}", start_within),
            StageProperty.FAIL_ON_OPTIONAL_ERROR: bool_as_text(self.fail_on_optional_error),
            StageProperty.MAX_OUTPUT_BYTES: str(self.max_output_bytes),
        }
