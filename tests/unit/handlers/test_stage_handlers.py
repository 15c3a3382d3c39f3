"""A stage from its opening to its end, through the functions of the core."""

from __future__ import annotations

import json

import pytest

from orchestrator_runtime.core.begin import InvalidRunInput
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.handlers import advance_stage, begin_run, end_run, record_result
from tests.unit.handlers.conftest import Core
from tests.unit.handlers.events import TOKEN, advance, batch, begin, end, report
from tests.unit.moto_tables import CONTROL
from tests.unit.samples import EXECUTION, a_registration, run_ref, stage_ref

OUTPUT = json.dumps({"uid": "q-1", "workflow": "NewBusiness", "attempt": 1})


@pytest.fixture
def begun(core: Core) -> Core:
    begin_run.lambda_handler(begin({"uid": "q-1", "metadata": {"line": "auto"}}), None)
    return core


def test_a_stage_of_nobody_closes_at_once(begun: Core) -> None:
    advance_stage.lambda_handler(advance(), None)
    assert begun.signals == [("SendTaskSuccess", {"taskToken": TOKEN, "output": OUTPUT})]
    assert begun.document()["activities"]["Rate"]["stages"]["parallel"]["state"] == "Complete"
    assert [line["message"] for line in begun.lines()] == ["run started", "stage closed"]


def test_a_stage_calls_whom_its_filters_match_and_ends_with_the_last_report(begun: Core) -> None:
    begun.registry.put(a_registration("Score", filter_policy={"line": ["auto"]}))
    begun.registry.put(a_registration("Optional", mandatory=False))
    begun.registry.put(a_registration("Home", filter_policy={"line": ["home"]}))
    advance_stage.lambda_handler(advance(), None)
    [message] = begun.published()
    assert message["plugins"] == ["Optional", "Score"]
    assert message["report_to"].endswith("/claims-dev-results")
    started = batch(report(state="In Progress"), report("Optional", "Error", message="no luck"))
    assert record_result.lambda_handler(started, None) == {"batchItemFailures": []}
    assert begun.signals == []
    done = batch(report(output={"points": 7}))
    assert record_result.lambda_handler(done, None) == {"batchItemFailures": []}
    assert begun.signals == [("SendTaskSuccess", {"taskToken": TOKEN, "output": OUTPUT})]
    stage = begun.document()["activities"]["Rate"]["stages"]["parallel"]
    assert stage["state"] == "Complete"
    assert {name: plugin["state"] for name, plugin in stage["plugins"].items()} == {
        "Optional": "Optional Task Error",
        "Score": "Complete",
    }
    assert begun.status.outputs(run_ref()) == {"Rate/parallel/Score": {"points": 7}}


def test_a_mandatory_error_fails_the_stage(begun: Core) -> None:
    begun.registry.put(a_registration())
    advance_stage.lambda_handler(advance(), None)
    record_result.lambda_handler(batch(report(state="Error", message="no such car: ü")), None)
    cause = "Rate/parallel: Score: no such car: ü"
    assert begun.signals == [("SendTaskFailure", {"taskToken": TOKEN, "error": "PluginFailed", "cause": cause})]


def test_plugins_are_released_one_at_a_time(begun: Core) -> None:
    begun.registry.put(a_registration("Second"))
    begun.registry.put(a_registration("First", order=1))
    advance_stage.lambda_handler(advance(rule="one-at-a-time"), None)
    assert [message["plugins"] for message in begun.published()] == [["First"]]
    record_result.lambda_handler(batch(report("First")), None)
    assert [message["plugins"] for message in begun.published()] == [["Second"]]
    record_result.lambda_handler(batch(report("Second")), None)
    assert [name for name, _ in begun.signals] == ["SendTaskSuccess"]


def test_a_wake_signals_again_what_is_closed(begun: Core) -> None:
    begun.dead_tokens.add(TOKEN)
    advance_stage.lambda_handler(advance(), None)
    advance_stage.lambda_handler(advance(token="next", entered="2026-11-24T09:31:00.123Z"), None)
    assert [sent["taskToken"] for _, sent in begun.signals] == [TOKEN, "next"]


def test_a_token_of_an_earlier_entry_is_no_reason_to_do_anything(begun: Core) -> None:
    begun.registry.put(a_registration())
    advance_stage.lambda_handler(advance(), None)
    begun.published()
    before = begun.rows()
    advance_stage.lambda_handler(advance(token="zombie", entered="2026-11-24T09:29:00.123Z"), None)
    assert (begun.rows(), begun.published(), begun.signals) == (before, [], [])


