"""When a plugin's start is reported: not at once, because most calls are over before anybody could have read it.

A report costs a message, a call of the core and a write. A call that is over within a second says with its end when
it started; a longer one says so after that second, while it works.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

from aws_lambda_powertools import Logger

from orchestrator_runtime.authoring.reporting import CallReports, ReportNotSentError
from orchestrator_runtime.contract import START_REPORTED_AFTER_SECONDS, State

NewTimer = Callable[[float, Callable[[], None]], Timer]
"""Makes a timer of a number of seconds and of what is to be done then."""


class NoTimer(Timer):
    """A timer whose time never comes: for tests, in which nothing is to depend on how long something takes."""

    def run(self) -> None:
        """Do nothing."""


@contextmanager
def start_reported(report: CallReports, logger: Logger, new_timer: NewTimer) -> Iterator[None]:
    """Report the start of the work within, if it takes so long that somebody may ask, and has not said so itself."""

    def tell() -> None:
        if report.shows_start:
            return
        try:
            report(State.IN_PROGRESS)
        except ReportNotSentError:
            # The end is reported by the same way, and fails loudly if that is closed.
            logger.exception("the start was not reported")

    timer = new_timer(START_REPORTED_AFTER_SECONDS, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # Lambda freezes what still runs when the handler returns.
        timer.join()
