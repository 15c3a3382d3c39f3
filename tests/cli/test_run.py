from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from orchestrator_cli.gateway import Execution
from orchestrator_cli.runs.runs import RunWatcher, StartedRun, Workflow
from tests.cli.fakes import IN_CLAIMS, OPERATOR, FakeGateway, announced, document, invoke

METADATA = '{"line": "auto"}'


def run(
    gateway: FakeGateway, *arguments: str, uid: str = "Q-1", workflow: str = "NewBusiness", stdin: str = METADATA
) -> Result:
    return invoke(gateway, "run", workflow, "--uid", uid, "--metadata", "-", *IN_CLAIMS, *arguments, stdin=stdin)


def test_a_run_is_started_with_its_uid_and_metadata_and_its_reference_printed() -> None:
    gateway = FakeGateway()
    result = run(gateway, "--metadata-override")
    assert (result.exit_code, result.stderr) == (0, announced("start run 'Q-1' of NewBusiness"))
    assert result.stdout == "NewBusiness Q-1 attempt 1: arn:run-1\n"
    assert gateway.started[0]["machine"] == "arn:machine"
    assert gateway.started[0]["input"] == {
        "uid": "Q-1",
        "metadata": {"line": "auto"},
        "metadata_override": True,
        "by": OPERATOR,
    }
    assert gateway.started[0]["name"].startswith("Q-1-")


def test_metadata_is_read_from_a_file(tmp_path: Path) -> None:
    gateway = FakeGateway()
    (tmp_path / "run.json").write_text('{"premium": 12.5}')
    invoke(gateway, "run", "Cancel", "--uid", "é/1", "--metadata", str(tmp_path / "run.json"), *IN_CLAIMS)
    assert gateway.started[0]["input"]["metadata"] == {"premium": 12.5}
    assert gateway.started[0]["machine"] == "arn:other-machine"


@pytest.mark.parametrize(("state", "code"), [("Complete", 0), ("Error", 1)])
def test_watch_draws_changes_and_exits_by_how_the_run_ended(state: str, code: int) -> None:
    gateway = FakeGateway(rows=[None, document(), document(state, message="Rate/parallel/Score: no table")])
    result = run(gateway, "--watch")
    assert result.exit_code == code
    assert "NewBusiness Q-1  Rate/parallel/Score  In Progress 55 %: reading tables" in result.stdout
    assert f"NewBusiness Q-1  {state}: Rate/parallel/Score: no table" in result.stdout
    assert result.stderr == announced("start run 'Q-1' of NewBusiness")


def test_json_prints_one_document_on_stdout_and_the_drawing_elsewhere() -> None:
    result = run(FakeGateway(), "--watch", "--json")
    assert json.loads(result.stdout) == document("Complete")
    assert "Rate/parallel/Score" in result.stderr


def test_json_without_watch_prints_the_document_of_the_accepted_start() -> None:
    result = run(FakeGateway(rows=[None, document()]), "--json")
    assert json.loads(result.stdout)["state"] == "In Progress"
    assert result.stderr == announced("start run 'Q-1' of NewBusiness")


def test_a_refused_start_tells_why_and_in_what_the_metadata_differs() -> None:
    other = document("Complete", execution="arn:earlier", metadata={"line": "home", "state": "OH", "risk": {"a": 1}})
    wrapped = json.dumps({"errorMessage": "run 'Q-1' was started with other metadata", "stackTrace": ["…"]})
    gateway = FakeGateway(rows=[other], executions=[Execution("RUNNING"), Execution("FAILED", "X", wrapped)])
    result = run(gateway, "--watch", "--json", stdin='{"line": "auto", "risk": {"a": 1.0}, "new": true}')
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines()[1:] == [
        "orchestrator: run 'Q-1' of NewBusiness was refused: run 'Q-1' was started with other metadata",
        '  ~ line: "home" (stored), "auto" (given)',
        "  + new: true (given, not stored)",
        '  - state: "OH" (stored, not given)',
    ]


def test_a_row_that_is_written_while_the_execution_ends_counts() -> None:
    gateway = FakeGateway(rows=[None, document("Complete")], executions=[Execution("SUCCEEDED")])
    assert run(gateway, "--watch").exit_code == 0


