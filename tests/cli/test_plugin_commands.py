from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import Result

from orchestrator_cli.gateway import Answer
from tests.cli.fakes import IN_CLAIMS, FakeGateway, announced, invoke, registration

REPAIRS = announced("repair the registry")

ADDED = {
    "action": "added",
    "stage": "Rate/parallel",
    "plugin": "Weather",
    "subscription_arn": "arn:sns:weather",
    "detail": "subscribed since the last look",
}
NOT_REGISTERED = {
    "kind": "not-registered",
    "stage": "Rate/parallel",
    "plugin": "Weather",
    "subscription_arn": "arn:sns:weather",
    "detail": "the subscription has no registration: run 'orchestrator plugins reconcile'",
}
NEVER = {
    "kind": "never-matches",
    "stage": "Rate/pre",
    "plugin": "Normalize",
    "subscription_arn": "arn:sns:normalize",
    "detail": "line can never be auto and home: correct the filter policy",
}
UNREADABLE = {
    "kind": "unreadable",
    "stage": None,
    "plugin": None,
    "subscription_arn": "arn:sns:other",
    "detail": "its attributes could not be read: ask its owner",
}


def plugins(gateway: FakeGateway, *arguments: str) -> Result:
    return invoke(gateway, "plugins", *arguments, *IN_CLAIMS)


def answering(*, repairs: Any = (), problems: Any = (), checked: int = 12) -> FakeGateway:
    return FakeGateway(answer=Answer({"repairs": [*repairs], "problems": [*problems], "checked": checked}))


def registry() -> FakeGateway:
    return FakeGateway(
        registered=[
            registration("pre", "Zip", order=20),
            registration("pre", "Normalize", order=20),
            registration("pre", "Archive", order=100),
            registration("pre", "First", order=9),
            registration("parallel", "Address", activity="Validate", mandatory=False),
        ]
    )


def test_all_activities_and_stages_are_listed_in_the_order_of_release() -> None:
    result = plugins(registry())
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.split("  ")[:3] for line in result.stdout.splitlines()] == [
        ["Rate/pre/First", "mandatory", "order 9"],
        ["Rate/pre/Normalize", "mandatory", "order 20"],
        ["Rate/pre/Zip", "mandatory", "order 20"],
        ["Rate/pre/Archive", "mandatory", "order 100"],
        ["Rate/parallel", "no plugins"],
        ["Rate/post", "no plugins"],
        ["Validate/pre", "no plugins"],
        ["Validate/parallel/Address", "optional", "function"],
        ["Validate/post", "no plugins"],
    ]


def test_on_a_terminal_it_is_a_tree_and_findings_are_wrapped_between_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "└─" in plugins(registry()).stdout
    found = plugins(answering(problems=[{**NEVER, "detail": "word " * 40}]), "doctor").stdout.splitlines()
    assert max(map(len, found[1:])) <= 120
    assert found[1].startswith("word word")


def test_list_is_what_is_meant_where_no_command_is_given() -> None:
    assert plugins(registry(), "list").stdout == plugins(registry()).stdout
    listed = invoke(registry(), "plugins", *IN_CLAIMS, "--activity", "Validate").stdout
    assert [line.split("/")[0] for line in listed.splitlines()] == ["Validate"] * 3


def test_a_command_that_stands_behind_options_is_refused_and_not_run() -> None:
    gateway = answering()
    result = invoke(gateway, "plugins", "--activity", "Rate", *IN_CLAIMS, "reconcile")
    assert result.exit_code == 2
    assert gateway.invoked == []


@pytest.mark.parametrize("arguments", [["doctr"], ["list", "Rate"]])
def test_a_command_that_there_is_not_is_refused(arguments: list[str]) -> None:
    assert plugins(registry(), *arguments).exit_code == 2


