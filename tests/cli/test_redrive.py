from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_cli.gateway import Answer, DeadLetter
from orchestrator_runtime.contract import DeadLetters
from tests.cli.fakes import CLAIMS, IN_CLAIMS, FakeGateway, invoke

FAILED = Answer({"errorType": "ValueError", "errorMessage": "no table"}, failed=True)


def letter(name: str, body: str = '{"state": "Complete"}') -> DeadLetter:
    return DeadLetter(id=name, body=body, sender=f"AROA:{name}", receipt=f"receipt-{name}")


def redrive(gateway: FakeGateway, *arguments: str) -> Any:
    return invoke(gateway, "redrive", *arguments, *IN_CLAIMS)


def recorded(*failed: str) -> Answer:
    return Answer({"batchItemFailures": [{"itemIdentifier": name} for name in failed]})


def test_reports_are_recorded_as_they_came_from_the_queue() -> None:
    gateway = FakeGateway(answer=recorded(), letters={"https://results": [letter("a"), letter("b")]})
    result = redrive(gateway, "results")
    assert (result.exit_code, result.stdout) == (0, "results: 2 handled\n")
    [(function, event)] = gateway.invoked
    assert function == "claims-dev-record-result"
    assert event["Records"][0] == {
        "messageId": "a",
        "body": '{"state": "Complete"}',
        "attributes": {"SenderId": "AROA:a"},
    }
    assert gateway.deleted == ["receipt-a", "receipt-b"]
    assert gateway.released == []


def test_reports_that_fail_again_stay_and_are_told() -> None:
    gateway = FakeGateway(answer=recorded("b"), letters={"https://results": [letter("a"), letter("b")]})
    result = redrive(gateway, "results", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "results": {
            "handled": 1,
            "failed": {"b": "it could not be recorded: the log of claims-dev-record-result says why"},
            "kept": 0,
        }
    }
    assert (gateway.deleted, gateway.released) == (["receipt-a"], ["receipt-b"])


def test_all_of_many_are_handled_ten_at_a_time() -> None:
    letters = [letter(str(number)) for number in range(25)]
    gateway = FakeGateway(answer=recorded(), letters={"https://results": letters})
    assert redrive(gateway, "results").stdout == "results: 25 handled\n"
    assert [len(event["Records"]) for _, event in gateway.invoked] == [10, 10, 5]


def test_a_letter_that_fails_again_is_tried_once() -> None:
    letters = [letter(str(number)) for number in range(12)]
    gateway = FakeGateway(answer=FAILED, letters={"https://results": letters})
    result = redrive(gateway, "results")
    assert result.exit_code == 1
    first, second, *_ = result.stdout.splitlines()
    assert first == "results: 12 failed again"
    assert second.startswith("  0: claims-dev-record-result failed: ValueError: no table")
    assert len(gateway.invoked) == 2
    assert (len(gateway.deleted), len(gateway.released)) == (0, 12)


@pytest.mark.parametrize(
    ("kind", "function"), [("sweeps", "claims-dev-sweep-runs"), ("reconciliations", "claims-dev-reconcile")]
)
def test_events_are_repeated_one_by_one(kind: str, function: str) -> None:
    letters = {f"https://{kind}": [letter("a", '{"n": 1}'), letter("b", '{"n": 2}')]}
    gateway = FakeGateway(answer=Answer({}), letters=letters)
    assert redrive(gateway, kind).stdout == f"{kind}: 2 handled\n"
    assert gateway.invoked == [(function, {"n": 1}), (function, {"n": 2})]


def test_an_event_that_fails_again_or_is_none_stays() -> None:
    letters = {"https://sweeps": [letter("a", '{"n": 1}'), letter("b", "no json")]}
    gateway = FakeGateway(answer=FAILED, letters=letters)
    result = redrive(gateway, "sweeps")
    assert result.exit_code == 1
    assert "  a: claims-dev-sweep-runs failed: ValueError: no table: its log says more\n" in result.stdout
    assert "  b: it is not JSON" in result.stdout
    assert sorted(gateway.released) == ["receipt-a", "receipt-b"]


def test_all_kinds_are_handled_and_registrations_are_told_of() -> None:
    letters = {"https://sweeps": [letter("a")], "https://registrations": [letter("r")]}
    gateway = FakeGateway(answer=Answer({}), letters=letters)
    result = redrive(gateway)
    assert result.exit_code == 0
    assert result.stdout == (
        "results: none\n"
        "sweeps: 1 handled\n"
        "reconciliations: none\n"
        "registrations: 1 kept: deploy those plugins again, CloudFormation waits no more for an answer\n"
    )
    assert gateway.deleted == ["receipt-a"]


def test_what_was_not_handled_is_released_whatever_happens() -> None:
    gateway = FakeGateway(answer=None, letters={"https://sweeps": [letter("a")]})
    result = redrive(gateway, "sweeps")
    assert result.exit_code == 2
    assert "older than this command" in result.stderr
    assert (gateway.deleted, gateway.released) == ([], ["receipt-a"])


def test_an_answer_of_another_shape_is_told() -> None:
    gateway = FakeGateway(answer=Answer({"ok": 1}), letters={"https://results": [letter("a")]})
    result = redrive(gateway, "results")
    assert result.exit_code == 1
    assert "which this command does not understand" in result.stderr
    assert gateway.released == ["receipt-a"]


def test_a_core_that_is_older_is_told() -> None:
    gateway = FakeGateway()
    del gateway.parameters[CLAIMS.dead_letters_parameter(DeadLetters.RESULTS)]
    result = redrive(gateway, "results")
    assert result.exit_code == 2
    assert "does not say where its dead letters are" in result.stderr


def test_a_kind_that_there_is_not_is_refused() -> None:
    assert redrive(FakeGateway(), "dead").exit_code == 2
