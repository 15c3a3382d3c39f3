"""Sizes: what is too large ends in an error that names it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from orchestrator_runtime.contract import MAX_ITEM_BYTES, MAX_NESTING, MAX_OUTPUT_BYTES, MAX_SNS_MESSAGE_BYTES, State
from orchestrator_runtime.core.begin import MetadataTooLarge
from orchestrator_runtime.core.message import DoesNotFitError, address, message_body, problem_with_size
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.core.registration_request import RegistrationRefusedError, parse_registration
from orchestrator_runtime.custom_resources import RegistrationProperty as P
from orchestrator_runtime.filter_policy import MAX_POLICY_BYTES
from orchestrator_runtime.models import PluginMessage, RunInput
from orchestrator_runtime.stores.items import item_of, run_item
from orchestrator_runtime.stores.plan_item import plan_values
from orchestrator_runtime.stores.registry import registration_item
from tests.cost.capacity_units import item_bytes
from tests.rules.world import World, open_stage, plugin, present, received

REF = RunRef("q-1", "NewBusiness", 1)
MOST_METADATA = MAX_SNS_MESSAGE_BYTES - 102_400 - 2 * 16_384


@pytest.mark.parametrize(
    ("size", "state"), [(MAX_OUTPUT_BYTES - 2, State.COMPLETE), (MAX_OUTPUT_BYTES - 1, State.ERROR)]
)
def test_one_output_that_is_too_large_is_the_plugins_error(size: int, state: State) -> None:
    world = open_stage(plugin("A"))
    world.report("A", output="x" * size)
    row = present(world.row("A"))
    assert row.state is state
    assert state is State.COMPLETE or str(row.message).startswith("OutputTooLarge: the output is 50,001 bytes")
    assert bool(world.status.outputs(REF)) is (state is State.COMPLETE)


def test_a_message_of_a_report_is_cut() -> None:
    world = open_stage(plugin("A"))
    world.report("A", message="m" * 2_000)
    assert len(str(present(world.row("A")).message)) == 1_024


def test_metadata_that_no_message_could_carry_is_refused_at_the_start() -> None:
    world = World()
    with pytest.raises(MetadataTooLarge, match="put a reference to it into the metadata"):
        world.begin(metadata={"text": "x" * 100_000})
    assert not world.calls.log


def test_metadata_counts_as_body_and_as_attributes() -> None:
    half = "x" * (MOST_METADATA // 2 - 600)
    assert problem_with_size(REF, {"text": half}) is None
    assert problem_with_size(REF, {"text": half + "x" * 600}) is not None
    nested = {"nested": {"text": half + half}}
    assert problem_with_size(REF, nested) is None, "an object travels in the body only"


def test_metadata_counts_in_bytes_as_sent() -> None:
    quarter = MOST_METADATA // 4
    assert problem_with_size(REF, {"nested": {"text": "x" * 3 * quarter}}) is None
    assert problem_with_size(REF, {"nested": {"text": "ä" * 3 * quarter}}) is not None


def test_a_run_that_may_begin_fits_with_all_outputs_and_names() -> None:
    metadata = {"text": "x" * (MOST_METADATA // 2 - 600)}
    assert problem_with_size(REF, metadata) is None
    ref = World().ref()
    body = message_body(ref, metadata, {"k": "x" * 102_000}, report_to="u", now=World().clock.now)
    address(ref, body, ["n" * 64] * 230, metadata, [])


def test_a_message_that_does_not_fit_says_its_size() -> None:
    with pytest.raises(DoesNotFitError, match=r"the message to Rate/parallel is [0-9,]+ bytes, SNS takes 262,144"):
        address(World().ref(), {"metadata": "x" * MAX_SNS_MESSAGE_BYTES}, [], {}, [])


def nested(levels: int) -> object:
    value: object = "x"
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def test_whatever_a_run_may_carry_its_plugins_can_read() -> None:
    """Deeper metadata, and deeper outputs, were taken, and then no plugin could read its message."""
    metadata = {"a": nested(MAX_NESTING - 1)}
    world = World(plugin("A"), plugin("Print", activity="Documents"))
    RunInput.model_validate({"uid": "q-1", "metadata": metadata})
    world.begin(metadata=metadata)
    world.open()
    world.report("A", output=nested(MAX_NESTING))
    world.open("Documents")
    assert world.dispatched == [["A"], ["Print"]]
    message = PluginMessage.model_validate_json(world.publisher.messages[-1].body)
    assert message.outputs == {"Rate/parallel/A": nested(MAX_NESTING)}
    assert message.metadata == metadata


def test_an_output_that_is_nested_too_deeply_is_the_plugins_error() -> None:
    world = open_stage(plugin("A"), plugin("B"))
    world.report("A", output=nested(MAX_NESTING + 1))
    row = present(world.row("A"))
    assert row.state is State.ERROR
    assert str(row.message).startswith("OutputTooDeep: the output has more than 100 levels of lists and objects")
    assert world.status.outputs(REF) == {}


def test_a_plan_that_is_no_item_closes_the_stage_once_and_says_what_to_do() -> None:
    """Written as it was, it failed the function again and again, with an error of DynamoDB's."""
    many = [plugin(f"{number:04d}".ljust(64, "n"), sender_role_ids=("AROA" + "X" * 17,)) for number in range(2_600)]
    world = World(*many)
    world.begin()
    world.open()
    [signal] = world.answered
    assert signal.error == "PluginFailed"
    told = r"the plan of Rate/parallel is 4\d\d,\d{3} bytes for 2600 plugins, an item of DynamoDB takes 409,600: "
    assert re.match(f"Rate/parallel: {told}", signal.cause)
    assert (world.stage.state, world.stage.ended_at) == (State.ERROR, world.clock.now)
    assert f"Rate/parallel: {present(world.outcome).message}" == signal.cause
    assert world.dispatched == []