def test_the_registry_as_json_is_one_document() -> None:
    gateway = FakeGateway(
        registered=[
            registration("parallel", "Score", only_if={"line": ["auto"]}, sender_role_ids=("AROA1", "AROA2")),
            registration("parallel", "Weather", owner="", problem="odd", seen_at=datetime(2026, 11, 24, tzinfo=UTC)),
        ]
    )
    result = plugins(gateway, "--json", "--activity", "Rate")
    assert result.stderr == ""
    document = json.loads(result.stdout)
    stages = document["activities"].pop("Rate")["stages"]
    assert document == {"system": "claims", "stage": "dev", "activities": {}}
    assert stages["pre"] == stages["post"] == {"plugins": []}
    assert list(stages) == ["pre", "parallel", "post"]
    score, weather = stages["parallel"]["plugins"]
    assert score == {
        "name": "Score",
        "kind": "function",
        "mandatory": True,
        "order": 90,
        "always_run": False,
        "timeout_seconds": None,
        "start_within_seconds": None,
        "reports_start": True,
        "filter_policy": {"line": ["auto"]},
        "filter_policy_scope": "MessageAttributes",
        "protocol": "lambda",
        "endpoint": "arn:aws:lambda:eu-west-1:123456789012:function:claims-score",
        "subscription_arn": "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel:Score",
        "owner": "arn:aws:cloudformation:eu-west-1:123456789012:stack/claims-score/8f1d",
        "sender_role_ids": ["AROA1", "AROA2"],
        "description": None,
        "problem": None,
        "seen_at": None,
    }
    assert (weather["owner"], weather["problem"], weather["seen_at"]) == (None, "odd", "2026-11-24T00:00:00.000Z")


@pytest.mark.parametrize("command", [[], ["reconcile"], ["doctor"]])
def test_an_activity_that_is_not_there_is_named(command: list[str]) -> None:
    gateway = answering()
    result = plugins(gateway, *command, "--activity", "Rating")
    assert result.exit_code == 2
    assert result.stderr.removeprefix(REPAIRS) == (
        "orchestrator: no activity 'Rating' in claims-dev: those that there are: Rate, Validate\n"
    )
    assert (result.stdout, gateway.invoked) == ("", [])


@pytest.mark.parametrize("command", [[], ["reconcile"], ["doctor"]])
def test_a_core_that_is_not_there_is_named(command: list[str]) -> None:
    result = plugins(FakeGateway(parameters={}), *command)
    assert result.exit_code == 2
    assert "no core of system 'claims', stage 'dev' is deployed" in result.stderr


@pytest.mark.parametrize("command", [[], ["reconcile"], ["doctor"]])
def test_a_name_that_is_not_allowed_is_a_sentence(command: list[str]) -> None:
    result = invoke(FakeGateway(), "plugins", *command, "--system", "a/b", "--stage", "dev")
    assert result.exit_code == 2
    assert "the system name 'a/b' is not allowed" in result.stderr


def test_a_system_without_activities_says_so() -> None:
    gateway = FakeGateway()
    gateway.parameters = {name: value for name, value in gateway.parameters.items() if "/activities/" not in name}
    assert plugins(gateway).stdout == "no activities in claims-dev: deploy one\n"
    assert json.loads(plugins(gateway, "--json").stdout)["activities"] == {}


def test_reconcile_tells_what_it_repaired_and_what_is_left() -> None:
    gateway = answering(repairs=[ADDED], problems=[NEVER, UNREADABLE])
    result = plugins(gateway, "reconcile", "--activity", "Rate")
    assert (result.exit_code, result.stderr) == (0, REPAIRS)
    assert gateway.invoked == [("claims-dev-reconcile", {"repair": True, "activity": "Rate"})]
    assert result.stdout.splitlines() == [
        "added Rate/parallel Weather: subscribed since the last look",
        "never-matches Rate/pre Normalize: line can never be auto and home: correct the filter policy",
        "unreadable arn:sns:other: its attributes could not be read: ask its owner",
        "1 repair, 2 problems left for you; looked at 12 subscriptions",
    ]


