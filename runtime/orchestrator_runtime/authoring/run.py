"""What a plugin's function sees of its call, and the two exceptions by which it says how to go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic

from pydantic import JsonValue
from typing_extensions import TypeVar

from orchestrator_runtime.contract import Stage

MetadataT_co = TypeVar("MetadataT_co", default=Mapping[str, JsonValue], covariant=True)


class Skip(Exception):  # noqa: N818  (raised to say what to do, not what went wrong)
    """Raised by a plugin that has nothing to do in this run: it is reported as ``Do Not Run``.

    Args:
        reason: For people; shown as the plugin's message.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = str(reason)


class Retryable(Exception):  # noqa: N818  (raised to say what to do)
    """Raised by a plugin for what may be over in a minute: the call is repeated.

    Until then the plugin is shown as ``In Progress``, with the reason. What repeats
    it is Lambda, twice, after one and two minutes, or the queue that the function
    reads. When they give up, the plugin ends as ``Error: Retryable: {reason}``.
    Subclasses count, and show their own name::

        class RatesDown(Retryable): ...

        raise RatesDown("the rates service is down") from error

    Args:
        reason: For people; shown as the plugin's message.
    """

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = str(reason)


@dataclass(frozen=True, slots=True)
class PluginRun(Generic[MetadataT_co]):
    """One call of a plugin: what it is to work on, and its way to say how far it is.

    ``PluginRun[Quote]`` is the call of a plugin that was defined with ``metadata=Quote``.

    Attributes:
        uid: The run's id within its workflow.
        workflow: The workflow's name.
        activity: The activity's name.
        stage: The stage of the activity: ``pre``, ``parallel`` or ``post``.
        attempt: 1 for the first start of the run, one more for each resume.
        plugin: The name under which this plugin is registered.
        metadata: The run's data, as it was started with; the decorator's model of it, if it was given one.
        outputs: What plugins of earlier stages returned, keyed ``activity/stage/plugin``.
    """

    uid: str
    workflow: str
    activity: str
    stage: Stage
    attempt: int
    plugin: str
    metadata: MetadataT_co
    outputs: Mapping[str, JsonValue]
    _progress: Callable[[float, str], None] = field(repr=False, compare=False)

    @property
    def idempotency_key(self) -> str:
        """The same for every delivery of this call: ``workflow/uid/activity/stage/plugin/attempt``.

        It is unique within one core: a function that serves several has to add which.

        Use it, and never Lambda's request id, to do something only once.
        """
        return f"{self.workflow}/{self.uid}/{self.activity}/{self.stage}/{self.plugin}/{self.attempt}"

    def progress(self, percent: float, text: str = "") -> None:
        """Report how far the work is. It does not extend the plugin's deadline.

        Call it as often as you like: the first call sends a report at once, later ones send one a second at most,
        with the newest percentage and text.

        Args:
            percent: 0 to 100.
            text: For people; replaces the text that was there. Default: that stays.

        Raises:
            ValueError: ``percent`` is no percentage.
            ReportNotSentError: A report was due and could not be sent; let it pass.
        """
        if not 0 <= percent <= 100:  # noqa: PLR2004  (per cent)
            raise ValueError(f"progress is given in percent, 0 to 100, got {percent!r}")
        self._progress(percent, text)
