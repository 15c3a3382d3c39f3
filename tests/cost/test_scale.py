"""What the page on 10,000 plugins computes: sizes of what the code writes, and where they meet a quota of AWS."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from orchestrator_runtime.contract import (
    DEFAULT_START_WITHIN_SECONDS,
    MAX_NAMES_BYTES,
    MAX_OUTPUTS_BYTES,
    MAX_PLUGINS_PER_STAGE,
    MAX_SNS_MESSAGE_BYTES,
    Stage,
    TableAttribute,
)
from orchestrator_runtime.core.attributes import attributes_bytes, message_attributes
from orchestrator_runtime.core.message import DoesNotFitError, address, message_body
from orchestrator_runtime.core.plan import make_plan
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.core.registration import Registration, StageSettings
from orchestrator_runtime.json_text import compact_json
from orchestrator_runtime.names import MAX_NAME
from orchestrator_runtime.stores.items import item_of, key_of
from orchestrator_runtime.stores.plan_item import PLAN, plan_values
from orchestrator_runtime.stores.registry import registration_item
from tests.cost.capacity_units import item_bytes
from tests.docs.pages import PROJECT, begins_a_row

PAGE = PROJECT / "docs" / "scale.md"
TEXT = PAGE.read_text()
SHORT = 12
"""Characters of a usual name."""
MOST = 10_000

# Quotas of AWS.
ITEM_BYTES = 400 * 1024
READ_UNIT = 4096
WRITE_UNIT = 1024
WRITES_BELOW_A_KEY = 1_000
"""Units a second that DynamoDB writes below one partition key."""
FUNCTIONS_AT_ONCE = 1_000
BATCH = 10
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
RESULTS = "https://sqs.eu-west-1.amazonaws.com/123456789012/claims-dev-results"
REF = RunRef("q-1", "NewBusiness", 1).stage("Rate", Stage.PARALLEL)


def names(plugins: int, length: int = SHORT) -> list[str]:
    return [f"{number:05}".rjust(length, "P") for number in range(plugins)]


def registrations(plugins: int, length: int = SHORT) -> list[Registration]:
    """Functions as the construct registers them, with a filter of their own."""
    return [
        Registration(
            activity="Rate",
            stage=Stage.PARALLEL,
            name=name,
            subscription_arn=f"arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel:{number:036}",
            endpoint=f"arn:aws:lambda:eu-west-1:123456789012:function:{name}",
            owner="arn:aws:cloudformation:eu-west-1:123456789012:stack/score-dev/3f6e2c4a-9b1d-4a57-8c60-5d2e7f9a1b34",
            filter_policy={"line": ["auto"]},
            seen_at=NOW - timedelta(days=1),
            sender_role_ids=("AROAIOSFODNN7EXAMPLE",),
        )
        for number, name in enumerate(names(plugins, length))
    ]


def plan_bytes(plugins: int, length: int) -> int:
    plan = make_plan(
        registrations(plugins, length), {}, StageSettings(), attempt=1, opened_at=NOW, expires_at=1_800_000_000
    )
    return item_bytes({**key_of("q-1", REF.path + PLAN), **item_of(plan_values(plan))})


def control_bytes(pending: int) -> int:
    """Of the activity's item; the task token is in an item of its own."""
    values = {
        "attempt": 1,
        "stage": REF.stage,
        "pending": frozenset(range(pending)) or None,
        "dispatched": 0,
        "claimed_at": NOW,
        "published_at": NOW,
        TableAttribute.DUE_SHARD: "15",
        TableAttribute.DUE_AT: NOW,
        "expires_at": 1_800_000_000,
    }
    return item_bytes({**key_of("q-1", REF.of_activity.path), **item_of(values)})


def names_bytes(plugins: int, length: int) -> int:
    return len(compact_json(names(plugins, length)))


def message_bytes(plugins: int, length: int) -> int:
    """Of a message that has nothing in it but the names of the plugins that it invokes."""
    body = message_body(REF, {}, {}, report_to=RESULTS, now=NOW)
    body["plugins"] = names(plugins, length)
    attributes = message_attributes(REF.run.workflow, names(plugins, length), {}, [])
    return len(compact_json(body)) + attributes_bytes(attributes)


