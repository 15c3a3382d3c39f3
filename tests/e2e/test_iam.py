"""Runs where roles and policies are enforced: with what the constructs grant they complete, with less they fail.

What this cannot show is in ``docs/local.md``.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from orchestrator_cli.local import LocalEnvironment
from orchestrator_cli.local.function_logs import function_logs
from orchestrator_runtime.contract import Env, Handler, Stage
from orchestrator_runtime.deployment import CoreOutput
from tests.e2e.conftest import APPS, ROOT
from tests.e2e.system import System, eventually, plugins, states, told

pytestmark = pytest.mark.e2e

EXAMPLE = ROOT / "examples" / "insurance"
HOME = json.loads((EXAMPLE / "runs" / "2-new-home.json").read_text())["metadata"]
UNDERWRITING = {
    "Validate/pre/Completeness": "Complete",
    "Validate/pre/Address": "Complete",
    "Rate/parallel/HomeRisk": "Complete",
    "Rate/parallel/MarketComparison": "Optional Task Error",
    "Rate/post/Premium": "Complete",
}
REFUSED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}
"""SQS, SNS, and the others each have a word of their own for it."""

MUTED_LACKS = ("permissions-Muted", "sqs:SendMessage")
BEGIN_RUN_LACKS = ("insurance-demo-begin-run", "dynamodb:PutItem")
HARMLESS = ("get_", "query", "scan", "receive_", "list_", "send_task_heartbeat")


@pytest.fixture(scope="module")
def system() -> Iterator[System]:
    with LocalEnvironment(enforce_iam=True) as aws:
        for app in (EXAMPLE / "platform", EXAMPLE / "underwriting", APPS / "permissions"):
            aws.deploy(app)
        system = System(aws, "insurance", "demo")
        system.settle()
        yield system


@pytest.fixture(scope="module", autouse=True)
def muted_run(system: System) -> Iterator[subprocess.Popen[str]]:
    """A run whose plugin may not report. It begins first, so that its deadline has passed when the last tests start."""
    with without(system, *MUTED_LACKS):
        yield begin(system, "muted", "Muted")


def begin(system: System, uid: str, *plugins: str) -> subprocess.Popen[str]:
    """Begin a run of the example that calls some of the plugins beside its own."""
    return system.begin("NewBusiness", uid, {**HOME, "try": plugins[0]} if plugins else HOME)


@contextmanager
def without(system: System, function: str, action: str) -> Iterator[None]:
    """Take an action out of the policies of a function's role, and give it back in the end."""
    iam = system.aws.client("iam")
    role = role_of(system, function)
    before: dict[str, Any] = {
        name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    }
    assert action in json.dumps(before)
    for name, document in before.items():
        less = {**document, "Statement": [_less(statement, action) for statement in document["Statement"]]}
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(less))
    try:
        yield
    finally:
        for name, document in before.items():
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def _less(statement: Mapping[str, Any], action: str) -> dict[str, Any]:
    actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
    # Tagging the session is of no use to a function; a statement has to have some action.
    return {**statement, "Action": [other for other in actions if other != action] or ["sts:TagSession"]}


@contextmanager
def everything_allowed(system: System, function: str) -> Iterator[None]:
    """Let a function do what it likes, for a while."""
    which = {"RoleName": role_of(system, function), "PolicyName": "everything"}
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    system.aws.client("iam").put_role_policy(**which, PolicyDocument=document)
    try:
        yield
    finally:
        system.aws.client("iam").delete_role_policy(**which)


def role_of(system: System, function: str) -> str:
    return system.aws.client("lambda").get_function_configuration(FunctionName=function)["Role"].rpartition("/")[-1]


def refused(system: System) -> set[tuple[str, str]]:
    """Every function whose log says that a call was refused, with the action; a session is named for its function."""
    said = re.compile(r"/([\w-]+) is not authorized to perform: ([\w:]+)")
    return {(match[1], match[2]) for line in function_logs(system.aws.session) for match in said.finditer(line)}


def invoke(system: System, function: str, event: Mapping[str, Any]) -> Any:
    """Call a function as an operator may, and give what it answers."""
    answer = system.aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    said = json.load(answer["Payload"])
    assert not answer.get("FunctionError"), said
    return said


def start_and_wait(system: System, uid: str) -> dict[str, Any]:
    """Start a run that waits for ``Nosy``, which does not report; return the keys and the token that the core keeps."""
    metadata = json.dumps({**HOME, "try": "Nosy"})
    begun = system.tell("run", "NewBusiness", "--uid", uid, "--metadata", "-", stdin=metadata)
    assert begun.exit_code == 0, begun.stderr

    def waits() -> bool | None:
        item = system.control_item("NewBusiness", uid, "Validate")
        return (item is not None and item["stage"]["S"] == Stage.PARALLEL) or None

    eventually(waits, what=f"{uid} waits for its plugin")
    key = {"uid": {"S": uid}, "path": {"S": "NewBusiness/Validate/~token/"}}
    item = system.aws.client("dynamodb").get_item(TableName=system.control_table, Key=key)["Item"]
    return {"Key": {**key, "path": {"S": "NewBusiness/Validate/"}}, "token": item["token"]}


