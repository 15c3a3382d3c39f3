"""The results queue: what is no report, or nobody's, is refused, logged, counted, and disturbs nothing."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from orchestrator_runtime.contract import Env
from orchestrator_runtime.core.records import StageRef
from orchestrator_runtime.handlers import begin_run, environment, open_activity, record_result
from orchestrator_runtime.handlers.record_result import PlanMemory, lambda_handler
from orchestrator_runtime.protocol.report_memory import MOST_AT_ONCE, ReportMemory
from tests.unit.handlers.conftest import Core
from tests.unit.handlers.events import batch, begin, opening, report
from tests.unit.moto_tables import CONTROL
from tests.unit.samples import NOW, a_plan, a_registration, stage_ref

SECRET = "1978-05-23"


@pytest.fixture
def opened(core: Core) -> Core:
    """A stage that waits for Score (of a known role) and Other."""
    core.deploy(a_registration(sender_role_ids=("AROASCORE",)), a_registration("Other"))
    begin_run.lambda_handler(begin({"uid": "q-1"}), None)
    open_activity.lambda_handler(opening(), None)
    core.log.truncate(0)
    core.log.seek(0)
    return core


def refusals(core: Core) -> float:
    """What the embedded metrics count."""
    return sum(sum(line.get("RefusedReports", [])) for line in core.lines() if "_aws" in line)


REFUSED: dict[str, tuple[Any, str]] = {
    "no JSON": (f"{{{SECRET}", "malformed"),
    "empty": ("", "malformed"),
    "no object": (json.dumps([SECRET]), "malformed"),
    "no plugin": ({**report(), "plugin": None, "output": SECRET}, "malformed"),
    "unknown state": (report(state="Done", message=SECRET), "malformed"),
    "state of the core's": (report(state="Optional Task Error", message=SECRET), "malformed"),
    "attempt 0": (report(attempt=0, message=SECRET), "malformed"),
    "progress above 100": (report(state="In Progress", progress=101, message=SECRET), "malformed"),
    "progress no number": ('{"progress": NaN, ' + json.dumps(report(state="In Progress"))[1:], "malformed"),
    "slash in plugin": (report("a/b", message=SECRET), "malformed"),
    "unknown stage": (report(stage="after", message=SECRET), "malformed"),
    "half a surrogate": (json.dumps(report(message=SECRET)).replace(SECRET, SECRET + "\\ud800"), "malformed"),
    "unknown run": (report(uid="q-2", message=SECRET), "unknown-run"),
    "unknown workflow": (report(workflow="Cancel", message=SECRET), "unknown-run"),
    "unknown activity": (report(activity="Validate", message=SECRET), "unknown-run"),
    "stage not open": (report(stage="post", message=SECRET), "unknown-run"),
    "later attempt": (report(attempt=2, message=SECRET), "unknown-run"),
    "attempt beyond all numbers": (report(attempt=10**40, message=SECRET), "malformed"),
    "unknown plugin": (report("Stranger", output=SECRET), "unregistered"),
    "plan as plugin": (report("~plan", output=SECRET), "malformed"),
}


@pytest.mark.parametrize(("body", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_report_is_logged_and_counted_and_does_not_come_again(opened: Core, body: Any, reason: str) -> None:
    before = opened.rows(), opened.rows(CONTROL)
    assert lambda_handler(batch(body), None) == {"batchItemFailures": []}
    assert (opened.rows(), opened.rows(CONTROL)) == before
    assert opened.signals == []
    [line] = opened.lines()
    assert (line["message"], line["reason"]) == ("report refused", reason)
    assert ("message_id" in line) is (reason == "malformed")
    assert SECRET not in opened.log.getvalue()
    assert refusals(opened) == 1


def test_a_report_of_another_role_is_refused(opened: Core) -> None:
    before = opened.rows()
    lambda_handler(batch(report(), sender="AROAOTHER:other-function"), None)
    assert opened.rows() == before
    assert opened.lines()[0]["reason"] == "wrong-sender"
    assert refusals(opened) == 1
    lambda_handler(batch(report(), sender="AROASCORE:score"), None)
    stage = opened.document()["activities"]["Rate"]["stages"]["parallel"]
    assert stage["plugins"]["Score"]["state"] == "Complete"


def test_what_is_refused_holds_up_nobody(opened: Core) -> None:
    bodies = ["no JSON", report("Stranger"), report(uid="q-2"), report(), report("Other")]
    assert lambda_handler(batch(*bodies), None) == {"batchItemFailures": []}
    assert [name for name, _ in opened.signals] == ["SendTaskSuccess"]
    assert refusals(opened) == 3


@pytest.mark.parametrize("number", ["NaN", "1e999", "[-1e999]"])
def test_an_output_that_is_no_json_holds_up_nobody(opened: Core, number: str) -> None:
    """Python reads numbers that JSON has not, and cannot write them back."""
    bad = json.dumps(report("Other", output="?")).replace('"?"', number)
    assert lambda_handler(batch(report(), bad), None) == {"batchItemFailures": []}
    plugins = opened.document()["activities"]["Rate"]["stages"]["parallel"]["plugins"]
    assert plugins["Score"]["state"] == "Complete"
    assert plugins["Other"]["state"] == "Error"
    assert plugins["Other"]["message"].startswith("OutputNotJson: ")
    assert opened.status.outputs(stage_ref().run) == {}


@pytest.mark.parametrize("progress", [0, 1e-200, 5e-324, 33.333333333333336, 100])
def test_a_progress_that_is_hard_to_store_holds_up_nobody(opened: Core, progress: float) -> None:
    """DynamoDB takes no number between 0 and 1e-130."""
    bodies = [report(), report("Other", "In Progress", progress=progress)]
    assert lambda_handler(batch(*bodies), None) == {"batchItemFailures": []}
    plugins = opened.document()["activities"]["Rate"]["stages"]["parallel"]["plugins"]
    assert plugins["Score"]["state"] == "Complete"
    assert plugins["Other"]["progress"] == round(progress, 2)


def test_a_report_without_trouble_counts_nothing(opened: Core) -> None:
    lambda_handler(batch(report()), None)
    assert refusals(opened) == 0
    assert not [line for line in opened.lines() if line["level"] != "INFO"]


def test_a_duplicate_changes_no_row_and_is_no_refusal(opened: Core) -> None:
    lambda_handler(batch(report(), report("Other")), None)
    before = opened.rows()
    assert lambda_handler(batch(report()), None) == {"batchItemFailures": []}
    assert opened.rows() == before
    assert [name for name, _ in opened.signals] == ["SendTaskSuccess"] * 2
    assert refusals(opened) == 0


def test_what_could_not_be_written_comes_again_and_the_rest_does_not(opened: Core) -> None:
    def deny(params: dict[str, Any], **_: Any) -> None:
        if params.get("Key", {}).get("uid") == {"S": "q-ill"}:
            raise OSError("the table does not answer")

    begin_run.lambda_handler(begin({"uid": "q-ill"}, "arn:ill"), None)
    open_activity.lambda_handler(opening(uid="q-ill"), None)
    environment._dynamodb().meta.events.register("before-parameter-build.dynamodb", deny)
    bodies = [report(uid="q-ill", message=SECRET), report(message=SECRET), "no JSON", report("Other", uid="q-ill")]
    answer = lambda_handler(batch(*bodies), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-0"}, {"itemIdentifier": "m-3"}]}
    failed = [line for line in opened.lines() if line["level"] == "ERROR"]
    assert [line["uid"] for line in failed] == ["q-ill"]
    assert "the table does not answer" in failed[0]["exception"]
    assert SECRET not in opened.log.getvalue()
    stage = opened.document()["activities"]["Rate"]["stages"]["parallel"]
    assert stage["plugins"]["Score"]["state"] == "Complete"
    assert refusals(opened) == 1


def test_a_table_that_is_not_there_lets_everything_come_again(opened: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(Env.STATUS_TABLE, "elsewhere")
    answer = lambda_handler(batch(report(), report("Other")), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m-0"}, {"itemIdentifier": "m-1"}]}


def test_plans_are_remembered_and_the_oldest_forgotten(opened: Core) -> None:
    memory = PlanMemory()
    plan = memory.find(stage_ref(), opened.status)
    assert plan is not None
    opened.client.delete_item(TableName="status", Key={"uid": {"S": "q-1"}, "path": {"S": f"{stage_ref().path}~plan/"}})
    assert memory.find(stage_ref(), opened.status) == plan
    assert memory.find(stage_ref(2), opened.status) is None
    for number in range(PlanMemory.MOST):
        ref = stage_ref(uid=f"other-{number}")
        opened.status.save_plan(ref, a_plan(expires_at=2**40))
        assert memory.find(ref, opened.status) is not None
    assert memory.find(stage_ref(), opened.status) is None


def test_one_memory_of_reports_serves_all_batches(opened: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment would otherwise write all that a flood brings, a batch at a time."""
    used: list[tuple[str, bool]] = []

    class Memory(ReportMemory):
        def takes_progress(self, ref: StageRef, plugin: str, now: datetime) -> bool:
            used.append((plugin, super().takes_progress(ref, plugin, NOW)))
            return used[-1][1]

    monkeypatch.setattr(record_result, "_reports", Memory())
    for percent in range(MOST_AT_ONCE + 1):
        lambda_handler(batch(report(state="In Progress", progress=percent)), None)
    assert used == [*[("Score", True)] * MOST_AT_ONCE, ("Score", False)]
    assert opened.lines()[-1]["reason"] == "too-often"
