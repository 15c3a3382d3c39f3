"""An activity from its opening to its end, through the functions of the core."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.begin import InvalidRunInput
from orchestrator_runtime.handlers import begin_run, end_run, open_activity, record_result
from tests.unit.handlers.conftest import Core
from tests.unit.handlers.events import TOKEN, batch, begin, end, opening, report
from tests.unit.moto_tables import CONTROL
from tests.unit.samples import EXECUTION, a_registration, run_ref

OUTPUT = json.dumps({"uid": "q-1", "workflow": "NewBusiness", "attempt": 1})
SUCCEEDED = ("SendTaskSuccess", {"taskToken": TOKEN, "output": OUTPUT})


@pytest.fixture
def begun(core: Core) -> Core:
    begin_run.lambda_handler(begin({"uid": "q-1", "metadata": {"line": "auto"}}), None)
    return core


def test_an_activity_without_a_matching_plugin_is_answered_without_a_write(begun: Core) -> None:
    begun.deploy(a_registration("Home", filter_policy={"line": ["home"]}))
    before = begun.rows()
    open_activity.lambda_handler(opening(), None)
    assert begun.signals == [SUCCEEDED]
    assert (begun.rows(), begun.rows(CONTROL), begun.published()) == (before, [], [])


def test_an_activity_that_is_not_deployed_fails_its_task(begun: Core) -> None:
    open_activity.lambda_handler(opening(), None)
    [(operation, sent)] = begun.signals
    assert (operation, sent["error"]) == ("SendTaskFailure", "UnknownActivity")
    assert sent["cause"] == "activity 'Rate' is not deployed: deploy it, or remove it from workflow 'NewBusiness'"


def test_a_stage_invokes_the_plugins_that_match_and_ends_with_the_last_report(begun: Core) -> None:
    begun.deploy(
        a_registration("Score", filter_policy={"line": ["auto"]}),
        a_registration("Optional", mandatory=False),
        a_registration("Home", filter_policy={"line": ["home"]}),
    )
    open_activity.lambda_handler(opening(), None)
    [message] = begun.published()
    assert (message["stage"], message["plugins"]) == ("parallel", ["Optional", "Score"])
    assert message["report_to"].endswith("/claims-dev-results")
    started = batch(report(state="In Progress"), report("Optional", "Error", message="no luck"))
    assert record_result.lambda_handler(started, None) == {"batchItemFailures": []}
    assert begun.signals == []
    done = batch(report(output={"points": 7}))
    assert record_result.lambda_handler(done, None) == {"batchItemFailures": []}
    assert begun.signals == [SUCCEEDED]
    stage = begun.document()["activities"]["Rate"]["stages"]["parallel"]
    assert stage["state"] == "Complete"
    assert {name: plugin["state"] for name, plugin in stage["plugins"].items()} == {
        "Optional": "Optional Task Error",
        "Score": "Complete",
    }
    assert begun.status.outputs(run_ref()) == {"Rate/parallel/Score": {"points": 7}}


def test_a_mandatory_error_fails_the_task(begun: Core) -> None:
    begun.deploy(a_registration())
    open_activity.lambda_handler(opening(), None)
    record_result.lambda_handler(batch(report(state="Error", message="no such car: ü")), None)
    cause = "Rate/parallel: Score: no such car: ü"
    assert begun.signals == [("SendTaskFailure", {"taskToken": TOKEN, "error": "PluginFailed", "cause": cause})]


def test_an_optional_error_fails_the_task_if_the_settings_of_the_stage_say_so(begun: Core) -> None:
    begun.deploy(a_registration(mandatory=False), fail_on_optional_error=True)
    open_activity.lambda_handler(opening(), None)
    record_result.lambda_handler(batch(report(state="Error", message="no luck")), None)
    assert [sent.get("error") for _, sent in begun.signals] == ["PluginFailed"]


def test_a_sequential_stage_dispatches_one_plugin_at_a_time(begun: Core) -> None:
    begun.deploy(a_registration("Second", stage=Stage.PRE), a_registration("First", stage=Stage.PRE, order=1))
    open_activity.lambda_handler(opening(), None)
    assert [message["plugins"] for message in begun.published()] == [["First"]]
    record_result.lambda_handler(batch(report("First", stage="pre")), None)
    assert [message["plugins"] for message in begun.published()] == [["Second"]]
    assert begun.signals == []
    record_result.lambda_handler(batch(report("Second", stage="pre")), None)
    assert begun.signals == [SUCCEEDED]


def test_the_last_report_of_a_stage_dispatches_the_next_one(begun: Core) -> None:
    names = {"pre": "Check", "parallel": "Score", "post": "Notify"}
    begun.deploy(*(a_registration(names[stage], stage=stage) for stage in Stage))
    open_activity.lambda_handler(opening(), None)
    for stage, following in pairwise(Stage):
        assert [(message["stage"], message["plugins"]) for message in begun.published()] == [(stage, [names[stage]])]
        assert begun.signals == []
        record_result.lambda_handler(batch(report(names[stage], stage=stage)), None)
        assert [item["stage"]["S"] for item in begun.rows(CONTROL) if "stage" in item] == [following]
    assert [message["plugins"] for message in begun.published()] == [["Notify"]]
    record_result.lambda_handler(batch(report("Notify", stage="post")), None)
    assert begun.signals == [SUCCEEDED]
    assert begun.document()["activities"]["Rate"]["state"] == "Complete"


def test_a_later_entry_answers_the_outcome_that_is_stored(begun: Core) -> None:
    begun.deploy(a_registration())
    begun.dead_tokens.add(TOKEN)
    open_activity.lambda_handler(opening(), None)
    record_result.lambda_handler(batch(report()), None)
    open_activity.lambda_handler(opening(token="next", entered="2026-11-25T09:30:00.123Z"), None)
    assert [(name, sent["taskToken"]) for name, sent in begun.signals] == [
        ("SendTaskSuccess", TOKEN),
        ("SendTaskSuccess", "next"),
    ]


def test_the_token_of_an_earlier_entry_changes_nothing(begun: Core) -> None:
    begun.deploy(a_registration())
    open_activity.lambda_handler(opening(), None)
    begun.published()
    before = begun.rows(), begun.rows(CONTROL)
    open_activity.lambda_handler(opening(token="zombie", entered="2026-11-24T09:29:00.123Z"), None)
    assert ((begun.rows(), begun.rows(CONTROL)), begun.published(), begun.signals) == (before, [], [])


def test_a_retry_dispatches_what_a_failed_invocation_has_claimed(begun: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    begun.deploy(a_registration())
    with monkeypatch.context() as broken:
        broken.setattr("orchestrator_runtime.aws.topics.SnsPublisher.publish", fail)
        with pytest.raises(OSError, match="SNS is down"):
            open_activity.lambda_handler(opening(), None)
    assert begun.published() == []
    open_activity.lambda_handler(opening(retry=1, token="retried"), None)
    assert [message["plugins"] for message in begun.published()] == [["Score"]]


def fail(*_: object) -> None:
    raise OSError("SNS is down")


def test_an_activity_of_an_earlier_attempt_fails_its_task(begun: Core) -> None:
    open_activity.lambda_handler(opening(attempt=2), None)
    [(operation, sent)] = begun.signals
    assert (operation, sent["error"]) == ("SendTaskFailure", "RunSuperseded")


def test_an_activity_of_a_run_that_has_ended_fails_its_task(begun: Core) -> None:
    end_run.lambda_handler(end(), None)
    open_activity.lambda_handler(opening(), None)
    [(operation, sent)] = begun.signals
    assert (operation, sent["error"]) == ("SendTaskFailure", "RunEnded")


def test_the_event_of_a_task_is_parsed() -> None:
    request = open_activity.parse(opening(2, retry="3"))
    assert request.ref == run_ref(2).activity("Rate")
    assert (request.token, request.retry) == (TOKEN, 3)
    assert request.entered == datetime(2026, 11, 24, 9, 30, 0, 123_000, tzinfo=UTC)
    assert request.rank == "000000002.001795512600123.0003"


def test_tokens_are_ranked_by_attempt_then_entry_then_retry() -> None:
    in_order = [
        opening(1, entered="2026-11-25T09:30:00.123Z", retry=7),
        opening(2),
        opening(2, retry=1),
        opening(2, retry=10),
        opening(2, entered="2026-11-24T09:30:00.124Z"),
        opening(10, entered="2026-11-23T09:30:00.124Z"),
    ]
    ranks = [open_activity.parse(event).rank for event in in_order]
    assert ranks == sorted(set(ranks))


def test_a_resume_dispatches_a_plugin_that_always_runs_and_drops_its_output(begun: Core) -> None:
    begun.deploy(a_registration(always_run=True))
    open_activity.lambda_handler(opening(), None)
    record_result.lambda_handler(batch(report(output={"points": 7})), None)
    end_run.lambda_handler(end(), None)
    begin_run.lambda_handler(begin({"uid": "q-1", "metadata": {"line": "auto"}}, f"{EXECUTION}-2"), None)
    begun.published()
    open_activity.lambda_handler(opening(attempt=2), None)
    assert [message["attempt"] for message in begun.published()] == [2]
    assert begun.status.outputs(run_ref(2)) == {}


def test_a_resume_keeps_the_history_of_a_skipped_plugin_as_long_as_the_run(begun: Core) -> None:
    begun.deploy(a_registration())
    open_activity.lambda_handler(opening(), None)
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


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"uid": None}, "uid must be a non-empty string"),
        ({"uid": "q\n1"}, "uid has control characters"),
        ({"workflow": "New/Business"}, "the workflow name is not allowed"),
        ({"workflow": {"a": 1}}, "the workflow name is not allowed"),
        ({"activity": "a/b"}, "the activity name is not allowed"),
        ({"activity": None}, "the activity name is not allowed"),
        ({"attempt": "1"}, "attempt must be a whole number from 1 to 999999999"),
        ({"attempt": True}, "attempt must be"),
        ({"attempt": 0}, "attempt must be"),
        ({"attempt": 10**9}, "attempt must be"),
        ({"attempt": 1.0}, "attempt must be"),
    ],
    ids=str,
)
def test_an_activity_whose_event_names_no_run_is_refused_before_anything_is_written(
    core: Core, wrong: dict[str, object], problem: str
) -> None:
    with pytest.raises(InvalidRunInput, match=f"^the activity's input names no run: {problem}"):
        open_activity.lambda_handler(opening() | wrong, None)
    assert core.rows(CONTROL) == []
