"""When a plugin's start is reported: not at once, because most calls are over before anybody could have read it.

A report costs a message, a call of the core and a write. A call that is over within a second tells with its end when
it started; a longer one tells so after that second, while it works, unless it has reported progress by then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

from aws_lambda_powertools import Logger

from orchestrator_runtime.authoring.reporting import CallReports
from orchestrator_runtime.contract import START_REPORTED_AFTER_SECONDS

NewTimer = Callable[[float, Callable[[], None]], Timer]
"""Makes a timer of a number of seconds and of what is to be done then."""


@contextmanager
def start_reported(report: CallReports, logger: Logger, new_timer: NewTimer) -> Iterator[None]:
    """Report the start of the work within, if it takes so long that somebody may ask.

    When this is left, however it is, no report of the start is under way, and none will be.

    Args:
        report: Sends the call's reports.
        logger: Told of a start that could not be reported. That fails nothing: the next report tells it too.
        new_timer: Makes the timer that reports it, in a thread of its own.
    """

    def tell() -> None:
        try:
            report.tell_start()
        except Exception:
            logger.exception("the start was not reported")

    timer = new_timer(START_REPORTED_AFTER_SECONDS, tell)
    # It keeps no process alive that wants to end.
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # What it sends would otherwise come after the end, or be frozen with the function until its next call.
        timer.join()
