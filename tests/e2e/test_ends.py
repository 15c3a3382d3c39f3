"""Runs that end from outside: stopped, cancelled, timed out, or left behind by a core that failed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator_cli.local.function_logs import function_logs
from orchestrator_runtime.contract import DeadLetters, Handler
from orchestrator_runtime.deployment import CoreOutput
from tests.e2e.conftest import APPS
from tests.e2e.outside_consumer import outside_consumer
from tests.e2e.system import System, eventually, plugins, told

pytestmark = pytest.mark.e2e

WORKS = "Wait/parallel/Works"


@pytest.fixture(scope="module")
def system(core: System) -> System:
    core.aws.deploy(APPS / "ends")
    return core


@pytest.fixture(scope="module", autouse=True)
def left_behind(system: System) -> dict[str, Any]:
    """A run whose execution was stopped and whose event was lost; begun first, as a sweep leaves the young alone."""
    events = system.aws.client("events")
    rule = rule_of_ends(system)["Name"]
    waiting = start_and_wait(system, "left-behind")
    events.disable_rule(Name=rule)
    try:
        stop(system, waiting)
    finally:
        events.enable_rule(Name=rule)
    return waiting


def rule_of_ends(system: System) -> dict[str, Any]:
    """The rule of this core, of which there are several here, on executions that have ended."""
    told = f"Ends the runs of {system.deployment.prefix} "
    rules: list[Any] = system.aws.client("events").list_rules()["Rules"]
    [rule] = [rule for rule in rules if rule.get("Description", "").startswith(told)]
    found: dict[str, Any] = rule
    return found


def start_and_wait(system: System, uid: str) -> dict[str, Any]:
    """Start a run, and let it come to the plugin that works outside."""
    begun = system.tell("run", "Patience", "--uid", uid)
    assert begun.exit_code == 0, begun.stderr

    def waits() -> dict[str, Any] | None:
        document = system.status("Patience", uid)
        return document if document and WORKS in plugins(document) else None

    return eventually(waits, what=f"{uid} waits for its plugin")


def stop(system: System, document: dict[str, Any], **why: str) -> None:
    system.aws.client("stepfunctions").stop_execution(executionArn=document["execution"], **why)


def ended(system: System, uid: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        document = system.status("Patience", uid)
        return document if document and document["ended_at"] else None

    return eventually(look, what=f"the end of {uid}")


def queue_of(system: System, plugin: str) -> str:
    stack: Any = system.aws.client("cloudformation").describe_stacks(StackName="ends")["Stacks"][0]
    return str({o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}[f"{plugin}Url"])


def report(document: dict[str, Any], **said: Any) -> dict[str, Any]:
    about = {"uid": document["uid"], "workflow": "Patience", "activity": "Wait", "stage": "parallel"}
    return {**about, "attempt": document["attempt"], "plugin": "Works", "state": "Complete", **said}


def test_a_stopped_execution_ends_its_run_and_all_that_is_open(system: System) -> None:
    waiting = start_and_wait(system, "stopped")
    stop(system, waiting, error="Operator", cause="wrong policy")
    document = ended(system, "stopped")
    assert (document["state"], document["ending"]) == ("Error", "stopped")
    assert document["message"] == "its execution was stopped: Operator: wrong policy"
    stage = document["activities"]["Wait"]["stages"]["parallel"]
    assert (stage["state"], stage["message"]) == ("Error", f"run ended: {document['message']}")
    assert (stage["plugins"]["Works"]["state"], stage["plugins"]["Works"]["message"]) == ("Error", stage["message"])
    assert document["activities"]["Wait"]["stages"]["post"]["state"] == "Not Started"
    control = system.control_item("Patience", "stopped", "Wait")
    assert control is not None
    assert control["run_ended"] == {"BOOL": True}
    assert "due_at" not in control, "the deadline check no longer finds it"


def test_a_late_report_is_refused_and_counted(system: System) -> None:
    waiting = start_and_wait(system, "late")
    stop(system, waiting)
    document = ended(system, "late")
    queue = system.output(CoreOutput.RESULTS_QUEUE_URL)
    system.aws.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(report(waiting)))

    def refused() -> bool | None:
        lines = [line for line in function_logs(system.aws.session) if '"report refused"' in line and '"late"' in line]
        return any('"run-ended"' in line for line in lines) or None

    eventually(refused, what="the refusal in the log")
    assert any('"RefusedReports"' in line for line in function_logs(system.aws.session))
    assert system.status("Patience", "late") == document


def test_cancel_ends_a_run_and_says_by_whom_and_why(system: System) -> None:
    waiting = start_and_wait(system, "cancelled")
    answer = system.tell("cancel", "Patience", "cancelled", "--reason", "sent twice", "--json")
    assert answer.exit_code == 0, answer.stderr
    assert answer.document["execution"] == waiting["execution"]
    document = system.status("Patience", "cancelled")
    assert document is not None
    assert (document["state"], document["ending"]) == ("Error", "cancelled")
    assert document["message"].startswith("cancelled by arn:aws:")
    assert document["message"].endswith(": sent twice")
    assert plugins(document)[WORKS]["message"] == f"run ended: {document['message']}"
    execution = system.aws.client("stepfunctions").describe_execution(executionArn=waiting["execution"])
    assert (execution["status"], execution["error"]) == ("ABORTED", "RunCancelled")

    retried = system.command("retry", "Patience", "cancelled", "--watch", "--json")
    with (
        outside_consumer(lambda: system.aws.client("sqs"), "Works", [queue_of(system, "Works")]),
        outside_consumer(lambda: system.aws.client("sqs"), "Follows", [queue_of(system, "Follows")]),
    ):
        run = told(retried)
    assert run.exit_code == 0, run.stderr
    assert (run.document["state"], run.document["ending"], run.document["attempt"]) == ("Complete", "completed", 2)
    assert run.document["message"] is None

    history = system.tell("history", "Patience", "cancelled", "--json")
    assert history.exit_code == 0, history.stderr
    entries = history.document["entries"]
    assert [(entry["attempt"], entry["what"], entry["detail"]) for entry in entries] == [
        (1, "started", None),
        (1, "cancelled", "sent twice"),
        (2, "resumed", None),
        (2, "completed", None),
    ]
    operator = system.aws.client("sts").get_caller_identity()["Arn"]
    assert [entry["by"] for entry in entries] == [operator, operator, operator, None]
    assert [entry["execution"] for entry in entries] == [waiting["execution"]] * 2 + [run.document["execution"]] * 2

    for command in ("cancel", "retry"):
        refused = system.tell(command, "Patience", "cancelled")
        assert refused.exit_code == 1
        assert "Complete" in refused.stderr
    unknown = system.tell("cancel", "Patience", "never-started")
    assert unknown.exit_code == 1
    assert "there is no run 'never-started' of Patience" in unknown.stderr


def test_an_execution_that_timed_out_ends_its_run(system: System) -> None:
    """The emulator lets no execution time out: this is the event that Step Functions documents."""
    waiting = start_and_wait(system, "timed-out")
    machine = waiting["execution"].replace(":execution:", ":stateMachine:").rpartition(":")[0]
    at = datetime(2036, 1, 1, tzinfo=UTC)
    event = {
        "version": "0",
        "id": "315c1398-40ff-a850-213b-158f73e60175",
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": "000000000000",
        "time": "2036-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [waiting["execution"]],
        "detail": {
            "executionArn": waiting["execution"],
            "stateMachineArn": machine,
            "name": "timed-out",
            "status": "TIMED_OUT",
            "startDate": int(at.timestamp() * 1000) - 1000,
            "stopDate": int(at.timestamp() * 1000),
            "input": None,
            "inputDetails": {"included": False},
            "output": None,
            "outputDetails": None,
        },
    }
    events = system.aws.client("events")
    pattern = rule_of_ends(system)["EventPattern"]
    assert events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))["Result"]
    system.invoke(Handler.SWEEP_RUNS, event)
    document = ended(system, "timed-out")
    assert (document["state"], document["ending"]) == ("Error", "timed out")
    assert document["message"] == "timed out: its execution took longer than the workflow's timeout"
    assert document["ended_at"] == "2036-01-01T00:00:00.000Z"


def url_of(system: System, kind: DeadLetters) -> str:
    parameter = system.aws.client("ssm").get_parameter(Name=system.deployment.dead_letters_parameter(kind))
    return parameter["Parameter"]["Value"]


@contextmanager
def broken(system: System, handler: Handler) -> Iterator[None]:
    """Let a function of the core look for its table where there is none."""
    functions = system.aws.client("lambda")
    name = system.deployment.function(handler)
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    wrong = {**variables, "ORCHESTRATOR_STATUS_TABLE": "no-such-table"}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": wrong})
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


def test_an_event_that_was_not_handled_is_redriven(system: System) -> None:
    waiting = start_and_wait(system, "redriven")
    queue = url_of(system, DeadLetters.SWEEPS)
    # The template sets it, and the emulator's CloudFormation leaves it out.
    attributes = system.aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    system.aws.client("lambda").update_function_configuration(
        FunctionName=system.deployment.function(Handler.SWEEP_RUNS),
        DeadLetterConfig={"TargetArn": attributes["Attributes"]["QueueArn"]},
    )
    with broken(system, Handler.SWEEP_RUNS):
        stop(system, waiting)
        eventually(holds(system, queue), what="the dead letter")
        failed = system.tell("redrive", "sweeps", "--json")
        assert failed.exit_code == 1
        [why] = failed.document["sweeps"]["failed"].values()
        assert "faults-e2e-sweep-runs failed: " in why
    still = system.status("Patience", "redriven")
    assert still is not None
    assert still["state"] == "In Progress"
    done = system.tell("redrive", "sweeps")
    assert (done.exit_code, done.stdout) == (0, "sweeps: 1 handled\n"), done.stderr
    document = ended(system, "redriven")
    assert (document["state"], document["ending"]) == ("Error", "stopped")


def holds(system: System, queue: str) -> Callable[[], bool | None]:
    def look() -> bool | None:
        name: Any = "ApproximateNumberOfMessages"
        found = system.aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=[name])
        return True if int(found["Attributes"][name]) else None

    return look


def test_a_report_that_was_not_recorded_is_redriven(system: System) -> None:
    """SQS gives a report up after fifty batches that failed; here it is put where that would put it."""
    waiting = start_and_wait(system, "unrecorded")
    queue = url_of(system, DeadLetters.RESULTS)
    system.aws.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(report(waiting)))
    done = system.tell("redrive", "--json")
    assert done.exit_code == 0, done.stderr
    assert done.document["results"] == {"handled": 1, "failed": {}, "kept": 0}
    document = system.status("Patience", "unrecorded")
    assert document is not None
    assert plugins(document)[WORKS]["state"] == "Complete"
    assert system.tell("cancel", "Patience", "unrecorded").exit_code == 0


def test_a_run_whose_event_was_lost_is_found_by_the_sweep(system: System, left_behind: dict[str, Any]) -> None:
    still = system.status("Patience", "left-behind")
    assert still is not None
    assert still["state"] == "In Progress"
    going_on = start_and_wait(system, "going-on")

    def swept() -> bool | None:
        return any(run["uid"] == "left-behind" for run in system.invoke(Handler.SWEEP_RUNS, {})["ended"]) or None

    eventually(swept, what="the run that was left behind")
    document = ended(system, "left-behind")
    assert (document["state"], document["ending"]) == ("Error", "stopped")
    assert document["message"] == "its execution was stopped: nobody said why"
    assert system.status("Patience", "going-on") == going_on
    assert system.tell("cancel", "Patience", "going-on").exit_code == 0
