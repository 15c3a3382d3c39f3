from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_cli.gateway import Answer
from tests.cli.fakes import IN_CLAIMS, OPERATOR, FakeGateway, announced, invoke

CANCELLED = {"uid": "Q-1", "workflow": "NewBusiness", "attempt": 2, "execution": "arn:run-1"}


def cancel(gateway: FakeGateway, *options: str, workflow: str = "NewBusiness", uid: str = "Q-1") -> Any:
    return invoke(gateway, "cancel", workflow, uid, *options, *IN_CLAIMS)


def test_the_core_is_told_who_cancels_what_and_why() -> None:
    gateway = FakeGateway(answer=Answer(CANCELLED))
    result = cancel(gateway, "--reason", "sent twice")
    assert (result.exit_code, result.stdout) == (0, "NewBusiness Q-1 attempt 2: cancelled\n")
    assert result.stderr == announced("cancel run 'Q-1' of NewBusiness")
    wish = {"uid": "Q-1", "workflow": "NewBusiness", "reason": "sent twice", "by": OPERATOR}
    assert gateway.invoked == [("claims-dev-cancel-run", wish)]


def test_json_prints_what_was_cancelled() -> None:
    assert json.loads(cancel(FakeGateway(answer=Answer(CANCELLED)), "--json").stdout) == CANCELLED


def test_what_is_not_in_progress_is_told() -> None:
    refused = {"refused": "run 'Q-1' of NewBusiness is not in progress: it is 'Complete', attempt 1"}
    result = cancel(FakeGateway(answer=Answer(refused)))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == announced("cancel run 'Q-1' of NewBusiness") + f"orchestrator: {refused['refused']}\n"


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        (None, 2, "has no function claims-dev-cancel-run, so it is older than this command"),
        (
            Answer({"errorType": "KeyError", "errorMessage": "no table"}, failed=True),
            1,
            "claims-dev-cancel-run failed: KeyError: no table: its log says more",
        ),
        (Answer([1]), 1, "claims-dev-cancel-run answered [1], which this command does not understand"),
        (Answer({"done": True}), 1, "which this command does not understand"),
    ],
)
def test_a_core_that_cannot_is_told(answer: Answer | None, code: int, told: str) -> None:
    result = cancel(FakeGateway(answer=answer))
    assert (result.exit_code, result.stdout) == (code, "")
    assert told in result.stderr


@pytest.mark.parametrize(("workflow", "uid"), [("a/b", "Q-1"), ("NewBusiness", ""), ("NewBusiness", "u" * 257)])
def test_wrong_input_is_refused_before_anything_is_asked(workflow: str, uid: str) -> None:
    gateway = FakeGateway()
    assert cancel(gateway, workflow=workflow, uid=uid).exit_code == 2
    assert gateway.invoked == []
