"""The results queue and its dead-letter queue: at least once, in no order, in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from orchestrator_runtime.core.incoming_report import IncomingReport
from tests.simulation.faults import Fate, Fault
from tests.simulation.functions import Functions

BATCH: Final = 10
VISIBILITY: Final = 180.0
_POLL: Final = 0.2
_LATER: Final = (0.5, 4.0, 40.0, 300.0)

Handle = Callable[[Sequence[IncomingReport]], list[str]]


@dataclass(slots=True, eq=False)
class Message:
    """A message of the queue: a report, already read from its body."""

    item: IncomingReport
    about: str
    receives: int = 0
    gone: bool = False


class ResultsQueue:
    """Delivers reports to ``record_results``.

    Args:
        handle: Handles a batch; returns the ids of what has to come again.
    """

    def __init__(
        self,
        fate: Fate,
        functions: Functions,
        handle: Handle,
    ) -> None:
        self._fate = fate
        self._scheduler = fate.scheduler
        self._decisions = fate.decisions
        self._profile = fate.profile
        self._functions = functions
        self._handle = handle
        self._visible: list[Message] = []
        self._polls = False

    def send(self, item: IncomingReport, about: str, *, after: float) -> None:
        """Put a message into the queue, later."""
        self._scheduler.after(after, self._appear, Message(item, about))

    def _appear(self, message: Message) -> None:
        if message.gone:
            return
        self._visible.append(message)
        if not self._polls:
            self._polls = True
            self._scheduler.after(_POLL, self._poll)

    def _poll(self) -> None:
        self._polls = False
        visible = self._visible
        if not visible:
            return
        if len(visible) > 1 and (first := self._decisions.pick(len(visible))):
            visible = visible[first:] + visible[:first]
        batch, self._visible = visible[:BATCH], visible[BATCH:]
        if self._visible:
            self._polls = True
            self._scheduler.after(_POLL, self._poll)
        items = []
        for message in batch:
            message.receives += 1
            items.append(message.item)
        self._functions.call(
            "record_result",
            self._about(batch),
            lambda: self._handle(items),
            returned=lambda again: self._handled(batch, again),
            failed=lambda *_: self._come_again(batch),
        )

    def _handled(self, batch: Sequence[Message], again: list[str]) -> None:
        failed = set(again)
        for message in batch:
            if message.item.id in failed:
                self._come_again([message])
            elif self._decisions.weigh(self._profile.again):
                self._fate.note(Fault.REPORT_AGAIN, message.about)
                self._scheduler.after(_LATER[self._decisions.pick(len(_LATER))], self._appear, message)

    def _come_again(self, batch: Sequence[Message]) -> None:
        for message in batch:
            if message.receives >= self._profile.receives:
                self._fate.note(Fault.REPORT_DEAD, message.about)
            else:
                self._scheduler.after(VISIBILITY, self._appear, message)

    def _about(self, batch: Sequence[Message]) -> str:
        return "; ".join(message.about for message in batch) if self._scheduler.trace is not None else ""