def test_a_stage_of_an_attempt_that_is_over_fails(begun: Core) -> None:
    advance_stage.lambda_handler(advance(attempt=2), None)
    [(operation, sent)] = begun.signals
    assert (operation, sent["error"]) == ("SendTaskFailure", "RunSuperseded")


def test_a_stage_of_a_run_that_ended_fails(begun: Core) -> None:
    end_run.lambda_handler(end(), None)
    advance_stage.lambda_handler(advance(), None)
    [(operation, sent)] = begun.signals
    assert (operation, sent["error"]) == ("SendTaskFailure", "RunEnded")


def test_the_event_of_a_stage_is_read_whole() -> None:
    request = advance_stage.parse(advance(2, retry="3", stage="post", fail_on_optional_error=True))
    assert request.ref == RunRef("q-1", "NewBusiness", 2).stage("Rate", stage_ref().stage.POST)
    assert (request.options.timeout_seconds, request.options.start_within_seconds) == (3600, 900)
    assert request.options.fail_on_optional_error
    assert request.rank == "000000002.001795512600123.0003"


def test_a_resumed_stage_calls_again_who_has_to_and_forgets_what_it_put_out(begun: Core) -> None:
    begun.registry.put(a_registration(always_run=True))
    advance_stage.lambda_handler(advance(), None)
    record_result.lambda_handler(batch(report(output={"points": 7})), None)
    end_run.lambda_handler(end(), None)
    begin_run.lambda_handler(begin({"uid": "q-1", "metadata": {"line": "auto"}}, f"{EXECUTION}-2"), None)
    begun.published()
    advance_stage.lambda_handler(advance(attempt=2), None)
    assert [message["attempt"] for message in begun.published()] == [2]
    assert begun.status.outputs(run_ref(2)) == {}


def test_a_resume_keeps_what_was_skipped_before_for_as_long_as_itself(begun: Core) -> None:
    begun.registry.put(a_registration())
    advance_stage.lambda_handler(advance(), None)
    record_result.lambda_handler(batch(report(state="Do Not Run", message="no car")), None)
    end_run.lambda_handler(end(), None)
    again = begin({"uid": "q-1", "metadata": {"line": "auto"}}, f"{EXECUTION}-2")
    begin_run.lambda_handler(again | {"timeout_seconds": again["timeout_seconds"] * 2}, None)
    history = begun.status.history(uid="q-1", workflow="NewBusiness")
    assert history is not None
    assert [(entry.attempt, entry.what.value) for entry in history] == [
        (1, "started"),
        (1, "skipped"),
        (1, "completed"),
        (2, "resumed"),
    ]
    expiries = {row["expires_at"]["N"] for row in begun.rows() if row["path"]["S"].startswith("~history/")}
    [run] = [row["expires_at"]["N"] for row in begun.rows() if row["path"]["S"] == "NewBusiness/"]
    assert expiries == {run}


def test_a_run_that_went_well_is_complete(begun: Core) -> None:
    assert end_run.lambda_handler(end(), None) == {"uid": "q-1", "workflow": "NewBusiness"}
    assert begun.document()["state"] == "Complete"
    assert (begun.lines()[-1]["message"], begun.lines()[-1]["ending"]) == ("run ended", "completed")


def test_a_run_that_failed_says_why_and_leaves_nothing_open(begun: Core) -> None:
    begun.registry.put(a_registration())
    advance_stage.lambda_handler(advance(), None)
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


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"uid": None}, "uid must be a non-empty string"),
        ({"uid": "q\n1"}, "uid has control characters"),
        ({"workflow": "New/Business"}, "the workflow name is not allowed"),
        ({"workflow": {"a": 1}}, "the workflow name is not allowed"),
        ({"attempt": "1"}, "attempt must be a whole number from 1 to 999999999"),
        ({"attempt": True}, "attempt must be"),
        ({"attempt": 0}, "attempt must be"),
        ({"attempt": 10**9}, "attempt must be"),
        ({"attempt": 1.0}, "attempt must be"),
    ],
    ids=str,
)
def test_a_stage_that_is_given_no_run_is_refused_before_anything_is_written(
    core: Core, wrong: dict[str, object], told: str
) -> None:
    with pytest.raises(InvalidRunInput, match=f"^the activity was given no run: {told}"):
        advance_stage.lambda_handler(advance() | wrong, None)
    assert core.rows(CONTROL) == []
