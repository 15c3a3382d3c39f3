"""However often a call tells its progress, it reports that about once a second, and the last of it is not lost."""

from __future__ import annotations

from collections.abc import Callable
from threading import Timer

import pytest

from orchestrator_runtime import PluginHandler, PluginRun, ReportNotSentError, Retryable
from orchestrator_runtime.authoring.at_work import NewTimer
from orchestrator_runtime.contract import PROGRESS_EVERY_SECONDS, State
from orchestrator_runtime.models import Report
from orchestrator_runtime.plugin_info import PluginInfo
from orchestrator_runtime.testing import CollectedReports, NoTimer, call, sns_event
from tests.unit.authoring.plugin_calls import LoggedLines, message

Told = tuple[State, float | None, str | None]


class Clock:
    """A call's clock: a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class WhenAsked(Timer):
    """Its time comes when a test says so; until then it is at work as any timer."""

    made: list[WhenAsked]

    def __init__(self, interval: float, function: Callable[[], None]) -> None:
        super().__init__(interval, function)
        self.made.append(self)

    def run(self) -> None:
        self.finished.wait()

    def ring(self) -> None:
        self.function()
        self.cancel()


@pytest.fixture
def timers() -> list[WhenAsked]:
    WhenAsked.made = []
    return WhenAsked.made


def deliver(
    body: Callable[[PluginRun], object],
    clock: Clock,
    *,
    new_timer: NewTimer = NoTimer,
    reports: CollectedReports | None = None,
    idempotent: bool = True,
) -> list[Told]:
    reports = CollectedReports() if reports is None else reports
    handler = PluginHandler(body, info=PluginInfo(name="Score", idempotent=idempotent), logger=LoggedLines().logger)
    handler.deliver(sns_event(message("Score")), reports, {}, new_timer=new_timer, clock=clock)
    return told(reports)


def told(reports: list[Report]) -> list[Told]:
    return [(report.state, report.progress, report.message) for report in reports]


def test_ten_thousand_reports_in_a_tenth_of_a_second_leave_as_two_messages() -> None:
    clock = Clock()

    def body(run: PluginRun) -> None:
        for number in range(10_001):
            run.progress(number / 100, f"step {number}")
            clock.now += 0.1 / 10_001

    assert deliver(body, clock) == [
        (State.IN_PROGRESS, 0, "step 0"),
        (State.COMPLETE, 100, "step 10000"),
    ]


def test_each_second_the_newest_progress_is_reported() -> None:
    clock = Clock()

    def body(run: PluginRun) -> None:
        for percent in range(100):
            run.progress(percent)
            clock.now += PROGRESS_EVERY_SECONDS / 10

    sent = [progress for state, progress, _ in deliver(body, clock) if state is State.IN_PROGRESS]
    assert len(sent) <= 11
    assert sent[0] == 0
    assert sorted(sent, key=lambda percent: percent or 0) == sent
    assert len({int((percent or 0) / 10) for percent in sent}) >= 9, "of each second one"


def test_progress_that_comes_once_a_second_is_reported_each_time() -> None:
    clock = Clock()

    def body(run: PluginRun) -> None:
        for percent in (20, 40, 60):
            run.progress(percent)
            clock.now += PROGRESS_EVERY_SECONDS

    assert [progress for _, progress, _ in deliver(body, clock)] == [20, 40, 60, None]


def test_the_last_step_before_a_long_silence_is_reported_when_it_is_due(timers: list[WhenAsked]) -> None:
    """So that people see what a plugin does, not what it did before."""
    clock, reports = Clock(), CollectedReports()

    def body(run: PluginRun) -> None:
        timers[0].ring()
        run.progress(10, "loading")
        clock.now += 0.25
        run.progress(20, "scoring")
        run.progress(30, "waiting for the rates")
        assert told(reports)[-1] == (State.IN_PROGRESS, 10, "loading")
        (due,) = timers[1:]
        assert due.interval == PROGRESS_EVERY_SECONDS - 0.25
        clock.now += due.interval
        due.ring()
        assert told(reports)[-1] == (State.IN_PROGRESS, 30, "waiting for the rates")

    deliver(body, clock, new_timer=WhenAsked, reports=reports)
    assert told(reports) == [
        (State.IN_PROGRESS, None, None),
        (State.IN_PROGRESS, 10, "loading"),
        (State.IN_PROGRESS, 30, "waiting for the rates"),
        (State.COMPLETE, None, None),
    ]
    assert [timer.is_alive() for timer in timers] == [False, False]


def test_one_timer_waits_at_a_time_however_much_is_held(timers: list[WhenAsked]) -> None:
    clock = Clock()

    def body(run: PluginRun) -> None:
        for percent in range(100):
            run.progress(percent)

    assert deliver(body, clock, new_timer=WhenAsked) == [
        (State.IN_PROGRESS, 0, None),
        (State.COMPLETE, 99, None),
    ]
    assert len(timers) == 1, "the one for the start"
    assert not timers[0].is_alive()


def test_a_text_stays_until_another_replaces_it() -> None:
    def body(run: PluginRun) -> None:
        run.progress(1, "one")
        run.progress(2, "two")
        run.progress(3)

    assert deliver(body, Clock())[-1] == (State.COMPLETE, 3, "two")


def test_held_progress_does_not_hide_why_a_call_failed() -> None:
    def body(run: PluginRun) -> None:
        run.progress(1)
        run.progress(2, "two")
        raise ValueError("bad")

    assert deliver(body, Clock())[-1] == (State.ERROR, 2, "ValueError: bad")


def test_held_progress_goes_with_the_reason_for_another_try() -> None:
    reports = CollectedReports()

    def body(run: PluginRun) -> None:
        run.progress(1)
        run.progress(2, "two")
        raise Retryable("down")

    with pytest.raises(Retryable):
        deliver(body, Clock(), reports=reports)
    assert told(reports)[-1] == (State.IN_PROGRESS, 2, "to be tried again: down")


class Refusing(CollectedReports):
    """A reporter that takes no progress at first."""

    refusals = 1

    def send(self, queue_url: str, report: Report) -> None:
        if report.progress is not None and self.refusals:
            self.refusals -= 1
            raise ReportNotSentError("queue is gone")
        super().send(queue_url, report)


def test_progress_that_could_not_be_sent_is_no_reason_to_hold_the_next() -> None:
    def body(run: PluginRun) -> None:
        with pytest.raises(ReportNotSentError):
            run.progress(1)
        run.progress(2)

    assert deliver(body, Clock(), reports=Refusing()) == [(State.IN_PROGRESS, 2, None), (State.COMPLETE, None, None)]


def test_held_progress_that_could_not_be_sent_goes_with_the_end(timers: list[WhenAsked]) -> None:
    reports = Refusing()

    def body(run: PluginRun) -> None:
        reports.refusals = 0
        run.progress(1)
        run.progress(2)
        reports.refusals = 1
        timers[0].ring()

    assert deliver(body, Clock(), new_timer=WhenAsked, reports=reports) == [
        (State.IN_PROGRESS, 1, None),
        (State.COMPLETE, 2, None),
    ]


def test_each_call_reports_its_first_progress_at_once() -> None:
    clock, reports = Clock(), CollectedReports()
    for _ in range(2):
        deliver(lambda run: run.progress(50), clock, reports=reports)
    assert [report.progress for report in reports] == [50, None, 50, None]


def test_a_test_of_a_plugin_sees_all_its_progress() -> None:
    def body(run: PluginRun) -> None:
        for percent in (10, 20, 30):
            run.progress(percent)

    reports = call(PluginHandler(body, info=PluginInfo(name="Score")))
    assert [report.progress for report in reports] == [10, 20, 30, None]
