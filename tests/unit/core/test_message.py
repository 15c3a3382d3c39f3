"""The message that a stage publishes, and whether it fits."""

from __future__ import annotations

import json
from bisect import bisect_left
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator_runtime.contract import MAX_OUTPUTS_BYTES, MAX_SNS_MESSAGE_BYTES, Stage
from orchestrator_runtime.core.attributes import attributes_bytes
from orchestrator_runtime.core.message import (
    DoesNotFitError,
    Message,
    address,
    earlier_outputs,
    message_body,
    problem_with_size,
)
from orchestrator_runtime.models import PluginMessage
from tests.unit.samples import NOW, a_run, run_ref, stage_ref

REF = stage_ref(2)
METADATA = {"line": "auto", "name": "Zoë"}
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/claims-dev-results"


def body(metadata: Any = METADATA, outputs: Any = None) -> dict[str, Any]:
    return message_body(REF, metadata, outputs or {}, report_to=QUEUE, now=NOW)


def size_of(message: Message) -> int:
    return len(message.body.encode()) + attributes_bytes(message.attributes)


def test_a_message_is_what_plugins_read() -> None:
    outputs: dict[str, Any] = {"Validate/pre/Address": {"known": True}}

    message = address(REF, body(outputs=outputs), ["Score", "Flood"], METADATA, ["line"])

    assert PluginMessage.model_validate_json(message.body) == PluginMessage(
        uid="q-1",
        workflow="NewBusiness",
        activity="Rate",
        stage=REF.stage,
        attempt=2,
        plugins=["Score", "Flood"],
        now=NOW,
        metadata={"line": "auto", "name": "Zoë"},
        outputs=outputs,
        report_to=QUEUE,
    )
    assert json.loads(message.body)["now"] == "2026-11-24T09:30:00.123Z"
    assert message.attributes == {
        "workflow": "NewBusiness",
        "plugins": ["Score", "Flood"],
        "line": "auto",
    }


def test_only_the_keys_that_filters_name_travel_as_attributes() -> None:
    metadata = {**{f"a{i}": "x" for i in range(10)}, "z": "wanted"}

    message = address(REF, body(metadata), ["Score"], metadata, ["z"])

    assert [*message.attributes] == ["workflow", "plugins", "z"]


def test_every_time_takes_as_many_bytes_as_any_other() -> None:
    times = [datetime(2000, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)]

    written = [message_body(REF, {}, {}, report_to=QUEUE, now=time)["now"] for time in times]

    assert written == ["2000-01-01T00:00:00.000Z", "2026-12-31T23:59:59.999Z"]


def nested(length: int) -> dict[str, Any]:
    return {"nested": {"pad": "x" * length}}


def padded(length: int) -> dict[str, str]:
    return {"pad": "", "name": "ß" * length}


def test_a_message_is_as_large_as_sns_takes_and_no_larger() -> None:
    """Bytes count, and so do attributes: ``name`` travels twice, each letter as two bytes."""
    free = MAX_SNS_MESSAGE_BYTES - size_of(address(REF, body(padded(1)), ["Score"], padded(1), ["name"]))
    most = 1 + free // 4

    assert size_of(address(REF, body(padded(most)), ["Score"], padded(most), ["name"])) <= MAX_SNS_MESSAGE_BYTES
    with pytest.raises(DoesNotFitError, match=r"^the message to Rate/parallel is 262,\d{3} bytes, SNS takes 262,144: "):
        address(REF, body(padded(most + 1)), ["Score"], padded(most + 1), ["name"])


ISSUE_LAST = a_run(activities=(("Validate",), ("Rate", "Check"), ("Issue",)))
WRITTEN = [
    "Gone/post/G",
    "Validate/pre/V",
    "Validate/post/W",
    "Rate/pre/A",
    "Rate/parallel/B",
    "Rate/post/C",
    "Check/pre/D",
    "Issue/pre/I",
]