def test_two_hundred_plugins_of_the_longest_names_fit_into_a_plan() -> None:
    """As many as SNS allows on a topic, each with as many roles as a registration takes."""
    roles = tuple(f"AROA{number:016d}" for number in range(1_024 // 21))
    names = [f"{number:04d}".ljust(64, "n") for number in range(200)]
    world = open_stage(*(plugin(name, sender_role_ids=roles, timeout_seconds=31_536_000) for name in names))
    assert [len(released) for released in world.dispatched] == [200]
    assert item_bytes(item_of(plan_values(world.plan))) < 280_000


def test_the_longest_failure_of_a_stage_fits_into_a_signal() -> None:
    """Step Functions takes 256 characters of an error, and 32,768 of its cause."""
    names = [f"{number:03d}".ljust(64, "n") for number in range(200)]
    world = World(*map(plugin, names))
    world.begin()
    world.open()
    world.report_all(received(name, State.ERROR, message="\U0001f697" * 2_000) for name in names)
    [signal] = world.answered
    assert signal.error == "PluginFailed"
    assert signal.cause.endswith("; and 195 more")
    assert len(signal.cause.encode("utf-16-le")) // 2 <= 32_768


def test_the_largest_run_is_a_small_item() -> None:
    metadata = {"nested": {"text": "x" * (MOST_METADATA - 2_000)}}
    world = World()
    world.begin(metadata=metadata, uid="\U0001f697" * 256)
    run = present(world.status.runs.get("\U0001f697" * 256, "NewBusiness/"))
    activities = tuple((f"{number:03d}".ljust(64, "a"),) for number in range(200))
    largest = replace(run, activities=activities, message="\U0001f697" * 1_024, execution="e" * 256)
    assert item_bytes(run_item(largest)) < MAX_ITEM_BYTES // 2


def test_the_largest_output_is_a_small_item() -> None:
    output = "x" * (MAX_OUTPUT_BYTES - 2)
    world = open_stage(plugin("n" * 64))
    world.report("n" * 64, output=output)
    [(text, _)] = world.status.stored_outputs.items.values()
    path = f"~outputs/{'w' * 64}/{'a' * 64}/parallel/{'n' * 64}/"
    item = item_of({"uid": "\U0001f697" * 256, "path": path, "output": text, "attempt": 1, "expires_at": 2**40})
    assert item_bytes(item) < MAX_ITEM_BYTES // 2
    assert len(path.encode()) <= 1_024


@pytest.mark.parametrize("inner", ["x", "\u00fc", "\U0001f697"], ids=ascii)
def test_a_start_that_is_accepted_fits_into_the_first_state(inner: str) -> None:
    """Its task is given the whole input and more, and a state takes 262,144 bytes."""
    metadata = {"nested": {"text": inner * ((MOST_METADATA - 1_100) // len(inner.encode()))}}
    assert problem_with_size(REF, metadata) is None
    given = {"uid": "\U0001f697" * 256, "metadata": metadata, "metadata_override": False}
    activities = [[f"{number:03d}".ljust(64, "a")] for number in range(200)]
    payload = {
        "workflow": "w" * 64,
        "activities": activities,
        "timeout_seconds": 31_536_000,
        "execution": "e" * 256,
        "input": given,
    }
    assert len(json.dumps(payload, ensure_ascii=False).encode()) < 262_144


def test_the_largest_registration_is_an_item() -> None:
    policy = json.dumps({"line": ["x" * (MAX_POLICY_BYTES - 14)]})
    properties: dict[str, str] = {
        P.ACTIVITY: "a" * 64,
        P.STAGE: "parallel",
        P.NAME: "n" * 64,
        P.SUBSCRIPTION_ARN: "s" * 512,
        P.KIND: "fifo-queue",
        P.DESCRIPTION: "\U0001f697" * 256,
        P.FILTER_POLICY: policy,
        P.SENDER_ROLE_IDS: ",".join(f"AROA{number:017d}" for number in range(46)),
    }
    # A stack's id has at most 260 characters, and DynamoDB takes no longer key of an index than that endpoint.
    owner, endpoint = "o" * 260, "e" * 2_048
    registration = parse_registration(properties, owner=owner, seen_at=World().clock.now)
    assert item_bytes(registration_item(replace(registration, endpoint=endpoint, protocol="lambda"))) < 12_000
    with pytest.raises(RegistrationRefusedError, match="FilterPolicy is 4,097 bytes, a registration takes 4,096"):
        parse_registration({**properties, P.FILTER_POLICY: f"{policy} "}, owner=owner, seen_at=World().clock.now)


@pytest.mark.parametrize("output", [float("inf"), "\ud800"])
def test_an_output_that_is_no_json_is_the_plugins_error(output: object) -> None:
    world = open_stage(plugin("A"), plugin("B"))
    world.report("A", output=output)
    row = present(world.row("A"))
    assert row.state is State.ERROR
    assert str(row.message).startswith("OutputNotJson: ")
