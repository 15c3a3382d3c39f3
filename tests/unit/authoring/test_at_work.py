"""The start of a longer call and its progress are reported while it works, and never after its end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from threading import Timer

import pytest

from orchestrator_runtime import PluginHandler, PluginRun, ReportNotSentError, Retryable, Skip
from orchestrator_runtime.contract import START_REPORTED_AFTER_SECONDS, Env, State
from orchestrator_runtime.models import Report
from orchestrator_runtime.plugin_info import PluginInfo
from orchestrator_runtime.testing import CollectedReports, NoTimer, sns_event, sqs_event
from tests.unit.authoring.plugin_calls import AtOnce, Broken, LoggedLines, message, raising

REPORTED_BY = 10.0
"""Seconds after which a report that does not come fails a test."""


class Rung(Timer):
    """Its time comes when a test says so."""

    def __init__(self, interval: float, function: Callable[[], None]) -> None:
        super().__init__(interval, function)
        self.bell = threading.Event()

    def run(self) -> None:
        assert self.bell.wait(REPORTED_BY)
        if not self.finished.is_set():
            self.function()

    def cancel(self) -> None:
        super().cancel()
        self.bell.set()


class Timers:
    """Makes timers of a kind, and knows those that it made."""

    def __init__(self, kind: Callable[[float, Callable[[], None]], Timer] = AtOnce) -> None:
        self._kind = kind
        self.made: list[Timer] = []

    def __call__(self, interval: float, function: Callable[[], None]) -> Timer:
        self.made.append(self._kind(interval, function))
        return self.made[-1]


class Refusing(CollectedReports):
    """A reporter that takes no report of a start alone."""

    def send(self, queue_url: str, report: Report) -> None:
        if report.state is State.IN_PROGRESS and report.progress is None:
            raise ReportNotSentError("queue is gone")
        super().send(queue_url, report)


def told(reports: list[Report]) -> list[tuple[State, float | None, bool]]:
    return [(report.state, report.progress, report.started_at is not None) for report in reports]


def handler(body: Callable[[PluginRun], object], *, logged: LoggedLines | None = None) -> PluginHandler:
    logger = None if logged is None else logged.logger
    return PluginHandler(body, info=PluginInfo(name="Score"), logger=logger)


def half_way(run: PluginRun) -> None:
    run.progress(50)


def test_a_longer_call_is_reported_as_at_work_and_its_end_does_not_tell_the_start_again() -> None:
    reports, timers = CollectedReports(), Timers()
    handler(half_way).deliver(sns_event(message("Score")), reports, {}, new_timer=timers)
    assert told(reports) == [
        (State.IN_PROGRESS, None, True),
        (State.IN_PROGRESS, 50, False),
        (State.COMPLETE, None, False),
    ]
    assert [timer.interval for timer in timers.made] == [START_REPORTED_AFTER_SECONDS]


def test_a_short_call_tells_all_with_its_end() -> None:
    reports = CollectedReports()
    handler(lambda _: 7).deliver(sns_event(message("Score")), reports, {}, new_timer=NoTimer)
    assert told(reports) == [(State.COMPLETE, None, True)]


def test_progress_tells_of_the_start_as_well() -> None:
    reports, timers = CollectedReports(), Timers(Rung)

    def body(run: PluginRun) -> None:
        run.progress(50)
        (timer,) = timers.made
        assert isinstance(timer, Rung)
        timer.bell.set()
        timer.join(REPORTED_BY)
        assert not timer.is_alive()

    handler(body).deliver(sns_event(message("Score")), reports, {}, new_timer=timers)
    assert told(reports) == [(State.IN_PROGRESS, 50, True), (State.COMPLETE, None, False)]


async def of_a_coroutine(run: PluginRun) -> str:
    return run.uid


def test_the_start_is_reported_while_a_coroutine_works() -> None:
    reports = CollectedReports()
    handler(of_a_coroutine).deliver(sns_event(message("Score")), reports, {}, new_timer=AtOnce)
    assert told(reports) == [(State.IN_PROGRESS, None, True), (State.COMPLETE, None, False)]


def test_a_report_that_is_under_way_is_over_before_the_end_is_reported() -> None:
    sending = threading.Event()
    timers = Timers(Rung)

    class Slow(CollectedReports):
        def send(self, queue_url: str, report: Report) -> None:
            if report.state is State.IN_PROGRESS:
                sending.set()
                # Only what comes after the work ends this: its timer is cancelled then.
                assert timers.made[0].finished.wait(REPORTED_BY)
            super().send(queue_url, report)

    def body(_: PluginRun) -> None:
        (timer,) = timers.made
        assert isinstance(timer, Rung)
        timer.bell.set()
        assert sending.wait(REPORTED_BY)

    reports = Slow()
    handler(body).deliver(sns_event(message("Score")), reports, {}, new_timer=timers)
    assert told(reports) == [(State.IN_PROGRESS, None, True), (State.COMPLETE, None, False)]


@pytest.mark.parametrize("kind", [Timer, Rung, AtOnce])
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (None, None),
        (ValueError("bad"), None),
        (Skip("why"), None),
        (SystemExit(3), None),
        (Retryable("down"), Retryable),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=repr,
)
def test_however_a_call_ends_nothing_of_it_is_left_at_work(
    kind: type[Timer], error: BaseException | None, raised: type[BaseException] | None
) -> None:
    reports, timers = CollectedReports(), Timers(kind)
    called = handler(raising(error) if error else lambda _: None)
    if raised is None:
        called.deliver(sns_event(message("Score")), reports, {}, new_timer=timers)
        assert reports[-1].state.is_terminal
    else:
        with pytest.raises(raised):
            called.deliver(sns_event(message("Score")), reports, {}, new_timer=timers)
    assert [timer.is_alive() for timer in timers.made] == [False]


def test_a_start_that_cannot_be_reported_is_logged_and_told_by_the_next_report() -> None:
    logged, reports = LoggedLines(), Refusing()
    called = handler(half_way, logged=logged)
    called.deliver(sns_event(message("Score")), reports, {}, new_timer=AtOnce)
    assert told(reports) == [(State.IN_PROGRESS, 50, True), (State.COMPLETE, None, False)]
    lines = logged.taken()
    assert [line["message"] for line in lines] == [
        "started",
        "not reported; the next report tells it",
        "reported Complete",
    ]
    assert (lines[1]["plugin"], lines[1]["uid"]) == ("Score", "q-1")


def test_a_start_that_cannot_be_reported_does_not_hide_an_end_that_cannot() -> None:
    with pytest.raises(ReportNotSentError):
        handler(lambda _: 7).deliver(sns_event(message("Score")), Broken(0), {}, new_timer=AtOnce)


def test_what_is_tried_again_tells_its_start_only_if_nothing_did() -> None:
    reports = CollectedReports()
    for new_timer in (AtOnce, NoTimer):
        with pytest.raises(Retryable):
            handler(raising(Retryable("down"))).deliver(sns_event(message("Score")), reports, {}, new_timer=new_timer)
    assert [(report.message, report.started_at is not None) for report in reports] == [
        (None, True),
        ("to be tried again: down", False),
        ("to be tried again: down", True),
    ]


def test_each_message_of_a_queue_has_a_start_of_its_own() -> None:
    reports, timers = CollectedReports(), Timers()
    event = sqs_event(message("Score", uid="a"), message("Score", uid="b"))
    handler(lambda _: 7).deliver(event, reports, {}, new_timer=timers)
    assert [(report.uid, report.state) for report in reports] == [
        ("a", State.IN_PROGRESS),
        ("a", State.COMPLETE),
        ("b", State.IN_PROGRESS),
        ("b", State.COMPLETE),
    ]
    assert len(timers.made) == 2


def test_what_is_not_called_has_no_start() -> None:
    reports, timers = CollectedReports(), Timers()
    called = PluginHandler(lambda _: 7, info=PluginInfo(idempotent=False))
    environ = {Env.PLUGIN_NAME.value: "Score"}
    called.deliver(sns_event(message("Other")), reports, environ, new_timer=timers)
    called.deliver(sns_event(message("Score")), reports, environ, new_timer=timers)
    assert told(reports) == [(State.ERROR, None, False)]
    assert timers.made == []