@pytest.mark.parametrize(
    ("activity", "stage", "earlier"),
    [
        ("Validate", Stage.PRE, ["G"]),
        ("Validate", Stage.POST, ["G", "V"]),
        ("Rate", Stage.PRE, ["G", "V", "W"]),
        ("Rate", Stage.PARALLEL, ["G", "V", "W", "A"]),
        ("Check", Stage.POST, ["G", "V", "W", "D"]),
        ("Issue", Stage.PRE, ["G", "V", "W", "A", "B", "C", "D"]),
        ("Elsewhere", Stage.PRE, ["G", "V", "W", "A", "B", "C", "D", "I"]),
    ],
)
def test_a_stage_gets_the_outputs_of_those_before_it_and_not_of_those_beside_it(
    activity: str, stage: Stage, earlier: list[str]
) -> None:
    """What an activity has left that the workflow has no more came before; one that it does not know comes last."""
    outputs = {key: key[-1] for key in WRITTEN}

    found = earlier_outputs(stage_ref(activity=activity, stage=stage), ISSUE_LAST, outputs)

    assert found == {key: key[-1] for key in WRITTEN if key[-1] in earlier}


def test_metadata_that_fits_has_no_problem() -> None:
    assert problem_with_size(run_ref(), METADATA) is None
    assert problem_with_size(run_ref(), nested(123_000)) is None


@pytest.mark.parametrize(
    "metadata",
    [
        nested(165_000),
        {"pad": "x" * 82_500},
        {"pad": "ß" * 42_000},
        {f"k{i}": "x" * 10_500 for i in range(8)},
        {**{f"a{i}": "x" for i in range(8)}, **{f"k{i}": "x" * 10_400 for i in range(8)}},
    ],
    ids=["body", "attribute and body", "bytes, not letters", "eight attributes", "the eight largest attributes"],
)
def test_metadata_that_would_not_fit_is_told_with_its_size(metadata: dict[str, Any]) -> None:
    problem = problem_with_size(run_ref(), metadata)

    assert problem is not None
    assert problem.startswith("the metadata takes 16")
    assert "126,976 are free for it (of the 262,144 that SNS takes" in problem


def test_no_more_attributes_count_than_travel() -> None:
    """Eight of sixteen keys travel as attributes, so the sixteen take 24 parts and not 32."""
    assert problem_with_size(run_ref(), {f"k{i:02d}": "x" * 5_200 for i in range(16)}) is None


def test_metadata_that_has_no_problem_fits_with_the_most_that_may_come_on_top() -> None:
    lengths = range(MAX_SNS_MESSAGE_BYTES)
    most = bisect_left(lengths, True, key=lambda length: problem_with_size(run_ref(), nested(length)) is not None) - 1
    metadata = nested(most)
    assert str(problem_with_size(run_ref(), nested(most + 1))).startswith("the metadata takes 126,977 bytes")
    outputs = {"A/pre/One": "x" * (MAX_OUTPUTS_BYTES - 2)}
    names = [f"{i:04d}".ljust(64, "n") for i in range(200)]

    message = address(REF, body(metadata, outputs), names, metadata, [])

    assert size_of(message) <= MAX_SNS_MESSAGE_BYTES


@pytest.mark.parametrize("inner", ["x", "ß", "\U0001f697"], ids=ascii)
def test_a_message_of_just_the_bytes_that_sns_takes_is_made_and_of_one_more_is_not(inner: str) -> None:
    free = MAX_SNS_MESSAGE_BYTES - size_of(address(REF, body(nested(0)), ["Score"], nested(0), []))
    text = inner * (free // len(inner.encode())) + "x" * (free % len(inner.encode()))

    exact = {"nested": {"pad": text}}
    assert size_of(address(REF, body(exact), ["Score"], exact, [])) == MAX_SNS_MESSAGE_BYTES
    over = {"nested": {"pad": f"{text}x"}}
    with pytest.raises(DoesNotFitError, match=r"is 262,145 bytes, SNS takes 262,144: keep metadata and outputs small"):
        address(REF, body(over), ["Score"], over, [])


def test_metadata_is_measured_in_the_message_to_the_stage_with_the_longest_names() -> None:
    metadata = {"pad": "x" * 82_500}
    ref = stage_ref(1, activity="a" * 64)
    body = message_body(ref, metadata, {}, report_to="u" * 256, now=NOW)
    message = address(ref, body, [], metadata, ["pad"])

    size = size_of(message) - len(',"plugins":[]')

    assert str(problem_with_size(run_ref(), metadata)).startswith(f"the metadata takes {size:,} bytes")