def most(size: Callable[[int], int], limit: int) -> int:
    """The largest number whose size is within a limit; each one adds as much as any other."""
    each = size(2) - size(1)
    number = 1 + (limit - size(1)) // each
    assert size(number) <= limit < size(number + 1)
    return number


def control_writes(plugins: int) -> int:
    """Units to take all plugins off the control item: each write costs what the item was before it."""
    return sum(math.ceil(control_bytes(left) / WRITE_UNIT) for left in range(plugins, 0, -BATCH))


def in_the_page(*cells: str) -> None:
    assert begins_a_row(PAGE, *cells), cells


def figures(values: Sequence[int]) -> list[str]:
    return [f"{value:,}" for value in values]


def plugins(short: int, longest: int) -> str:
    return f"{short:,} plugins; {longest:,}"


def test_the_topic_gives_way_first() -> None:
    in_the_page("filter policies on a topic", f"{MAX_PLUGINS_PER_STAGE} plugins")
    assert f"**{MAX_PLUGINS_PER_STAGE} plugins on a stage" in TEXT


LENGTHS = (SHORT, MAX_NAME)


def test_names_in_a_full_message() -> None:
    kept = [most(partial(names_bytes, length=length), MAX_NAMES_BYTES) for length in LENGTHS]
    in_the_page("names in a message that is full otherwise", plugins(*kept))
    assert f"for names {MAX_NAMES_BYTES:,} bytes are kept" in TEXT
    assert min(kept) >= MAX_PLUGINS_PER_STAGE, "what SNS allows by itself always fits"


def test_names_in_an_empty_message() -> None:
    fit = [most(partial(message_bytes, length=length), MAX_SNS_MESSAGE_BYTES) for length in LENGTHS]
    in_the_page("names in a message with nothing else in it", plugins(*fit))
    for length, number in zip(LENGTHS, fit, strict=True):
        body = message_body(REF, {}, {}, report_to=RESULTS, now=NOW)
        address(REF, body, names(number, length), {}, [])
        with pytest.raises(DoesNotFitError):
            address(REF, body, names(number + 1, length), {}, [])


def test_the_plan_of_a_stage() -> None:
    fit = [most(partial(plan_bytes, length=length), ITEM_BYTES) for length in LENGTHS]
    in_the_page("plan of the stage, one item of at most 400 KB", plugins(*fit))


SIZES = (MAX_PLUGINS_PER_STAGE, 1_000, MOST)


def test_what_grows_with_a_stage() -> None:
    [registration] = registrations(1)
    read = [math.ceil(n * item_bytes(registration_item(registration)) / READ_UNIT) for n in SIZES]
    control = [control_writes(n) for n in SIZES]
    rows = [2 * n for n in SIZES]
    seconds = [max(1, math.ceil(max(pair) / WRITES_BELOW_A_KEY)) for pair in zip(control, rows, strict=True)]
    in_the_page("control item while all are pending, bytes", *figures([control_bytes(n) for n in SIZES]))
    in_the_page("registrations read each time that they are, read units", *figures(read))
    in_the_page("write units to take all off the control item, ten to a batch", *figures(control))
    in_the_page("write units for a start and an end of each", *figures(rows))
    in_the_page(
        f"seconds that these two take at least, at {WRITES_BELOW_A_KEY:,} write units a second", *figures(seconds)
    )


def test_outputs_and_starts() -> None:
    assert f"{MAX_OUTPUTS_BYTES:,} bytes together: {MAX_OUTPUTS_BYTES // MOST} bytes for each" in TEXT
    works = DEFAULT_START_WITHIN_SECONDS * FUNCTIONS_AT_ONCE // MOST
    assert f"{MOST:,} × {works} s / {FUNCTIONS_AT_ONCE:,} = {DEFAULT_START_WITHIN_SECONDS} s" in TEXT  # noqa: RUF001 - a cross, as people write it
