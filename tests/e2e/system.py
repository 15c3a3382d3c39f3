"""A deployed system, driven as its users drive it: by the `orchestrator` command and by the AWS API."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from orchestrator_cli.local import LocalEnvironment
from orchestrator_runtime.contract import Env, Handler
from orchestrator_runtime.deployment import CoreOutput, Deployment
from orchestrator_runtime.stores.items import iso

T = TypeVar("T")
PATIENCE = 240.0


def eventually(look: Callable[[], T | None], *, what: str, within: float = PATIENCE) -> T:
    """Look again and again until there is something to see."""
    deadline = time.monotonic() + within
    while (seen := look()) is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not seen within {within} s")
        time.sleep(0.2)  # between two looks
    return seen


@dataclass(frozen=True)
class Told:
    """What the command said."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.stdout)
        return document


@dataclass(frozen=True)
class System:
    """One deployment of the orchestrator on the local AWS."""

    aws: LocalEnvironment
    system: str
    stage: str

    @property
    def deployment(self) -> Deployment:
        return Deployment(self.system, self.stage)

    def command(self, *arguments: str, stdin: str | None = None) -> subprocess.Popen[str]:
        """Begin a command of `orchestrator`."""
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "orchestrator"), *arguments],
            env={**self.aws.environment, "ORCHESTRATOR_SYSTEM": self.system, "ORCHESTRATOR_STAGE": self.stage},
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        if stdin is not None:
            assert process.stdin is not None
            process.stdin.write(stdin)
            process.stdin.close()
            process.stdin = None
        return process

    def tell(self, *arguments: str, stdin: str | None = None) -> Told:
        """Run a command of `orchestrator` to its end."""
        return told(self.command(*arguments, stdin=stdin))

    def begin(
        self, workflow: str, uid: str, metadata: dict[str, Any] | None = None, *options: str
    ) -> subprocess.Popen[str]:
        """Begin `orchestrator run … --watch --json`."""
        arguments = ["run", workflow, "--uid", uid, "--metadata", "-", "--watch", "--json", *options]
        return self.command(*arguments, stdin=json.dumps(metadata or {}))

    def run(self, workflow: str, uid: str, metadata: dict[str, Any] | None = None, *options: str) -> Told:
        """Run a workflow and wait for its end."""
        return told(self.begin(workflow, uid, metadata, *options))

    def status(self, workflow: str, uid: str) -> dict[str, Any] | None:
        """What `orchestrator status --json` prints; ``None`` if there is no such run."""
        answer = self.tell("status", workflow, uid, "--json")
        return answer.document if answer.exit_code == 0 else None

    def output(self, output: CoreOutput) -> str:
        """Something that the core publishes."""
        parameter = self.aws.client("ssm").get_parameter(Name=self.deployment.core_parameter(output))
        return parameter["Parameter"]["Value"]

    def status_rows(self) -> int:
        """How many rows the status table has."""
        table = self.output(CoreOutput.STATUS_TABLE_NAME)
        pages = self.aws.client("dynamodb").get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return sum(page["Count"] for page in pages)

    def invoke(self, handler: Handler, event: Mapping[str, Any]) -> Any:
        """Invoke a function of the core; return its answer."""
        functions = self.aws.client("lambda")
        answer = functions.invoke(FunctionName=self.deployment.function(handler), Payload=json.dumps(event))
        payload = json.loads(answer["Payload"].read())
        assert answer.get("FunctionError") is None, payload
        return payload

    def send_as(self, function: str, body: str) -> None:
        """Send a message to the results queue in a session of a function's role, as the function does."""
        role = self.aws.client("lambda").get_function_configuration(FunctionName=function)["Role"]
        session = self.aws.client("sts").assume_role(RoleArn=role, RoleSessionName=function)["Credentials"]
        sqs = self.aws.session.client(
            "sqs",
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )
        sqs.send_message(QueueUrl=self.output(CoreOutput.RESULTS_QUEUE_URL), MessageBody=body)

    def settle(self) -> None:
        """Make every registration an hour old.

        No deadline ends before SNS is certain to deliver to a new subscription. On AWS that takes 15 minutes, and here
        it takes no time.
        """
        dynamodb, table = self.aws.client("dynamodb"), self.output(CoreOutput.REGISTRY_TABLE_NAME)
        for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            for item in page["Items"]:
                if "seen_at" in item:
                    seen_at = datetime.fromisoformat(item["seen_at"]["S"]) - timedelta(hours=1)
                    dynamodb.put_item(TableName=table, Item={**item, "seen_at": {"S": iso(seen_at)}})

    def check_deadlines(self) -> dict[str, Any]:
        """Check all deadlines that are due, as the schedule does every minute."""
        answer: dict[str, Any] = self.invoke(Handler.CHECK_DEADLINES, {})
        assert not answer["failed"], answer
        return answer

    @contextmanager
    def no_deadline_checks(self) -> Iterator[None]:
        """Disable the schedule that checks deadlines, and enable it at the end."""
        events = self.aws.client("events")
        description = f"Checks the deadlines of plugins of {self.deployment.prefix}"
        [rule] = [rule for rule in events.list_rules()["Rules"] if rule.get("Description") == description]
        assert rule["ScheduleExpression"] == "rate(1 minute)"
        events.disable_rule(Name=rule["Name"])
        try:
            yield
        finally:
            events.enable_rule(Name=rule["Name"])

    @property
    def control_table(self) -> str:
        """The name of the control table, which the core does not publish."""
        return self.variables(Handler.CHECK_DEADLINES)[Env.CONTROL_TABLE]

    def variables(self, handler: Handler) -> dict[str, str]:
        """The environment variables of a function of the core."""
        name = self.deployment.function(handler)
        return self.aws.client("lambda").get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def control_item(self, workflow: str, uid: str, activity: str) -> dict[str, Any] | None:
        """The item of an activity in the control table."""
        key = {"uid": {"S": uid}, "path": {"S": f"{workflow}/{activity}/"}}
        answer = self.aws.client("dynamodb").get_item(TableName=self.control_table, Key=key, ConsistentRead=True)
        item: dict[str, Any] | None = answer.get("Item")
        return item

    def machine(self, workflow: str) -> str:
        """The ARN of a workflow's state machine."""
        name = self.deployment.workflow_parameter(workflow)
        return self.aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]

    def start(self, workflow: str, given: str) -> dict[str, Any]:
        """Start an execution as any tool may, and wait for its end."""
        sfn = self.aws.client("stepfunctions")
        execution = sfn.start_execution(stateMachineArn=self.machine(workflow), input=given)["executionArn"]

        def ended() -> dict[str, Any] | None:
            description: dict[str, Any] = {**sfn.describe_execution(executionArn=execution)}
            return None if description["status"] == "RUNNING" else description

        return eventually(ended, what=f"the end of {execution}")


def told(process: subprocess.Popen[str]) -> Told:
    """Wait for a command's end."""
    try:
        stdout, stderr = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return Told(process.returncode, stdout, stderr)


def plugins(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """All plugins of a run's document, by ``activity/stage/plugin``."""
    return {
        f"{activity}/{stage}/{name}": plugin
        for activity, detail in document["activities"].items()
        for stage, row in detail["stages"].items()
        for name, plugin in row["plugins"].items()
    }


def states(document: dict[str, Any]) -> dict[str, str]:
    """The state of each plugin of a run."""
    return {name: plugin["state"] for name, plugin in plugins(document).items()}