def test_reconcile_says_when_there_was_nothing_to_do() -> None:
    result = plugins(answering(), "reconcile")
    assert (result.exit_code, result.stdout) == (0, "nothing to repair; looked at 12 subscriptions\n")


def test_the_doctor_only_looks_and_fails_where_something_is_wrong() -> None:
    gateway = answering(repairs=[ADDED], problems=[NEVER, NOT_REGISTERED])
    result = plugins(gateway, "doctor")
    assert (result.exit_code, result.stderr) == (1, "")
    assert gateway.invoked == [("claims-dev-reconcile", {"repair": False, "activity": None})]
    assert result.stdout.splitlines() == [
        "never-matches Rate/pre Normalize: line can never be auto and home: correct the filter policy",
        "would be added Rate/parallel Weather: subscribed since the last look",
        "1 problem and 1 repair for 'orchestrator plugins reconcile'; looked at 12 subscriptions",
    ]


def test_a_subscription_that_reconcile_would_not_register_is_a_problem() -> None:
    result = plugins(answering(problems=[NOT_REGISTERED]), "doctor")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "not-registered Rate/parallel Weather: the subscription has no registration: "
        "run 'orchestrator plugins reconcile'",
        "1 problem; looked at 12 subscriptions",
    ]


def test_repairs_alone_are_a_finding_too() -> None:
    result = plugins(answering(repairs=[ADDED], checked=1), "doctor")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "1 repair for 'orchestrator plugins reconcile'; looked at 1 subscription"


def test_the_doctor_says_that_all_is_well() -> None:
    result = plugins(answering(), "doctor")
    assert (result.exit_code, result.stdout) == (0, "nothing wrong with 12 subscriptions\n")


@pytest.mark.parametrize(("command", "code"), [("reconcile", 0), ("doctor", 1)])
def test_as_json_the_answer_is_printed_as_it_came(command: str, code: int) -> None:
    gateway = answering(repairs=[ADDED], problems=[UNREADABLE])
    result = plugins(gateway, command, "--json")
    assert (result.exit_code, result.stderr) == (code, REPAIRS if command == "reconcile" else "")
    assert gateway.answer is not None
    assert json.loads(result.stdout) == gateway.answer.document


def test_what_was_found_cannot_steer_the_terminal_nor_be_markup() -> None:
    result = plugins(answering(problems=[{**NEVER, "plugin": "\x1b[2J", "detail": "[red]a\nb"}]), "doctor")
    assert result.stdout.splitlines()[0] == r"never-matches Rate/pre \x1b[2J: [red]a b"


@pytest.mark.parametrize("command", ["reconcile", "doctor"])
def test_a_core_that_cannot_reconcile_is_older(command: str) -> None:
    result = plugins(FakeGateway(answer=None), command)
    assert result.exit_code == 2
    assert result.stderr.removeprefix(REPAIRS) == (
        "orchestrator: the core claims-dev has no function claims-dev-reconcile, so it is older than this command: "
        "deploy the core with the library's present version\n"
    )


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out"}, "Sandbox.Timedout: Task timed out"),
        ({"errorMessage": "no\nway", "stackTrace": ["…"]}, "no way"),
        (None, "null"),
    ],
)
def test_a_function_that_failed_says_why(told: Any, sentence: str) -> None:
    result = plugins(FakeGateway(answer=Answer(told, failed=True)), "reconcile")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == REPAIRS + f"orchestrator: claims-dev-reconcile failed: {sentence}: its log says more\n"


@pytest.mark.parametrize("told", [None, [], "x" * 500, {"repairs": []}, {"repairs": [1], "problems": [], "checked": 1}])
def test_an_answer_that_is_none_is_a_sentence(told: Any) -> None:
    result = plugins(FakeGateway(answer=Answer(told)), "doctor")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"orchestrator: claims-dev-reconcile answered {json.dumps(told)[:200]}")
    assert result.stderr.endswith(
        ", which this command does not understand: install the version that the core was deployed with\n"
    )
