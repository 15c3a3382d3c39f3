"""Activities side by side, activities in a team's own state machine, and the event that a run has finished."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.conftest import APPS
from tests.e2e.outside_consumer import outside_consumer
from tests.e2e.system import System, eventually, plugins, told

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def composed(faults: System) -> System:
    faults.aws.deploy(APPS / "composed")
    return faults


def outputs(composed: System) -> dict[str, str]:
    stack: Any = composed.aws.client("cloudformation").describe_stacks(StackName="composed")["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_activities_run_side_by_side_and_then_the_next(composed: System) -> None:
    """Two activities wait at the same time, and the third begins when both may go on and are over."""
    process = composed.begin("Beside", "beside", {"case": "meet"})

    def both_wait() -> dict[str, Any] | None:
        document = composed.status("Beside", "beside")
        if document is None:
            return None
        waited_for = [document["activities"][name]["stages"]["parallel"]["state"] for name in ("Here", "There")]
        return document if waited_for == ["In Progress"] * 2 else None

    waiting = eventually(both_wait, what="both activities at work")
    assert waiting["activities"]["Check"]["state"] == "Not Started"
    urls = outputs(composed)
    with outside_consumer(lambda: composed.aws.client("sqs"), "Meets", [urls["HereUrl"], urls["ThereUrl"]]):
        run = told(process)
    assert run.exit_code == 0, run.stderr
    activities = run.document["activities"]
    assert {name: activity["state"] for name, activity in activities.items()} == dict.fromkeys(
        ("Here", "There", "Check"), "Complete"
    )
    begun = activities["Check"]["stages"]["pre"]["started_at"]
    assert max(activities[name]["stages"]["parallel"]["ended_at"] for name in ("Here", "There")) <= begun


@pytest.mark.parametrize(("case", "status", "state"), [("none", "SUCCEEDED", "Complete"), ("break", "FAILED", "Error")])
def test_the_end_of_a_run_is_an_event(composed: System, case: str, status: str, state: str) -> None:
    uid = f"finished-{case}"
    run = composed.run("Beside", uid, {"case": case})
    assert run.document["state"] == state
    queue = outputs(composed)["FinishedUrl"]

    def heard() -> dict[str, Any] | None:
        messages = composed.aws.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
        events = [json.loads(message["Body"]) for message in messages.get("Messages", [])]
        return next((event for event in events if event["detail"]["executionArn"] == run.document["execution"]), None)

    event = eventually(heard, what="the event")
    assert event["detail"]["status"] == status
    assert json.loads(event["detail"]["input"])["uid"] == uid


def test_a_state_machine_of_a_team_s_own_takes_a_run_through_an_activity(composed: System) -> None:
    sfn = composed.aws.client("stepfunctions")
    machines = sfn.list_state_machines()["stateMachines"]
    (own,) = [m["stateMachineArn"] for m in machines if m["name"] == composed.deployment.workflow("Own")]

    def start(uid: str, case: str) -> dict[str, Any]:
        given = json.dumps({"uid": uid, "metadata": {"case": case}})
        execution = sfn.start_execution(stateMachineArn=own, input=given)["executionArn"]

        def ended() -> dict[str, Any] | None:
            description: dict[str, Any] = {**sfn.describe_execution(executionArn=execution)}
            return None if description["status"] == "RUNNING" else description

        return eventually(ended, what=f"the end of {execution}")

    assert start("own-1", "none")["status"] == "SUCCEEDED"
    document = composed.status("Own", "own-1")
    assert document is not None
    assert document["state"] == "Complete"
    assert plugins(document)["Check/post/Last"]["state"] == "Complete"

    assert start("own-2", "break")["status"] == "FAILED"
    failed = composed.status("Own", "own-2")
    assert failed is not None
    assert failed["state"] == "Error"
    assert "Breaks" in failed["message"]
    # Nothing has changed, so that it fails again; but it is a further attempt, as the core saw the first one end.
    assert start("own-2", "break")["status"] == "FAILED"
    again = composed.status("Own", "own-2")
    assert again is not None
    assert again["attempt"] == 2
