"""Runs that are cancelled, resumed and overdue in the middle of each stage, and activities side by side."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from orchestrator_cli.local import LocalEnvironment
from orchestrator_runtime.contract import DEFAULT_TIMEOUT_SECONDS, Stage
from orchestrator_runtime.deployment import CoreOutput
from tests.e2e.conftest import APPS
from tests.e2e.outside_consumer import work_on
from tests.e2e.system import System, eventually, plugins

pytestmark = pytest.mark.e2e

STAGES: Final = list(Stage)
TWO_DAYS: Final = timedelta(days=2)
_NOT_MOVED: Final = {"uid", "path", "token"}
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z")


@dataclass(frozen=True)
class Stages:
    """The system, and the queues of its plugins."""

    system: System
    outputs: dict[str, str]

    def start(self, workflow: str, uid: str) -> None:
        begun = self.system.tell("run", workflow, "--uid", uid)
        assert begun.exit_code == 0, begun.stderr

    def work(self, uid: str, activity: str, stage: Stage, name: str, *, attempt: int = 1) -> None:
        """Complete a plugin, as soon as it is invoked; what its queue has of other runs and attempts is dropped."""
        sqs, queue = self.system.aws.client("sqs"), self.outputs[f"{activity}{stage.capitalize()}{name}Url"]

        def worked() -> bool | None:
            found = False
            for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []):
                body = json.loads(message["Body"])
                if (body["uid"], body["attempt"]) == (uid, attempt):
                    found = work_on(sqs, name, queue, message) == uid
                else:
                    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return found or None

        eventually(worked, what=f"the message of {uid}, attempt {attempt}, to {name} of {activity}/{stage}")

    def reach(self, uid: str, activity: str, stage: Stage) -> None:
        """Take an activity to the middle of a stage: One is complete, and Two is invoked."""
        for earlier in STAGES[: STAGES.index(stage)]:
            self.work(uid, activity, earlier, "One")
            self.work(uid, activity, earlier, "Two")
        self.work(uid, activity, stage, "One")

    def middle(self, workflow: str, uid: str, activity: str, stage: Stage) -> dict[str, Any]:
        """Wait until a run is there; return its document."""

        def there() -> dict[str, Any] | None:
            item = self.system.control_item(workflow, uid, activity)
            if item is None or item.get("stage") != {"S": stage} or item.get("pending") != {"NS": ["1"]}:
                return None
            if stage.is_sequential and item["dispatched"] != {"N": "1"}:
                return None
            return self.system.status(workflow, uid) if "published_at" in item else None

        return eventually(there, what=f"{uid} in the middle of {activity}/{stage}")

    def finish(self, uid: str, activity: str, stage: Stage, *, attempt: int) -> None:
        """Complete what is left of an activity that was resumed in the middle of a stage."""
        self.work(uid, activity, stage, "Two", attempt=attempt)
        for later in stage.following:
            self.work(uid, activity, later, "One", attempt=attempt)
            self.work(uid, activity, later, "Two", attempt=attempt)

    def ended(self, workflow: str, uid: str) -> dict[str, Any]:
        def over() -> dict[str, Any] | None:
            document = self.system.status(workflow, uid)
            return document if document and document["ended_at"] else None

        return eventually(over, what=f"the end of {uid}")

    def move_back(self, uid: str, ago: timedelta) -> None:
        """Rewrite every time that the tables have of a run: everything happened that much earlier."""

        def earlier(match: re.Match[str]) -> str:
            moved = datetime.fromisoformat(match[0]).astimezone(UTC) - ago
            digits = len(match[0].rpartition(".")[2]) - 1
            return f"{moved:%Y-%m-%dT%H:%M:%S}.{f'{moved:%f}'[:digits]}Z"

        dynamodb = self.system.aws.client("dynamodb")
        for table in (self.system.output(CoreOutput.STATUS_TABLE_NAME), self.system.control_table):
            answer = dynamodb.query(
                TableName=table,
                KeyConditionExpression="uid = :uid",
                ExpressionAttributeValues={":uid": {"S": uid}},
                ConsistentRead=True,
            )
            for item in answer["Items"]:
                moved: Any = {
                    name: {"S": _TIME.sub(earlier, value["S"])} if "S" in value and name not in _NOT_MOVED else value
                    for name, value in item.items()
                }
                dynamodb.put_item(TableName=table, Item=moved)


@pytest.fixture(scope="module")
def stages(local_aws: LocalEnvironment) -> Stages:
    local_aws.deploy(APPS / "stages")
    [stack] = local_aws.client("cloudformation").describe_stacks(StackName="stages-e2e")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    system = System(local_aws, "stages", "e2e")
    system.settle()
    return Stages(system, outputs)


def stage_states(document: dict[str, Any], activity: str) -> list[str]:
    return [document["activities"][activity]["stages"][stage]["state"] for stage in STAGES]


def expected_states(stage: Stage, state: str) -> list[str]:
    at = STAGES.index(stage)
    return ["Complete"] * at + [state] + ["Not Started"] * (len(STAGES) - at - 1)


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_that_is_cancelled_in_a_stage_resumes_in_the_middle_of_it(stages: Stages, stage: Stage) -> None:
    system, uid = stages.system, f"cancel-{stage}"
    stages.start("Alone", uid)
    stages.reach(uid, "Here", stage)
    waiting = stages.middle("Alone", uid, "Here", stage)
    assert stage_states(waiting, "Here") == expected_states(stage, "In Progress")

    answer = system.tell("cancel", "Alone", uid, "--reason", "sent twice")
    assert answer.exit_code == 0, answer.stderr
    document = system.status("Alone", uid)
    assert document is not None
    assert (document["state"], document["ending"]) == ("Error", "cancelled")
    assert stage_states(document, "Here") == expected_states(stage, "Error")
    rows = plugins(document)
    assert rows[f"Here/{stage}/One"]["state"] == "Complete"
    assert (rows[f"Here/{stage}/Two"]["state"], rows[f"Here/{stage}/Two"]["message"]) == (
        "Error",
        f"run ended: {document['message']}",
    )
    item = system.control_item("Alone", uid, "Here")
    assert item is not None
    assert item["run_ended"] == {"BOOL": True}
    assert "due_at" not in item
    execution = system.aws.client("stepfunctions").describe_execution(executionArn=document["execution"])
    assert (execution["status"], execution["error"]) == ("ABORTED", "RunCancelled")

    resumed = system.tell("retry", "Alone", uid)
    assert resumed.exit_code == 0, resumed.stderr
    stages.finish(uid, "Here", stage, attempt=2)
    document = stages.ended("Alone", uid)
    assert (document["state"], document["ending"], document["attempt"]) == ("Complete", "completed", 2)
    assert stage_states(document, "Here") == ["Complete"] * len(STAGES)
    attempts = {name: plugin["attempt"] for name, plugin in plugins(document).items()}
    kept = {f"Here/{earlier}/{name}" for earlier in STAGES[: STAGES.index(stage)] for name in ("One", "Two")}
    assert {name for name, attempt in attempts.items() if attempt == 1} == {*kept, f"Here/{stage}/One"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_plugin_that_is_overdue_on_a_stage_of_two_days_is_an_error_in_the_next_check(
    stages: Stages, stage: Stage
) -> None:
    system, uid = stages.system, f"old-{stage}"
    stages.start("Alone", uid)
    stages.reach(uid, "Here", stage)
    stages.middle("Alone", uid, "Here", stage)
    with system.no_deadline_checks():
        stages.move_back(uid, TWO_DAYS)
        before = system.control_item("Alone", uid, "Here")
        assert before is not None
        assert datetime.fromisoformat(before["claimed_at"]["S"]) < datetime.now(UTC) - TWO_DAYS
        assert system.check_deadlines() == {"checked": 1, "failed": 0, "left": False}
        document = system.status("Alone", uid)
    assert document is not None
    overdue = plugins(document)[f"Here/{stage}/Two"]
    assert overdue["state"] == "Error"
    assert overdue["message"].startswith(f"did not finish within {DEFAULT_TIMEOUT_SECONDS} s; dispatched at ")
    assert stage_states(document, "Here") == expected_states(stage, "Error")
    document = stages.ended("Alone", uid)
    assert (document["state"], document["ending"]) == ("Error", "failed")
    assert f"Here/{stage}: Two: {overdue['message']}" in document["message"]
    assert system.check_deadlines()["checked"] == 0, "a finished activity is not checked again"

    resumed = system.tell("retry", "Alone", uid)
    assert resumed.exit_code == 0, resumed.stderr
    stages.finish(uid, "Here", stage, attempt=2)
    document = stages.ended("Alone", uid)
    assert (document["state"], document["attempt"]) == ("Complete", 2)


def test_a_plugin_is_not_overdue_before_its_deadline(stages: Stages) -> None:
    system, uid = stages.system, "not-yet"
    stages.start("Alone", uid)
    stages.reach(uid, "Here", Stage.PARALLEL)
    stages.middle("Alone", uid, "Here", Stage.PARALLEL)
    with system.no_deadline_checks():
        stages.move_back(uid, timedelta(seconds=DEFAULT_TIMEOUT_SECONDS / 2))
        before = system.status("Alone", uid)
        assert system.check_deadlines()["checked"] == 0
        assert system.status("Alone", uid) == before
    assert system.tell("cancel", "Alone", uid).exit_code == 0


def test_all_that_became_due_while_the_schedule_was_off_is_handled_when_it_is_on(stages: Stages) -> None:
    system = stages.system
    uids = [f"off-{number}" for number in range(5)]
    with system.no_deadline_checks():
        for uid in uids:
            stages.start("Short", uid)

        def due() -> bool | None:
            items = [system.control_item("Short", uid, "Brief") for uid in uids]
            now = datetime.now(UTC)
            return all(item and datetime.fromisoformat(item["due_at"]["S"]) < now for item in items) or None

        eventually(due, what="five activities that are due")
        documents = [system.status("Short", uid) for uid in uids]
        assert [document and document["state"] for document in documents] == ["In Progress"] * len(uids)
    for uid in uids:
        document = stages.ended("Short", uid)
        assert document["state"] == "Error"
        assert "did not finish within 1 s" in plugins(document)["Brief/parallel/Silent"]["message"]


def test_one_of_two_activities_side_by_side_is_overdue_and_the_run_resumes_with_both(stages: Stages) -> None:
    system, uid = stages.system, "beside"
    stages.start("Beside", uid)
    stages.reach(uid, "Here", Stage.PRE)
    stages.reach(uid, "There", Stage.PARALLEL)
    stages.middle("Beside", uid, "Here", Stage.PRE)
    waiting = stages.middle("Beside", uid, "There", Stage.PARALLEL)
    assert stage_states(waiting, "Here") == expected_states(Stage.PRE, "In Progress")
    assert stage_states(waiting, "There") == expected_states(Stage.PARALLEL, "In Progress")

    answer = system.tell("cancel", "Beside", uid)
    assert answer.exit_code == 0, answer.stderr
    document = system.status("Beside", uid)
    assert document is not None
    assert stage_states(document, "Here") == expected_states(Stage.PRE, "Error")
    assert stage_states(document, "There") == expected_states(Stage.PARALLEL, "Error")

    assert system.tell("retry", "Beside", uid).exit_code == 0
    stages.finish(uid, "There", Stage.PARALLEL, attempt=2)
    with system.no_deadline_checks():
        stages.middle("Beside", uid, "Here", Stage.PRE)
        stages.move_back(uid, TWO_DAYS)
        assert system.check_deadlines()["checked"] == 1
    document = stages.ended("Beside", uid)
    assert (document["state"], document["attempt"]) == ("Error", 2)
    assert plugins(document)["Here/pre/Two"]["state"] == "Error"
    assert document["activities"]["There"]["state"] == "Complete"

    assert system.tell("retry", "Beside", uid).exit_code == 0
    stages.finish(uid, "Here", Stage.PRE, attempt=3)
    document = stages.ended("Beside", uid)
    assert (document["state"], document["attempt"]) == ("Complete", 3)
    assert {plugin["attempt"] for name, plugin in plugins(document).items() if name.startswith("There/post")} == {2}
