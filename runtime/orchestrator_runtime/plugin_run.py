"""What a plugin's function sees of its call, and how it says that there is nothing to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import JsonValue

from orchestrator_runtime.contract import Stage, State


class Skip(Exception):  # noqa: N818  (raised to say what to do, not what went wrong)
    """Raised by a plugin that has nothing to do in this run: it is reported as ``Do Not Run``.

    Args:
        reason: For people; shown as the plugin's message.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = str(reason)


@dataclass(frozen=True, slots=True)
class PluginRun:
    """One call of a plugin: what it is to work on, and its way to say how far it is.

    Attributes:
        uid: The run's id within its workflow.
        workflow: The workflow's name.
        activity: The activity's name.
        stage: The stage of the activity: ``pre``, ``parallel`` or ``post``.
        attempt: 1 for the first start of the run, one more for each resume.
        plugin: The name under which this plugin is registered.
        metadata: The run's data, as it was started with.
        outputs: What plugins of earlier stages returned, keyed ``activity/stage/plugin``.
    """

    uid: str
    workflow: str
    activity: str
    stage: Stage
    attempt: int
    plugin: str
    metadata: Mapping[str, JsonValue]
    outputs: Mapping[str, JsonValue]
    _report: Callable[..., None] = field(repr=False, compare=False)

    @property
    def idempotency_key(self) -> str:
        """The same for every delivery of this call: ``workflow/uid/activity/stage/plugin/attempt``.

        Use it, and never Lambda's request id, to do something only once.
        """
        return f"{self.workflow}/{self.uid}/{self.activity}/{self.stage}/{self.plugin}/{self.attempt}"

    def progress(self, percent: float, text: str = "") -> None:
        """Report how far the work is. It does not extend the plugin's deadline.

        Args:
            percent: 0 to 100.
            text: For people; replaces the text that was there.

        Raises:
            ValueError: ``percent`` is no percentage.
            ReportNotSentError: The report could not be sent; let it pass.
        """
        if not 0 <= percent <= 100:  # noqa: PLR2004  (per cent)
            raise ValueError(f"progress is given in percent, 0 to 100, got {percent!r}")
        self._report(State.IN_PROGRESS, text, progress=percent)
