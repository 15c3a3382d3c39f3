"""What is to be tried again: by Lambda, or by the queue that the function reads."""

from __future__ import annotations

import pytest

from orchestrator_runtime import PluginHandler, PluginRun, Retryable, plugin
from orchestrator_runtime.contract import Env, State
from orchestrator_runtime.models import Report
from orchestrator_runtime.plugin_info import PluginInfo
from orchestrator_runtime.testing import CollectedReports, NoTimer, call, sns_event, sqs_event
from tests.unit.authoring.plugin_calls import Broken, LoggedLines, message, raising


class RatesDown(Retryable):
    """Of a user."""


class RatesBusy(Retryable):
    def __init__(self) -> None:
        Exception.__init__(self, "busy")


@plugin(name="Score")
def from_a_cause(run: PluginRun) -> None:
    try:
        raise TimeoutError("after 3 s")
    except TimeoutError as error:
        raise Retryable("rates service is down") from error


def told(report: Report) -> tuple[State, str | None]:
    return report.state, report.message


def test_it_is_reported_as_work_in_progress_and_raised_with_its_cause() -> None:
    reports: list[Report] = []
    with pytest.raises(Retryable) as raised:
        call(from_a_cause, reports=reports)
    assert [told(report) for report in reports] == [(State.IN_PROGRESS, "to be tried again: rates service is down")]
    # What Lambda tells the core if it gives up, with the class's name before it.
    assert str(raised.value) == "rates service is down"
    assert isinstance(raised.value.__cause__, TimeoutError)


@pytest.mark.parametrize(
    ("error", "again", "at_last"),
    [
        (Retryable("down"), "to be tried again: down", "Retryable: down"),
        (RatesDown("down"), "to be tried again: down", "RatesDown: down"),
        (RatesBusy(), "to be tried again: busy", "RatesBusy: busy"),
        (Retryable(), "to be tried again", "Retryable"),
    ],
    ids=repr,
)
def test_a_class_of_one_s_own_counts_and_shows_its_name(error: Retryable, again: str, at_last: str) -> None:
    reports: list[Report] = []
    with pytest.raises(type(error)):
        call(plugin(raising(error)), reports=reports)
    assert told(reports[-1]) == (State.IN_PROGRESS, again)
    assert told(call(plugin(raising(error)), last_receive=True)[-1]) == (State.ERROR, at_last)


@pytest.mark.parametrize(
    ("receives", "most", "end", "comes_again"),
    [
        (1, "3", State.IN_PROGRESS, True),
        (2, "3", State.IN_PROGRESS, True),
        (3, "3", State.ERROR, False),
        (4, "3", State.ERROR, False),
        (99, None, State.IN_PROGRESS, True),
        (99, "", State.IN_PROGRESS, True),
    ],
)
def test_behind_a_queue_the_last_receive_is_the_end(
    receives: int, most: str | None, end: State, comes_again: bool
) -> None:
    reports = CollectedReports()
    environ = {} if most is None else {Env.MAX_RECEIVES.value: most}
    answer = from_a_cause.deliver(sqs_event(message("Score"), receives=receives), reports, environ)
    assert reports[-1].state is end
    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-0"}] if comes_again else []}


@pytest.mark.parametrize("most", ["0", "-1", "three", "1.5", "²"])
def test_a_number_of_receives_that_is_none_is_refused(most: str) -> None:
    with pytest.raises(ValueError, match=r"ORCHESTRATOR_MAX_RECEIVES must be a whole number of 1 or more"):
        from_a_cause.deliver(sqs_event(message("Score")), CollectedReports(), {Env.MAX_RECEIVES.value: most})


def test_called_by_sns_no_receive_is_the_last() -> None:
    with pytest.raises(Retryable):
        from_a_cause.deliver(sns_event(message("Score")), CollectedReports(), {Env.MAX_RECEIVES.value: "1"})


def test_a_repetition_reports_its_own_start_and_its_end() -> None:
    calls: list[int] = []

    @plugin(name="Score")
    def handler(run: PluginRun) -> str:
        calls.append(1)
        if len(calls) == 1:
            raise Retryable("down")
        return "done"

    reports = CollectedReports()
    with pytest.raises(Retryable):
        handler.deliver(sns_event(message("Score")), reports, {}, new_timer=NoTimer)
    handler.deliver(sns_event(message("Score")), reports, {}, new_timer=NoTimer)
    first, second = reports
    assert [told(report) for report in reports] == [
        (State.IN_PROGRESS, "to be tried again: down"),
        (State.COMPLETE, None),
    ]
    assert first.started_at is not None
    assert second.started_at is not None
    assert first.started_at < second.started_at


def test_it_is_raised_even_if_nobody_could_be_told() -> None:
    logged = LoggedLines()
    handler = PluginHandler(raising(Retryable("down")), info=PluginInfo(name="Score"), logger=logged.logger)
    with pytest.raises(Retryable, match="down"):
        handler.deliver(sns_event(message("Score")), reporter=Broken(0), environ={}, new_timer=NoTimer)
    assert [line["message"] for line in logged.taken()] == ["started", "to be tried again", "nobody was told"]
