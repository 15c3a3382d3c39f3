"""The architecture page: the state and the statement that it documents are those that the constructs render."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest

from orchestrator_constructs.workflow.definition import workflow_definition
from orchestrator_constructs.workflow.task_timeout import DAY
from tests.docs.pages import PROJECT, blocks

PAGE = PROJECT / "docs" / "architecture.md"
OPEN_ACTIVITY = "arn:aws:lambda:eu-west-1:123456789012:function:claims-dev-open-activity"


def documented(mark: str) -> dict[str, Any]:
    (text,) = [block.text for block in blocks(PAGE) if block.mark == mark]
    document: dict[str, Any] = json.loads(text)
    return document


def test_documented_state_is_the_rendered_one() -> None:
    definition = workflow_definition(
        workflow="NewBusiness",
        partition="aws",
        begin_run_arn="begin",
        open_activity_arn=OPEN_ACTIVITY,
        end_run_arn="end",
        steps=[["Rate"]],
        timeout_seconds=30 * DAY,
        task_timeout_seconds=DAY,
    )
    (state,) = documented("asl: activity").values()
    assert state.pop("QueryLanguage") == definition["QueryLanguage"]
    assert state == definition["States"]["Rate"]


def test_documented_statement_allows_the_state_to_invoke_its_function() -> None:
    assert documented("iam: activity") == {
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Resource": OPEN_ACTIVITY,
    }


@pytest.mark.parametrize("name", ["architecture-flow.svg", "architecture-items.svg"])
def test_diagram_is_drawn_and_shown(name: str) -> None:
    assert f"]({name})" in PAGE.read_text()
    assert ElementTree.parse(PAGE.parent / name).getroot().tag == "{http://www.w3.org/2000/svg}svg"
