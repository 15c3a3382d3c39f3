"""What is reported of a call while it works: its start and its progress, each when it is worth a report.

A report costs a message, a call of the core and a write. A call that is over within a second tells with its end when
it started; a longer one tells so after that second, while it works, unless it has reported progress by then. Progress
that comes sooner than a second after the last one is held back for the rest of that second, and the newest is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock, Timer

from aws_lambda_powertools import Logger

from orchestrator_runtime.authoring.reporting import CallReports
from orchestrator_runtime.contract import START_REPORTED_AFTER_SECONDS

NewTimer = Callable[[float, Callable[[], None]], Timer]
"""Makes a timer of a number of seconds and of what is to be done then."""


@contextmanager
def reported_at_work(report: CallReports, logger: Logger, new_timer: NewTimer) -> Iterator[None]:
    """Report of the work within what is due: its start, and progress that was held back.

    When this is left, however it is, no such report is under way, and none will be.

    Args:
        report: Sends the call's reports.
        logger: Told of what could not be reported. That fails nothing: the next report tells it too.
        new_timer: Makes the timer that reports it, in a thread of its own.
    """

    def tell() -> None:
        try:
            report.tell_due()
        except Exception:
            logger.exception("not reported; the next report tells it")

    later = _Later(tell, new_timer)
    report.when_held = later
    later(START_REPORTED_AFTER_SECONDS)
    try:
        yield
    finally:
        later.close()


class _Later:
    """Does something after some seconds, in a thread of its own; one waits at a time, and none is left behind."""

    def __init__(self, action: Callable[[], None], new_timer: NewTimer) -> None:
        self._action = action
        self._new_timer = new_timer
        self._lock = Lock()
        self._waits = False
        self._closed = False
        self._timers: list[Timer] = []

    def __call__(self, seconds: float) -> None:
        """Do it after some seconds, unless it will be done sooner."""
        with self._lock:
            if self._waits or self._closed:
                return
            self._waits = True
            timer = self._new_timer(seconds, self._do)
            # It keeps no process alive that wants to end.
            timer.daemon = True
            timer.start()
            self._timers = [*(each for each in self._timers if each.is_alive()), timer]

    def _do(self) -> None:
        self._waits = False
        self._action()

    def close(self) -> None:
        """Do it no more; return when nothing of it is under way."""
        with self._lock:
            self._closed = True
        for timer in self._timers:
            timer.cancel()
            # What it sends would otherwise come after the end, or be frozen with the function until its next call.
            timer.join()
