"""Every kind of plugin, on every stage: well, and failing in the ways that only its kind can fail in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator_runtime.deployment import CoreOutput
from tests.e2e.conftest import APPS
from tests.e2e.outside_consumer import outside_consumer
from tests.e2e.system import System, Told, eventually, plugins, states, told

pytestmark = pytest.mark.e2e

ORDER = ["Decorated", "Asynchronous", "Skips", "Node", "AsItIs", "Queued", "Fifo", "Outside"]
STAGES = ["pre", "parallel", "post"]
ILL = ("killed", "recovers", "gives up", "as it is", "queue", "once")


@pytest.fixture(scope="module")
def kinds(core: System) -> Iterator[System]:
    """The core with plugins of every kind, and somebody outside who takes messages from three of the queues."""
    core.aws.deploy(APPS / "kinds")
    queues = [outputs(core)[f"Outside{number}"] for number in range(3)]
    with outside_consumer(lambda: core.aws.client("sqs"), "Outside", queues):
        yield core


@pytest.fixture(scope="module")
def ran(kinds: System) -> dict[str, Told]:
    """A run for each case, all at once."""
    begun = {case: kinds.begin("Everything", case, {"case": case, "policy": "p 1", "premium": 9}) for case in ILL}
    begun["well"] = kinds.begin("Everything", "well", {"case": "well", "policy": "p 1", "premium": 41})
    begun["wrong"] = kinds.begin("Everything", "wrong", {"case": "wrong", "premium": "much"})
    return {case: told(process) for case, process in begun.items()}


def outputs(system: System) -> dict[str, str]:
    """What the stack of the plugins puts out."""
    stack: Any = system.aws.client("cloudformation").describe_stacks(StackName="kinds")["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def output(system: System, uid: str, plugin: str) -> Any:
    """What a plugin returned, as later stages see it."""
    key = {"uid": {"S": uid}, "path": {"S": f"~outputs/Everything/Kinds/{plugin}/"}}
    table = system.output(CoreOutput.STATUS_TABLE_NAME)
    return json.loads(system.aws.client("dynamodb").get_item(TableName=table, Key=key)["Item"]["output"]["S"])


def parallel(run: Told) -> dict[str, dict[str, Any]]:
    stage: dict[str, dict[str, Any]] = run.document["activities"]["Kinds"]["stages"]["parallel"]["plugins"]
    return stage


def test_every_kind_completes_on_every_stage(ran: dict[str, Told]) -> None:
    run = ran["well"]
    assert run.exit_code == 0, run.stderr
    assert states(run.document) == {
        f"Kinds/{stage}/{name}": "Do Not Run" if name == "Skips" else "Complete" for stage in STAGES for name in ORDER
    }


@pytest.mark.parametrize("stage", ["pre", "post"])
def test_every_kind_takes_its_turn(ran: dict[str, Told], stage: str) -> None:
    rows = ran["well"].document["activities"]["Kinds"]["stages"][stage]["plugins"]
    assert list(rows) == ORDER
    ended = [rows[name]["ended_at"] for name in ORDER]
    assert ended == sorted(ended)


def test_every_kind_returns_an_output(kinds: System, ran: dict[str, Told]) -> None:
    seen = {name: output(kinds, "well", f"post/{name}") for name in ORDER if name != "Skips"}
    assert seen.pop("Asynchronous") == sorted(
        f"Kinds/{stage}/{name}" for stage in ("pre", "parallel") for name in ORDER if name != "Skips"
    )
    assert seen == {
        "Decorated": {"premium": 42, "stage": "post"},
        "Node": {"suspicious": False, "applications": 0},
        "AsItIs": {"seen": "well"},
        "Queued": {"premium": 42, "stage": "post"},
        "Fifo": {"premium": 42, "stage": "post"},
        "Outside": "from outside",
    }


def test_metadata_of_the_wrong_type_are_an_error_that_names_the_key(ran: dict[str, Told]) -> None:
    run = ran["wrong"]
    assert run.exit_code == 1
    wrong = plugins(run.document)["Kinds/pre/Decorated"]
    assert wrong["state"] == "Error"
    assert wrong["message"].startswith("InvalidMetadata: ")
    assert "premium" in wrong["message"]
    assert "much" not in wrong["message"]


def test_a_function_that_is_killed_is_reported_by_lambda(ran: dict[str, Told]) -> None:
    killed = parallel(ran["killed"])["Killed"]
    assert killed["state"] == "Error"
    assert "within" not in killed["message"], "not by its deadline"
    assert ran["killed"].exit_code == 1


def test_a_function_that_may_be_tried_again_recovers(kinds: System, ran: dict[str, Told]) -> None:
    assert ran["recovers"].exit_code == 0, ran["recovers"].stderr
    assert parallel(ran["recovers"])["Recovers"]["state"] == "Complete"
    assert output(kinds, "recovers", "parallel/Recovers") == "try 3"


def test_one_that_gives_up_is_an_error_with_its_reason(ran: dict[str, Told]) -> None:
    gave_up = parallel(ran["gives up"])["GivesUp"]
    assert gave_up["state"] == "Error"
    how = "Retryable: the rates are out of reach (Lambda gave it up after 3 tries; dispatched at "
    assert gave_up["message"].startswith(how)


def test_a_function_as_it_is_fails_with_what_it_raised(ran: dict[str, Told]) -> None:
    run = ran["as it is"]
    assert run.exit_code == 1
    failed = run.document["activities"]["Kinds"]["stages"]["pre"]["plugins"]["AsItIs"]
    assert failed["state"] == "Error"
    assert "the sum does not add up" in failed["message"]


def test_what_dies_behind_a_queue_is_an_error_of_the_right_plugin(ran: dict[str, Told]) -> None:
    run = ran["queue"]
    assert run.exit_code == 0, "they are optional"
    stage = parallel(run)
    for name in ("QueuedBreaks", "FifoBreaks"):
        assert stage[name]["state"] == "Optional Task Error"
        assert "2 receives" in stage[name]["message"]
    assert stage["QueuedGivesUp"]["state"] == "Optional Task Error"
    assert "Retryable: the rates are out of reach" in stage["QueuedGivesUp"]["message"]


def test_a_second_delivery_does_not_enter_a_function_that_is_not_idempotent(
    kinds: System, ran: dict[str, Told]
) -> None:
    assert ran["once"].exit_code == 0, ran["once"].stderr
    aws, key = kinds.aws, "Everything/once/Kinds/parallel/Once/1"
    effects, sqs = outputs(kinds)["EffectsUrl"], aws.client("sqs")
    assert [m["Body"] for m in received(sqs, effects)] == [key]
    message = {
        "uid": "once",
        "workflow": "Everything",
        "activity": "Kinds",
        "stage": "parallel",
        "attempt": 1,
        "plugins": ["Once"],
        "now": "2026-11-24T09:30:00.000Z",
        "metadata": {"case": "once"},
        "outputs": {},
        "report_to": kinds.output(CoreOutput.RESULTS_QUEUE_URL),
    }
    arn = aws.client("ssm").get_parameter(Name="/faults/e2e/activities/Kinds/parallel/topic-arn")["Parameter"]["Value"]
    attributes: Any = {
        "plugins": {"DataType": "String.Array", "StringValue": '["Once"]'},
        "case": {"DataType": "String", "StringValue": "once"},
    }
    before = reports_read(kinds)
    aws.client("sns").publish(TopicArn=arn, Message=json.dumps(message), MessageAttributes=attributes)
    eventually(lambda: reports_read(kinds) > before or None, what="the second delivery's report")
    assert received(sqs, effects) == []
    assert kinds.status("Everything", "once") == ran["once"].document


def received(sqs: Any, queue: str) -> list[dict[str, Any]]:
    """Everything in a queue."""
    found: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found += messages
    return found


def reports_read(system: System) -> int:
    """How often the function that reads reports has been called."""
    logs = system.aws.client("logs")
    groups = logs.get_paginator("describe_log_groups").paginate()
    names = [g["logGroupName"] for page in groups for g in page["logGroups"] if "RecordResult" in g["logGroupName"]]
    return sum(
        event["message"].startswith("START")
        for name in names
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=name)
        for event in page["events"]
    )