def test_an_execution_that_was_stopped_and_left_its_run_open_is_given_up_after_a_while() -> None:
    gateway = FakeGateway(rows=[None, document()], executions=[Execution("ABORTED")])
    started = StartedRun(Workflow("NewBusiness", "arn:machine", "status"), "Q-1", "arn:run-1", {})
    times = iter([0.0, 0.0, 59.0, 61.0])
    watcher = RunWatcher(gateway, started, clock=lambda: next(times))
    assert not watcher.look().ended
    assert not watcher.look().ended
    look = watcher.look()
    assert look.ended
    assert not look.complete
    assert look.problem == ("its execution ended as ABORTED, but the run was not ended: start it again to resume")


def test_the_execution_is_asked_for_rarely_once_the_row_is_there() -> None:
    gateway = FakeGateway(rows=[*(document() for _ in range(30)), document("Complete")])
    assert run(gateway, "--watch").exit_code == 0
    assert gateway.described == 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"uid": ""}, "uid must be a non-empty string, got '': give every run an id of its own"),
        ({"uid": "a\x07"}, "has control characters"),
        ({"uid": "a" * 257}, "uid is 257 characters long: use at most 256"),
        ({"workflow": "Renewal"}, "no workflow 'Renewal' in claims-dev: those that there are: Cancel, NewBusiness"),
        ({"workflow": "a/b"}, "the workflow name 'a/b' is not allowed"),
        ({"stdin": "{"}, "metadata in standard input is not JSON: Expecting property name"),
        ({"stdin": '{"a": NaN}'}, "metadata in standard input is not JSON: NaN is no JSON number"),
        ({"stdin": '{"a": 1e999}'}, "metadata in standard input is not JSON: 1e999 is no JSON number"),
        ({"stdin": "[1]"}, "metadata in standard input must be a JSON object, got an array"),
        ({"stdin": "null"}, "metadata in standard input must be a JSON object, got null"),
        ({"stdin": '{"plugins": 1}'}, "metadata may not use the reserved keys ['plugins']: rename them"),
        ({"stdin": json.dumps({"a": "x" * 262_144})}, "are free for it (of the 262,144 that SNS takes"),
        ({"stdin": '{"a": "\\ud800"}'}, "metadata holds an endless number or half a character, which JSON has not"),
        ({"stdin": "[" * 100_000}, "metadata in standard input is nested too deeply to be read"),
    ],
)
def test_bad_input_is_a_sentence_and_starts_nothing(arguments: dict[str, Any], told: str) -> None:
    gateway = FakeGateway()
    result = run(gateway, **arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("orchestrator: ")
    assert told in result.stderr
    assert result.stdout == ""
    assert gateway.started == []


def test_a_file_that_is_not_there_is_named() -> None:
    result = invoke(FakeGateway(), "run", "NewBusiness", "--uid", "Q", "--metadata", "/no/such.json", *IN_CLAIMS)
    assert result.exit_code == 2
    assert "metadata cannot be read from /no/such.json: No such file or directory" in result.stderr


def test_a_core_that_is_not_there_is_named() -> None:
    result = run(FakeGateway(parameters={}))
    assert result.exit_code == 2
    assert "no core of system 'claims', stage 'dev' is deployed in this account and region" in result.stderr


def test_a_core_without_workflows_says_so() -> None:
    gateway = FakeGateway()
    gateway.parameters = {name: value for name, value in gateway.parameters.items() if "/workflows/" not in name}
    assert "those that there are: none" in run(gateway).stderr


def test_what_is_expected_of_runs_makes_no_workflow_of_a_teams_own_state_machine() -> None:
    gateway = FakeGateway()
    path = "/claims/dev/workflows/"
    gateway.parameters = {
        **gateway.parameters,
        f"{path}Cancel/expected-seconds": "60",
        f"{path}OfATeam/expected-seconds": "60",
    }
    told = run(gateway, workflow="OfATeam").stderr
    assert "no workflow 'OfATeam' in claims-dev: those that there are: Cancel, NewBusiness\n" in told


@pytest.mark.parametrize("missing", ["--uid", "--system", "--stage"])
def test_a_missing_option_is_a_usage_error(missing: str) -> None:
    given = {"--uid": "Q-1", "--system": "claims", "--stage": "dev"}
    del given[missing]
    result = invoke(FakeGateway(), "run", "NewBusiness", *(part for pair in given.items() for part in pair))
    assert result.exit_code == 2
    assert missing in result.stderr


def test_a_system_name_that_cannot_be_is_refused() -> None:
    result = invoke(FakeGateway(), "run", "NewBusiness", "--uid", "Q", "--system", "aws1", "--stage", "dev")
    assert result.exit_code == 2
    assert "the system name 'aws1' is not allowed" in result.stderr
