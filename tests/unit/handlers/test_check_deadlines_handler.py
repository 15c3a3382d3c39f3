"""The function that checks deadlines on a schedule."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.handlers import begin_run, check_deadlines, end_run, environment, open_activity, record_result
from orchestrator_runtime.protocol.activity_work import ActivityWork
from orchestrator_runtime.stores.items import utc_now
from tests.unit.handlers.conftest import Core
from tests.unit.handlers.events import batch, begin, end, opening, report
from tests.unit.moto_tables import CONTROL
from tests.unit.samples import a_registration

NOTHING = {"checked": 0, "failed": 0, "left": False}
ONE = NOTHING | {"checked": 1}


class Context:
    """Lambda's context, with the time that is left."""

    def __init__(self, *milliseconds: int) -> None:
        self._left = list(milliseconds)

    def get_remaining_time_in_millis(self) -> int:
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


def check(context: Context | None = None, event: dict[str, Any] | None = None) -> dict[str, Any]:
    return check_deadlines.lambda_handler(event or {}, context or Context(60_000))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Moves the core's clock."""
    return lambda by: monkeypatch.setattr(environment, "utc_now", lambda: utc_now() + by)


@pytest.fixture
def waiting(core: Core) -> Core:
    """An activity that waits for Score, which has to report its start within a minute and to finish within an hour."""
    core.deploy(a_registration(timeout_seconds=3600, start_within_seconds=60))
    begin_run.lambda_handler(begin({"uid": "q-1"}), None)
    open_activity.lambda_handler(opening(), None)
    return core


def due_at(core: Core, uid: str = "q-1") -> str:
    [item] = [item for item in core.rows(CONTROL) if item["uid"]["S"] == uid and "due_at" in item]
    time: str = item["due_at"]["S"]
    return time


def score(core: Core, uid: str = "q-1") -> dict[str, Any]:
    plugin: dict[str, Any] = core.document(uid)["activities"]["Rate"]["stages"]["parallel"]["plugins"]["Score"]
    return plugin


def test_nothing_is_written_before_anything_is_due(waiting: Core) -> None:
    before = waiting.rows(), waiting.rows(CONTROL)
    lines = len(waiting.lines())
    assert check() == NOTHING
    assert (waiting.rows(), waiting.rows(CONTROL)) == before
    assert len(waiting.lines()) == lines


@pytest.mark.parametrize("event", [{}, {"detail-type": "Scheduled Event", "source": "aws.events"}], ids=str)
def test_an_overdue_plugin_fails_the_task(
    waiting: Core, later: Callable[[timedelta], None], event: dict[str, Any]
) -> None:
    later(timedelta(seconds=61))
    assert check(event=event) == ONE
    assert score(waiting)["state"] == "Error"
    assert score(waiting)["message"].startswith("did not report a start within 60 s; dispatched at ")
    [(operation, sent)] = waiting.signals
    assert (operation, sent["error"]) == ("SendTaskFailure", "PluginFailed")
    assert sent["cause"].startswith("Rate/parallel: Score: did not report a start within 60 s")
    assert [line["checked"] for line in waiting.lines() if line["message"] == "deadlines checked"] == [1]
    assert check() == NOTHING


def test_a_plugin_that_has_started_gets_a_later_due_time(waiting: Core, later: Callable[[timedelta], None]) -> None:
    record_result.lambda_handler(batch(report(state="In Progress")), None)
    before = due_at(waiting)
    later(timedelta(seconds=61))
    assert check() == ONE
    assert score(waiting)["state"] == "In Progress"
    assert due_at(waiting) > before
    assert check() == NOTHING
    later(timedelta(seconds=3601))
    assert check() == ONE
    assert score(waiting)["message"].startswith("did not finish within 3600 s; started at ")


def test_the_activity_of_a_run_that_has_ended_is_not_due(waiting: Core, later: Callable[[timedelta], None]) -> None:
    end_run.lambda_handler(end(error={"Error": "X", "Cause": "y"}), None)
    later(timedelta(days=1))
    assert check() == NOTHING


def open_another(core: Core, uid: str) -> None:
    begin_run.lambda_handler(begin({"uid": uid}, f"arn:{uid}"), None)
    open_activity.lambda_handler(opening(uid=uid), None)


def test_activities_that_are_left_for_lack_of_time_stay_due(waiting: Core, later: Callable[[timedelta], None]) -> None:
    open_another(waiting, "q-2")
    later(timedelta(seconds=120))
    assert check(Context(60_000, 10_000)) == ONE | {"left": True}
    assert score(waiting)["state"] == "Error", "the earliest due time comes first"
    assert waiting.document("q-2")["activities"]["Rate"]["state"] == "In Progress"
    assert check() == ONE
    assert score(waiting, "q-2")["state"] == "Error"
    assert check() == NOTHING


def test_an_activity_whose_check_fails_is_put_off_and_the_others_are_checked(
    waiting: Core, later: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_another(waiting, "q-2")
    later(timedelta(seconds=120))
    work = ActivityWork.work

    def fail(self: ActivityWork, control: Any) -> Any:
        if self.ref.run.uid == "q-1":
            raise OSError("the table does not answer")
        return work(self, control)

    with monkeypatch.context() as broken:
        broken.setattr(ActivityWork, "work", fail)
        before = due_at(waiting)
        assert check() == {"checked": 2, "failed": 1, "left": False}
    assert due_at(waiting) > before
    assert score(waiting, "q-2")["state"] == "Error"
    [error] = [line for line in waiting.lines() if line["level"] == "ERROR"]
    assert (error["uid"], error["activity"]) == ("q-1", "Rate")
    assert check() == NOTHING, "it is due again a minute later"
    later(timedelta(seconds=181))
    assert check() == ONE
    assert score(waiting)["state"] == "Error"


@pytest.mark.parametrize("event", [{"detail-type": "AWS API Call via CloudTrail"}, [], "now"], ids=json.dumps)
def test_an_event_that_is_no_schedule_is_an_error(core: Core, event: Any) -> None:
    with pytest.raises(ValueError, match=r"send \{\} to check every deadline"):
        check_deadlines.lambda_handler(event, Context(60_000))