def calls_of_others(system: System, waiting: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What belongs to the core, as its own functions and its operators call it: a plugin may do none of it."""
    of_core, run = system.variables(Handler.CHECK_DEADLINES), waiting["Key"]["uid"]
    status, control, registry = (of_core[name] for name in (Env.STATUS_TABLE, Env.CONTROL_TABLE, Env.REGISTRY_TABLE))
    for table in (status, control):
        yield "dynamodb.get_item", {"TableName": table, "Key": waiting["Key"]}
        yield (
            "dynamodb.query",
            {
                "TableName": table,
                "KeyConditionExpression": "uid = :uid",
                "ExpressionAttributeValues": {":uid": run},
            },
        )
        yield "dynamodb.put_item", {"TableName": table, "Item": waiting["Key"]}
    for table in (status, control, registry):
        yield "dynamodb.scan", {"TableName": table}
    results = of_core[Env.RESULTS_QUEUE_URL]
    yield "sqs.receive_message", {"QueueUrl": results, "VisibilityTimeout": 0}
    yield "sqs.purge_queue", {"QueueUrl": results}
    topic = of_core[Env.TOPIC_ARN_PREFIX] + "Validate-parallel"
    yield "sns.publish", {"TopicArn": topic, "Message": "{}"}
    yield "sns.list_subscriptions_by_topic", {"TopicArn": topic}
    token = {"taskToken": waiting["token"]["S"]}
    yield "stepfunctions.send_task_success", {**token, "output": "{}"}
    yield "stepfunctions.send_task_failure", token
    yield "stepfunctions.send_task_heartbeat", token
    yield "ssm.get_parameter", {"Name": system.deployment.workflow_parameter("NewBusiness")}
    machine = system.machine("NewBusiness")
    yield "stepfunctions.start_execution", {"stateMachineArn": machine, "input": "{}"}
    yield "stepfunctions.list_executions", {"stateMachineArn": machine}
    for handler in Handler:
        yield "lambda.invoke", {"FunctionName": system.deployment.function(handler), "Payload": "{}"}
    yield "lambda.invoke", {"FunctionName": "permissions-Once", "Payload": "{}"}


def test_the_example_runs_with_what_its_roles_allow(system: System) -> None:
    run = told(begin(system, "allowed"))
    assert run.exit_code == 0, run.stderr
    assert run.document["state"] == "Complete"
    assert states(run.document) == UNDERWRITING


@pytest.mark.parametrize("plugin", ["Once", "Queued"])
def test_a_plugin_of_another_kind_works_with_what_its_role_allows(system: System, plugin: str) -> None:
    run = told(begin(system, plugin, plugin))
    assert run.exit_code == 0, run.stderr
    assert states(run.document) == {**UNDERWRITING, f"Validate/parallel/{plugin}": "Complete"}


def test_the_core_s_other_functions_work_with_what_their_roles_allow(system: System) -> None:
    start_and_wait(system, "cancelled")
    system.check_deadlines()
    assert invoke(system, system.deployment.function(Handler.SWEEP_RUNS), {}) == {"ended": []}
    found = invoke(system, system.deployment.function(Handler.RECONCILE), {})
    assert (found["repairs"], found["problems"]) == ([], [])
    cancelled = system.tell("cancel", "NewBusiness", "cancelled")
    assert cancelled.exit_code == 0, cancelled.stderr


def test_a_plugin_may_report_and_nothing_else(system: System) -> None:
    waiting = start_and_wait(system, "nosy")
    calls = [*calls_of_others(system, waiting)]
    answers = invoke(system, "permissions-Nosy", {"calls": calls})
    assert [(call, answer) for call, answer in zip(calls, answers, strict=True) if answer not in REFUSED] == []

    harmless = [call for call in calls if call[0].split(".")[1].startswith(HARMLESS)]
    with everything_allowed(system, "permissions-Nosy"):
        answers = invoke(system, "permissions-Nosy", {"calls": harmless})
    assert [(call, answer) for call, answer in zip(harmless, answers, strict=True) if answer != "allowed"] == []

    about = {"uid": "nosy", "workflow": "NewBusiness", "activity": "Validate", "stage": Stage.PARALLEL, "attempt": 1}
    report = {"QueueUrl": system.output(CoreOutput.RESULTS_QUEUE_URL)}
    report["MessageBody"] = json.dumps({**about, "plugin": "Nosy", "state": "Complete"})
    assert invoke(system, "permissions-Nosy", {"calls": [("sqs.send_message", report)]}) == ["allowed"]

    def ended() -> dict[str, Any] | None:
        document = system.status("NewBusiness", "nosy")
        return document if document and document["ended_at"] else None

    document = eventually(ended, what="the end of the run")
    assert states(document) == {**UNDERWRITING, "Validate/parallel/Nosy": "Complete"}


def test_a_run_fails_where_the_core_lacks_a_right(system: System) -> None:
    with without(system, *BEGIN_RUN_LACKS):
        execution = system.start("NewBusiness", json.dumps({"uid": "forbidden", "metadata": HOME}))
    assert execution["status"] == "FAILED"
    assert "dynamodb:PutItem" in execution["cause"]
    assert BEGIN_RUN_LACKS in refused(system)
    assert system.status("NewBusiness", "forbidden") is None


def test_a_plugin_that_may_not_report_ends_at_its_deadline(system: System, muted_run: subprocess.Popen[str]) -> None:
    run = told(muted_run)
    assert run.exit_code == 1
    muted = plugins(run.document)["Validate/parallel/Muted"]
    assert (run.document["state"], muted["state"]) == ("Error", "Error")
    assert muted["message"].startswith("did not report a start within 5 s")
    assert MUTED_LACKS in refused(system)


def test_no_other_call_was_refused(system: System) -> None:
    assert refused(system) <= {MUTED_LACKS, BEGIN_RUN_LACKS}
