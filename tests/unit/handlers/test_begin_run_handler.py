"""The first state of a workflow: begins, resumes or refuses a run."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest

from orchestrator_runtime.contract import ErrorName
from orchestrator_runtime.core.begin import InvalidRunInput, MetadataDiffers, MetadataTooLarge, RunInProgress
from orchestrator_runtime.core.message import problem_with_size
from orchestrator_runtime.handlers import end_run
from orchestrator_runtime.handlers.begin_run import lambda_handler
from orchestrator_runtime.handlers.environment import MissingEnvironmentError
from orchestrator_runtime.stores.items import utc_now
from tests.unit.handlers.conftest import Core
from tests.unit.handlers.events import begin, end
from tests.unit.samples import EXECUTION, run_ref

SECRET = "1978-05-23"
METADATA = {"line": "auto", "born": SECRET, "premium": 1200.5}


@pytest.fixture
def executions(core: Core) -> list[str]:
    """Two executions of a state machine, as moto runs them: forever."""
    client = boto3.client("stepfunctions")
    machine = client.create_state_machine(
        name="claims-dev-workflow-NewBusiness",
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/any",
    )["stateMachineArn"]
    return [client.start_execution(stateMachineArn=machine)["executionArn"] for _ in range(2)]


def stop(execution: str) -> None:
    boto3.client("stepfunctions").stop_execution(executionArn=execution)


def test_a_run_begins(core: Core) -> None:
    assert lambda_handler(begin({"uid": "q-1", "metadata": METADATA}), None) == {
        "uid": "q-1",
        "workflow": "NewBusiness",
        "attempt": 1,
    }
    document = core.document()
    assert (document["state"], document["attempt"], document["metadata"]) == ("In Progress", 1, METADATA)
    assert list(document["activities"]) == ["Validate", "Rate", "GenerateDocuments"]
    [row] = core.rows()
    lives = int(row["expires_at"]["N"]) - utc_now().timestamp()
    assert lives == pytest.approx((30 + 90) * 86_400, abs=60)
    [line] = core.lines()
    assert (line["uid"], line["execution"]) == ("q-1", EXECUTION)
    assert SECRET not in core.log.getvalue()


def test_metadata_may_be_left_out(core: Core) -> None:
    lambda_handler(begin({"uid": "q-1"}), None)
    assert core.document()["metadata"] == {}


def test_what_step_functions_adds_to_the_input_is_no_part_of_it(core: Core) -> None:
    given = {"uid": "q-1", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID": "arn:other"}
    assert lambda_handler(begin(given), None)["attempt"] == 1


def test_the_same_execution_gets_the_same_answer(core: Core) -> None:
    first = lambda_handler(begin({"uid": "q-1", "metadata": METADATA}), None)
    before = core.rows()
    assert lambda_handler(begin({"uid": "q-1", "metadata": METADATA}), None) == first
    assert core.rows() == before


def test_a_refused_write_that_does_not_return_the_item_is_followed_by_a_read(
    core: Core, session: boto3.Session
) -> None:
    kept: list[Any] = []

    def say_less(parsed: dict[str, Any], **_: Any) -> None:
        kept.append(parsed.pop("Item", None))

    session.events.register("after-call.dynamodb.PutItem", say_less)
    try:
        answers = [lambda_handler(begin({"uid": "q-1"}), None) for _ in range(2)]
    finally:
        session.events.unregister("after-call.dynamodb.PutItem", say_less)
    assert answers[0] == answers[1]
    assert kept[-1] is not None


def test_a_second_start_of_a_live_run_is_refused(core: Core, executions: list[str]) -> None:
    lambda_handler(begin({"uid": "q-1"}, executions[0]), None)
    before = core.rows()
    with pytest.raises(RunInProgress, match=rf"run 'q-1' of NewBusiness is in progress.*{executions[0]}: wait"):
        lambda_handler(begin({"uid": "q-1"}, executions[1]), None)
    assert core.rows() == before


def test_a_run_whose_execution_was_stopped_is_resumed(core: Core, executions: list[str]) -> None:
    lambda_handler(begin({"uid": "q-1", "metadata": METADATA}, executions[0]), None)
    stop(executions[0])
    answer = lambda_handler(begin({"uid": "q-1", "metadata": METADATA}, executions[1]), None)
    assert answer == run_ref(2).as_document()
    assert (core.document()["attempt"], core.document()["execution"]) == (2, executions[1])


def test_an_ended_run_is_resumed_with_its_metadata_only(core: Core) -> None:
    lambda_handler(begin({"uid": "q-1", "metadata": METADATA}), None)
    end_run.lambda_handler(end(error={"Error": "X", "Cause": "y"}), None)
    before = core.rows()
    other = METADATA | {"born": "1999-09-09", "new": 1}
    with pytest.raises(MetadataDiffers, match=r"born changed, new added.*metadata_override") as refused:
        lambda_handler(begin({"uid": "q-1", "metadata": other}, "arn:two"), None)
    assert SECRET not in str(refused.value)
    assert "1999-09-09" not in str(refused.value)
    assert core.rows() == before
    given = {"uid": "q-1", "metadata": other, "metadata_override": True}
    assert lambda_handler(begin(given, "arn:two"), None)["attempt"] == 2
    assert core.document()["metadata"] == other
    assert SECRET not in core.log.getvalue()


def nested(levels: int, inmost: object) -> object:
    for _ in range(levels):
        inmost = [inmost]
    return inmost


BAD: dict[str, tuple[Any, str]] = {
    "null": (None, "must be a JSON object with uid and metadata, got NoneType"),
    "list": ([SECRET], "must be a JSON object with uid and metadata, got list"),
    "text": (json.dumps({"uid": "q-1"}), "must be a JSON object with uid and metadata, got str"),
    "no uid": ({"metadata": {"born": SECRET}}, "uid: Field required"),
    "empty uid": ({"uid": "", "metadata": {"born": SECRET}}, "uid: uid must be a non-empty string: give"),
    "null uid": ({"uid": None}, "uid: Input should be a valid string"),
    "number as uid": ({"uid": 5}, "uid: Input should be a valid string"),
    "long uid": ({"uid": "u" * 257}, "uid: uid is 257 characters long: use at most 256"),
    "newline in uid": ({"uid": "q\n1"}, r"uid: uid has control characters"),
    "nul in uid": ({"uid": "q\x001"}, r"uid: uid has control characters"),
    "line separator in uid": ({"uid": "q\u20281"}, "has control characters"),
    "space after uid": ({"uid": "q-1 "}, "white space at its ends"),
    "half a surrogate in uid": ({"uid": "q\ud800"}, "uid: "),
    "metadata null": ({"uid": "q-1", "metadata": None}, "metadata: Input should be a valid dictionary"),
    "metadata list": ({"uid": "q-1", "metadata": [SECRET]}, "metadata: Input should be a valid dictionary"),
    "metadata text": ({"uid": "q-1", "metadata": SECRET}, "metadata: Input should be a valid dictionary"),
    "reserved keys": (
        {"uid": "q-1", "metadata": {"workflow": SECRET, "plugins": [SECRET]}},
        "metadata: metadata may not use the reserved keys ['plugins', 'workflow']: rename them",
    ),
    "unknown key": ({"uid": "q-1", "born": SECRET}, "born: Extra inputs are not permitted"),
    "override no boolean": ({"uid": "q-1", "metadata_override": SECRET}, "metadata_override: Input should be a valid"),
    "half a surrogate": ({"uid": "q-1", "metadata": {"born": f"{SECRET}\ud800"}}, "metadata"),
    "half a surrogate in a key": ({"uid": "q-1", "metadata": {"\ud800": SECRET}}, "metadata"),
    "an unknown key of any length": ({"uid": "q-1", "k" * 200_000: SECRET}, f"{'k' * 200}…: Extra inputs are not"),
    "metadata too deep": (
        {"uid": "q-1", "metadata": {"born": nested(100, SECRET)}},
        "metadata: metadata has more than 100 levels of lists and objects, which plugins could not read: nest less",
    ),
    "metadata as deep as can be": ({"uid": "q-1", "metadata": {"born": nested(5_000, SECRET)}}, "metadata"),
    "endless number": ({"uid": "q-1", "metadata": {"born": SECRET, "n": float("inf")}}, "metadata"),
    "no number": ({"uid": "q-1", "metadata": {"born": SECRET, "n": [float("nan")]}}, "metadata"),
}


@pytest.mark.parametrize(("given", "told"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused_in_a_sentence_before_anything_is_written(core: Core, given: Any, told: str) -> None:
    with pytest.raises(InvalidRunInput) as refused:
        lambda_handler(begin(given), None)
    assert told in str(refused.value)
    assert SECRET not in str(refused.value)
    assert SECRET not in core.log.getvalue()
    assert refused.value.__cause__ is None
    assert len(str(refused.value)) < 4_096
    assert core.rows() == []


def fitting(character: str) -> dict[str, Any]:
    """Metadata of that character that take just the bytes that are free."""
    value = ""
    step = 1 << 18
    while step:
        if problem_with_size(run_ref(), {"a b": value + character * step}) is None:
            value += character * step
        step //= 2
    # The key is none that travels as an attribute, so that a byte more is a byte more.
    metadata = {"a b": value}
    while problem_with_size(run_ref(), {"a b": metadata["a b"] + "x"}) is None:
        metadata = {"a b": metadata["a b"] + "x"}
    return metadata


@pytest.mark.parametrize("character", ["x", "ü", "\U0001f697"], ids=ascii)
def test_metadata_are_taken_to_the_byte(core: Core, character: str) -> None:
    metadata = fitting(character)
    assert len(metadata["a b"].encode()) > 126_000
    too_large = {"a b": metadata["a b"] + "x"}
    with pytest.raises(MetadataTooLarge, match=r"the metadata takes 126,977 bytes of a message, 126,976 are free"):
        lambda_handler(begin({"uid": "q-1", "metadata": too_large}), None)
    assert core.rows() == []
    lambda_handler(begin({"uid": "q-1", "metadata": metadata}), None)
    assert core.document()["metadata"] == metadata


def test_refusals_are_named_as_the_contract_says() -> None:
    named = {cls.__name__ for cls in (InvalidRunInput, MetadataDiffers, MetadataTooLarge, RunInProgress)}
    assert named <= set(ErrorName)


def test_a_variable_that_is_missing_is_named(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORCHESTRATOR_STATUS_TABLE")
    with pytest.raises(MissingEnvironmentError, match="ORCHESTRATOR_STATUS_TABLE is not set: deploy OrchestratorCore"):
        lambda_handler(begin({"uid": "q-1"}), None)
