"""Whatever a function answers to initialize, a registration results, and the table takes it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_runtime.aws.functions import LambdaFunctions
from orchestrator_runtime.contract import MAX_DEADLINE_SECONDS, MAX_TEXT, Stage
from orchestrator_runtime.core.plain_registration import plain_registration
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.subscription import StageTopic, Subscription
from orchestrator_runtime.plugin_info import PluginInfo
from orchestrator_runtime.stores.registry import DynamoRegistry, registration_item, registration_of
from tests.unit.samples import NOW

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

TOPIC = StageTopic("Rate", Stage.PARALLEL, "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel")
SCORE = Subscription(
    arn=f"{TOPIC.arn}:1", protocol="lambda", endpoint="arn:aws:lambda:eu-west-1:123456789012:function:score"
)
KEYS = [
    *PluginInfo(
        name="Score", timeout_seconds=1, start_within_seconds=1, description="d", fifo_key="k", overrides={"Rate": True}
    ).as_answer(),
    "pluginRegisterTimeout",
    "errorType",
]
MOST_BYTES = 8 * 1024
"""Of a registration with no filter policy: what its texts may have, four bytes a character, and more than all else."""


class Lambda:
    """Lambda, as far as calls of functions go."""

    def __init__(self, payload: bytes, *, failed: bool) -> None:
        self._payload, self._failed = payload, failed

    def invoke(self, **_: Any) -> dict[str, Any]:
        called: dict[str, Any] = {"Payload": io.BytesIO(self._payload), "ExecutedVersion": "$LATEST"}
        return {**called, "FunctionError": "Unhandled"} if self._failed else called


def registered(payload: bytes, *, failed: bool = False) -> Registration:
    client = cast("LambdaClient", Lambda(payload, failed=failed))
    answer = LambdaFunctions(client, client).initialize(SCORE.endpoint, SCORE.arn)
    return plain_registration(TOPIC, SCORE, answer, seen_at=NOW, revision="1 4b1c")


def fits(registration: Registration) -> None:
    item: dict[str, Any] = dict(registration_item(registration))
    # As boto3 sends it: half a character is no UTF-8, and a number has 38 digits at most.
    assert len(json.dumps(item, ensure_ascii=False).encode()) < MOST_BYTES
    assert all(len(value["N"]) <= 38 for value in item.values() if "N" in value)
    assert registration_of(item) == registration
    for seconds in (registration.timeout_seconds, registration.start_within_seconds):
        assert seconds is None or 0 < seconds <= MAX_DEADLINE_SECONDS


texts = st.text(max_size=40) | st.text(alphabet=st.characters(categories=["Cs"]), min_size=1, max_size=3)
long_texts = st.builds(lambda text, times: text * times, texts, st.sampled_from([1, 1, 20_000]))
numbers = st.integers() | st.floats() | st.sampled_from([10**15, 10**40, 1e300, -(10**40), 31_536_001])
anything = st.recursive(
    st.none() | st.booleans() | numbers | long_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)
answers = anything | st.dictionaries(st.sampled_from(KEYS), anything)


@settings(max_examples=400, deadline=None)
@given(answers.map(lambda answer: json.dumps(answer).encode()) | st.binary(max_size=200), st.booleans())
def test_whatever_is_answered_a_registration_results_that_fits(payload: bytes, failed: bool) -> None:
    fits(registered(payload, failed=failed))


DEEP = b"[" * 30_000
HOSTILE = {
    "deep": DEEP,
    "deep and whole": DEEP + b"]" * 30_000,
    "deep below a key": b'{"overrides":' * 4_000 + b"1" + b"}" * 4_000,
    "digits without end": b'{"order": ' + b"9" * 5_000 + b"}",
    "half characters": rb'{"description": "\ud83d", "pluginName": "\ud83d", "fifoKey": "\udc00"}',
    "sixty kilobytes": json.dumps({"description": "x" * 30_000, "pluginName": "x" * 30_000}).encode(),
    "half a megabyte": json.dumps({"description": "ü" * 250_000, "pluginName": "x" * 250_000}).encode(),
    "ages": b'{"timeoutSeconds": 1000000000000000, "startWithinSeconds": 1e300, "order": 1e300}',
    "no UTF-8": b"\xff\xfe\x00",
    "nothing": b"",
}


@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize("payload", HOSTILE.values(), ids=HOSTILE.keys())
def test_the_table_takes_it(registry: DynamoRegistry, payload: bytes, failed: bool) -> None:
    registration = registered(payload, failed=failed)
    fits(registration)
    # In the table, numbers and texts go by its own rules.
    here = replace(registration, subscription_arn=f"{SCORE.arn}-hostile")
    assert registry.put(here)
    assert registry.registrations("Rate", Stage.PARALLEL) == [here]


@pytest.mark.parametrize("kind", ["team.NotReady", "secret " * 99, 7])
def test_what_went_wrong_in_a_function_is_named_but_not_quoted(kind: object) -> None:
    payload = json.dumps({"errorType": kind, "errorMessage": "the body of a message"}).encode()
    problem = registered(payload, failed=True).problem
    assert problem == "the function failed when it was asked to initialize: see its log: defaults are used"


def test_nothing_of_an_answer_is_registered_but_what_describes_the_plugin() -> None:
    secret = "s3cret"
    answer = {"pluginName": {secret: 1}, "order": secret, "overrides": {secret: secret}, "default": [secret], secret: 1}
    assert secret not in repr(registered(json.dumps(answer).encode()))


def test_a_description_is_cut_and_its_half_characters_replaced() -> None:
    found = registered(json.dumps({"description": "half \ud83d " + "x" * 50_000}).encode())
    assert found.description == ("half ? " + "x" * MAX_TEXT)[:MAX_TEXT]
