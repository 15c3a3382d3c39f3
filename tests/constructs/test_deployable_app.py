"""``app.py`` and ``cdk.json``: a core stack, activities and workflows from context."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from aws_cdk import App

import app as deployable
from tests.constructs.synthesis import PROJECT, StackTemplate, recommended_flags, synthesize

CONTEXT = {"system": "claims", "stage": "dev"}


def stack_of(context: dict[str, Any]) -> StackTemplate:
    synthesized = synthesize(deployable.define, flags=context)
    (stack,) = synthesized.stacks.values()
    return stack


def machines(stack: StackTemplate) -> set[str]:
    return {r["Properties"]["StateMachineName"] for r in stack.resources("AWS::StepFunctions::StateMachine").values()}


@pytest.mark.parametrize("as_json", [True, False], ids=["from the command line", "from cdk.json"])
def test_activities_and_workflows(as_json: bool) -> None:
    activities: Any = ["Validate", "Rate"]
    workflows: Any = {"NewBusiness": ["Validate", "Rate"], "Quote": ["Rate"]}
    if as_json:
        activities, workflows = json.dumps(activities), json.dumps(workflows)
    stack = stack_of({**CONTEXT, "activities": activities, "workflows": workflows})
    assert machines(stack) == {
        "claims-dev-workflow-NewBusiness",
        "claims-dev-workflow-Quote",
    }
    states = stack.asl("claims-dev-workflow-NewBusiness")["States"]
    assert list(states)[:4] == ["Begin run", "Validate", "Rate", "End run"]


def test_activities_side_by_side() -> None:
    workflows = {"NewBusiness": ["Validate", ["Rate", "Check"]]}
    stack = stack_of({**CONTEXT, "activities": ["Validate", "Rate", "Check"], "workflows": workflows})
    begin = stack.asl("claims-dev-workflow-NewBusiness")["States"]["Begin run"]
    assert begin["Arguments"]["Payload"]["activities"] == [["Validate"], ["Rate", "Check"]]


@pytest.mark.parametrize("as_json", [True, False], ids=["from the command line", "from cdk.json"])
def test_runs_are_monitored(as_json: bool) -> None:
    given: dict[str, Any] = {"expected_minutes": {"Quote": 120}, "alert_emails": ["operators@example.com"]}
    if as_json:
        given = {key: json.dumps(value) for key, value in given.items()}
    stack = stack_of({**CONTEXT, "activities": ["Rate"], "workflows": {"Quote": ["Rate"], "Other": ["Rate"]}, **given})
    assert len(stack.resources("AWS::CloudWatch::Dashboard")) == 1
    (mail,) = stack.resources("AWS::SNS::Subscription").values()
    assert mail["Properties"]["Endpoint"] == "operators@example.com"
    parameters = [one["Properties"] for one in stack.resources("AWS::SSM::Parameter").values()]
    expected = {one["Name"]: one["Value"] for one in parameters if "expected" in one["Name"]}
    assert expected == {"/claims/dev/workflows/Quote/expected-seconds": "7200"}


@pytest.mark.parametrize("given", ["false", False])
def test_they_need_not_be(given: object) -> None:
    assert not stack_of({**CONTEXT, "monitoring": given}).resources("AWS::CloudWatch::Dashboard")


def test_default_context_is_a_core_alone() -> None:
    context = json.loads((PROJECT / "cdk.json").read_text())["context"]
    app = App(context={**context, "aws:cdk:bundling-stacks": []})
    assert deployable.define(app).stack_name == "orchestrator-dev"
    assert machines(stack_of(context)) == set()


def test_feature_flags_are_those_that_the_cdk_recommends() -> None:
    listed = PROJECT / "node_modules" / "aws-cdk" / "lib" / "init-templates" / ".recommended-feature-flags.json"
    if not listed.exists():
        pytest.skip("the CDK CLI is not installed: run make dev")
    assert recommended_flags() == json.loads(listed.read_text())


REFUSED = [
    ({"system": None}, "context 'system' is None: give a name, as in -c system="),
    ({"stage": ""}, "context 'stage' is '': give a name"),
    ({"system": "a b"}, "the system name 'a b' is not allowed"),
    ({"activities": '["A'}, r"context 'activities' is no JSON .*, got '\[\"A': quote it for your shell"),
    ({"activities": "{}"}, r"context 'activities' is {}: give a list of names, as in -c activities="),
    ({"activities": [1]}, r"context 'activities' is \[1\]: give a list of names"),
    ({"activities": ["a/b"]}, "the activity name 'a/b' is not allowed"),
    ({"activities": ["A", "A"]}, r"context 'activities' names \['A'\] more than once"),
    ({"workflows": "[]"}, r"context 'workflows' is \[\]: give an object of lists"),
    ({"workflows": {"W": "A"}}, "context 'workflows.W' is 'A': give a list of names"),
    ({"workflows": {"W": []}}, "workflow 'W' has no activities"),
    ({"workflows": {"W": [1]}}, r"context 'workflows.W' is \[1\]: give a list of names"),
    ({"workflows": {"W": [["A", ["A"]]]}}, r"context 'workflows.W' is \['A', \['A'\]\]: give a list of names"),
    ({"workflows": {"W": ["A", []]}}, "workflow 'W' has an empty list among its activities"),
    ({"workflows": {"W": [["A", "B"]]}}, r"workflow 'W' names unknown activities \['B'\]"),
    ({"workflows": {"W": ["B"]}}, r"workflow 'W' names unknown activities \['B'\]: add them to context 'activities'"),
    ({"expected_minutes": "[]"}, r"context 'expected_minutes' is \[\]: give an object of minutes"),
    ({"expected_minutes": {"W": 1}}, r"context 'expected_minutes' names unknown workflows \['W'\]"),
    ({"workflows": {"W": ["A"]}, "expected_minutes": {"W": 0}}, "context 'expected_minutes.W' is 0: use a whole"),
    ({"alert_emails": "{}"}, "context 'alert_emails' is {}: give a list of addresses"),
    ({"monitoring": "1"}, "context 'monitoring' is 1: give true or false, as in -c monitoring=false"),
    ({"workflows": {"a b": ["A"]}}, "the workflow name 'a b' is not allowed"),
]


@pytest.mark.parametrize(("context", "problem"), REFUSED, ids=[problem[:40] for _, problem in REFUSED])
def test_malformed_context(context: dict[str, Any], problem: str) -> None:
    given = {**CONTEXT, "activities": ["A"], **context}
    app = App(context={"aws:cdk:bundling-stacks": [], **given})
    with pytest.raises(ValueError, match=problem):
        deployable.define(app)


def test_a_mistake_ends_in_one_line() -> None:
    environ = {**os.environ, "CDK_CONTEXT_JSON": json.dumps({"system": "claims"})}
    environ["PYTHONPATH"] = os.pathsep.join([str(PROJECT / "runtime"), str(PROJECT)])
    ended = subprocess.run(
        [sys.executable, "app.py"], cwd=PROJECT, env=environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "orchestrator: context 'stage' is None: give a name, as in -c stage=…" in ended.stderr
    assert "Traceback" not in ended.stderr
