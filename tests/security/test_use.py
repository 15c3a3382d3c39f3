"""What the roles may do is what is done in their name: no less, and no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from orchestrator_constructs.queues import LAMBDA_CONSUMES
from orchestrator_runtime.contract import Handler
from tests.constructs.synthesis import PROJECT, StackTemplate
from tests.security.built import built, library_roles
from tests.security.recorder import OBSERVED
from tests.security.roles import Role

FLOWS = (
    "handlers",
    "authoring/test_idempotency_table.py",
    "authoring/test_decorator_reporting.py",
    "plugin_queue/test_forward_to_fifo.py",
    "plugin_queue/test_report_dead_letters.py",
)
"""The tests that let the functions of core and plugins call AWS."""

BY_AWS = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "kms:Decrypt",
    "kms:GenerateDataKey",
    *LAMBDA_CONSUMES,
}
"""What Lambda itself and SNS do in the name of a function's role."""

TABLES = {"status": "{status table}", "control": "{control table}", "registry": "{registry}"}
NO_RESOURCE = ""
"""A call that names none: the answer to a token."""

Calls = Mapping[str, set[tuple[str, str]]]


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Calls:
    """Actions and their resources, by the module that called."""
    file = tmp_path_factory.mktemp("observed") / "calls.json"
    tests = [str(PROJECT / "tests" / "unit" / name) for name in FLOWS]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.security.recorder", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, OBSERVED: str(file), "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    calls: dict[str, set[tuple[str, str]]] = {}
    for module, action, target in json.loads(Path(file).read_text()):
        calls.setdefault(module, set()).add((action, target))
    return calls


def granted(role: Role) -> set[tuple[str, str]]:
    """What a role may do for its code: actions, and resources as patterns for the account of the tests."""
    return {
        (action, concrete(resource))
        for resource, actions in role.in_words()
        for action in actions
        if action not in BY_AWS and (action, resource) != ("sqs:SendMessage", "{dead letter queue}")
    }


def concrete(resource: str) -> str:
    resource = resource.replace("{alerts topic}", "arn:…:sns:…:{system}-{stage}-alerts")
    resource = resource.replace("{system}-{stage}", "claims-dev").replace("{system}/{stage}", "claims/dev")
    _, service, rest = resource.split(":…:") if resource.count(":…:") == 2 else ("", "", "")
    return f"arn:aws:{service}:eu-west-1:123456789012:{rest}" if rest else resource


def used(calls: set[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Calls, with their resource as a policy would name it."""
    for action, target in calls:
        table, _, index = target.partition("/index/")
        if table in TABLES:
            yield action, "/index/".join([TABLES[table], *filter(None, [index])])
        elif target.startswith("/"):
            yield action, f"arn:aws:ssm:eu-west-1:123456789012:parameter{target}"
            # SSM may or may not count the slash at a path's end.
            yield action, f"arn:aws:ssm:eu-west-1:123456789012:parameter{target.rstrip('/')}"
        # A test names a table that there is not.
        elif target != "elsewhere":
            yield action, target


def covers(right: tuple[str, str], use: tuple[str, str]) -> bool:
    return right[0] == use[0] and (use[1] == NO_RESOURCE or fnmatchcase(use[1], right[1]))


@pytest.mark.parametrize("handler", Handler)
def test_a_function_of_the_core_may_do_what_its_tests_see_it_do_and_nothing_else(
    handler: Handler, observed: Calls
) -> None:
    (role,) = [role for role in library_roles("Platform") if role.handler is handler]
    rights, uses = granted(role), set(used(observed[handler.value.replace("-", "_")]))
    assert {use for use in uses if not any(covers(right, use) for right in rights)} == set(), "used, not granted"
    assert {right for right in rights if not any(covers(right, use) for use in uses)} == set(), "granted, not used"


@pytest.mark.parametrize(
    ("module", "path"),
    [
        ("authoring", "Team/OnceRole"),
        ("forward_to_fifo", "Team/InOrder/FeederRole"),
        ("report_dead_letters", "Team/Queued/DeadLettersRole"),
        ("report_dead_letters", "Team/InOrder/DeadLettersRole"),
        ("report_dead_letters", "Team/Outside/DeadLettersRole"),
    ],
)
def test_so_may_what_works_for_a_plugin(module: str, path: str, observed: Calls) -> None:
    (role,) = [role for role in library_roles("Team") if role.path == path]
    assert {action for action, _ in granted(role)} == {action for action, _ in observed[module]}


@pytest.mark.parametrize("path", ["Team/ReportsRole", "Team/AsItIsRole", "Team/QueuedRole", "Team/InOrderRole"])
def test_a_plugin_may_report_and_nothing_else(path: str) -> None:
    (role,) = [role for role in library_roles("Team") if role.path == path]
    assert granted(role) == {("sqs:SendMessage", "{results queue}")}


def test_a_state_machine_may_do_what_its_states_ask_for_and_nothing_else() -> None:
    template = built()["the library"].stacks["Platform"]
    (role,) = [role for role in library_roles("Platform") if role.path == "Platform/NewBusiness/Role"]
    (machine,) = [
        machine
        for machine in template.resources("AWS::StepFunctions::StateMachine").values()
        if machine["Properties"]["RoleArn"] == {"Fn::GetAtt": [role.logical_id, "Arn"]}
    ]
    allowed = {resource: actions for resource, actions in role.allowed.items() if resource != "*"}
    assert allowed == asked_for(template, machine["Properties"]["StateMachineName"])


def asked_for(template: StackTemplate, machine: str) -> dict[str, set[str]]:
    """What the tasks of a state machine need, as AWS documents it for each integration."""
    needed: dict[str, set[str]] = {}
    for task in tasks(template.asl(machine)):
        assert task["Resource"].rpartition(":::")[2] in {"lambda:invoke", "lambda:invoke.waitForTaskToken"}
        needed[task["Arguments"]["FunctionName"]] = {"lambda:InvokeFunction"}
    return needed


def tasks(states: Any) -> Iterator[dict[str, Any]]:
    """The tasks of a definition, those of its branches too."""
    if isinstance(states, dict):
        if states.get("Type") == "Task":
            yield states
        for part in states.values():
            yield from tasks(part)
    elif isinstance(states, list):
        for part in states:
            yield from tasks(part)
