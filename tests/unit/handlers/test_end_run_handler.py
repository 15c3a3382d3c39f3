"""The last state of a workflow: writes how the run ended, and makes the execution agree with it."""

from __future__ import annotations

import json

import pytest

from orchestrator_runtime.contract import Ending, ErrorName
from orchestrator_runtime.core.failure import RunCancelled, RunEnded
from orchestrator_runtime.handlers import begin_run, cancel_run, end_run, open_activity
from orchestrator_runtime.handlers.environment import end_ports
from orchestrator_runtime.protocol.end_run import write_end
from tests.unit.handlers.conftest import Core
from tests.unit.handlers.events import TOKEN, begin, end, opening
from tests.unit.moto_tables import CONTROL
from tests.unit.samples import EXECUTION, a_registration


@pytest.fixture
def begun(core: Core) -> Core:
    begin_run.lambda_handler(begin({"uid": "q-1", "metadata": {"line": "auto"}}), None)
    return core


def test_a_run_whose_execution_did_not_fail_is_complete(begun: Core) -> None:
    assert end_run.lambda_handler(end(), None) == {"uid": "q-1", "workflow": "NewBusiness"}
    assert begun.document()["state"] == "Complete"
    assert (begun.lines()[-1]["message"], begun.lines()[-1]["ending"]) == ("run ended", "completed")


def test_a_failed_run_says_why_and_leaves_nothing_in_progress(begun: Core) -> None:
    begun.deploy(a_registration())
    open_activity.lambda_handler(opening(), None)
    failure = {"Error": "States.TaskFailed", "Cause": json.dumps({"Error": "PluginFailed", "Cause": "Score: ü"})}
    assert end_run.lambda_handler(end(error=failure), None) == {"error": "PluginFailed", "cause": "Score: ü"}
    document = begun.document()
    assert (document["state"], document["message"]) == ("Error", "Score: ü")
    stage = document["activities"]["Rate"]["stages"]["parallel"]
    assert (stage["state"], stage["message"]) == ("Error", "run ended: Score: ü")
    assert stage["plugins"]["Score"]["state"] == "Error"
    assert begun.lines()[-1]["error"] == "PluginFailed"


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        ({"Error": "States.Timeout"}, {"error": "States.Timeout", "cause": ""}),
        ({"Error": None, "Cause": None}, {"error": "Unknown", "cause": ""}),
        ({"Cause": "why"}, {"error": "Unknown", "cause": "why"}),
    ],
    ids=str,
)
def test_an_error_may_say_little(begun: Core, error: dict[str, str], answer: dict[str, str]) -> None:
    assert end_run.lambda_handler(end(error=error), None) == answer
    assert begun.document()["state"] == "Error"


UIDS = {"none": None, "empty": "", "no text": {"a": 1}, "unknown": "q-2", "longer than a key": "u" * 2049}


@pytest.mark.parametrize("uid", UIDS.values(), ids=UIDS.keys())
def test_an_execution_that_could_not_begin_ends_with_its_own_error(begun: Core, uid: str | None) -> None:
    before = begun.rows()
    failure = {"Error": "InvalidRunInput", "Cause": json.dumps({"errorType": "InvalidRunInput", "errorMessage": "uid"})}
    answer = end_run.lambda_handler(end(uid=uid, error=failure), None)
    assert answer == {"error": "InvalidRunInput", "cause": "uid"}
    assert begun.rows() == before


def test_a_second_execution_does_not_end_the_run_of_the_first(begun: Core) -> None:
    failure = {"Error": "RunInProgress", "Cause": "in progress"}
    assert end_run.lambda_handler(end(f"{EXECUTION}-2", error=failure), None)["error"] == "RunInProgress"
    assert begun.document()["state"] == "In Progress"


FAILED = {"Error": "RunEnded", "Cause": "run ended"}


def cancel() -> None:
    with pytest.MonkeyPatch.context() as quiet:
        quiet.setattr("orchestrator_runtime.aws.step_functions.StepFunctionsExecutions.stop", lambda *_: None)
        cancel_run.lambda_handler({"uid": "q-1", "workflow": "NewBusiness", "reason": "sent twice"}, None)


def test_an_execution_whose_run_was_cancelled_fails_by_the_name_of_that(begun: Core) -> None:
    cancel()
    with pytest.raises(RunCancelled, match=r"^cancelled: sent twice$") as raised:
        end_run.lambda_handler(end(), None)
    assert type(raised.value).__name__ == ErrorName.RUN_CANCELLED
    assert begun.document()["ending"] == "cancelled"


@pytest.mark.parametrize("ending", [Ending.STOPPED, Ending.TIMED_OUT, Ending.FAILED])
def test_an_execution_whose_run_was_ended_by_something_else_fails_by_the_name_of_that(
    begun: Core, ending: Ending
) -> None:
    run = begun.status.get_run("q-1", "NewBusiness")
    assert run is not None
    write_end(run, end_ports(), ending=ending, message="why")
    with pytest.raises(RunEnded, match=r"^why$") as raised:
        end_run.lambda_handler(end(), None)
    assert type(raised.value).__name__ == ErrorName.RUN_ENDED
    assert begun.document()["ending"] == ending


def test_a_failing_execution_of_a_complete_run_is_answered_that_the_run_is_complete(begun: Core) -> None:
    end_run.lambda_handler(end(), None)
    before = begun.rows()
    answer = end_run.lambda_handler(end(error={"Error": "Lambda.Unknown", "Cause": "the answer was lost"}), None)
    assert answer == {"uid": "q-1", "workflow": "NewBusiness"}
    assert begun.rows() == before


def test_a_failing_execution_of_a_cancelled_run_keeps_its_own_error(begun: Core) -> None:
    cancel()
    before = begun.rows()
    assert end_run.lambda_handler(end(error=FAILED), None) == {"error": "RunEnded", "cause": "run ended"}
    assert begun.rows() == before


def test_the_end_of_a_complete_run_may_be_repeated(begun: Core) -> None:
    first = end_run.lambda_handler(end(), None)
    before = begun.rows()
    assert end_run.lambda_handler(end(), None) == first
    assert begun.rows() == before


def test_a_failed_run_fails_the_tasks_that_wait_and_leaves_nothing_due(begun: Core) -> None:
    begun.deploy(a_registration())
    open_activity.lambda_handler(opening(), None)
    end_run.lambda_handler(end(error=FAILED), None)
    [(operation, sent)] = begun.signals
    assert (operation, sent["taskToken"], sent["error"]) == ("SendTaskFailure", TOKEN, "RunEnded")
    activities = [item for item in begun.rows(CONTROL) if "token" not in item]
    assert len(activities) == 3
    assert all(item["run_ended"] == {"BOOL": True} and "due_shard" not in item for item in activities)
