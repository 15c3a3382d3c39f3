"""An event is served only if S3 accepts the signature of its response URL; before, nothing is opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestrator_runtime.core.custom_resource_request import Home, ResponseAddress
from orchestrator_runtime.core.happening import Happening, RequestRefused
from orchestrator_runtime.protocol.receive_request import ReceivePorts, receive_request
from tests.hostile.documents import STACK, registration_request
from tests.rules.memory_ports import MemoryJournal


@dataclass
class Bucket:
    """Implements ``registration_ports.Responses``."""

    answer: bool | OSError = True
    asked: list[ResponseAddress] = field(default_factory=list)

    def accepts(self, address: ResponseAddress) -> bool:
        self.asked.append(address)
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer

    def send(self, address: ResponseAddress, body: bytes) -> None:
        raise AssertionError("receiving sends nothing")


def received(event: object, bucket: Bucket, local: str | None = None) -> tuple[bool, list[Happening]]:
    """Whether the event is served, and what is written about it."""
    journal = MemoryJournal()
    request = receive_request(
        event, ReceivePorts(home=Home("aws", "eu-west-1", local), responses=bucket, journal=journal)
    )
    return request is not None, journal.told


def test_a_genuine_request_is_served() -> None:
    bucket = Bucket()
    assert received(registration_request(), bucket) == (True, [])
    [asked] = bucket.asked
    assert asked.host == "cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com"


def test_a_forged_signature_is_refused() -> None:
    """Everything is as CloudFormation writes it for the victim's stack; only the signature cannot be made."""
    refusal = RequestRefused(
        ("S3 does not accept ResponseURL: its signature is not genuine, or the policy of a VPC endpoint forbids it"),
        STACK,
    )
    assert received(registration_request(), Bucket(answer=False)) == (False, [refusal])


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionError()], ids=repr)
def test_request_is_left_to_lambda_s_retry_if_s3_does_not_answer(error: OSError) -> None:
    """To serve it unproven would let a forged one through whenever S3 is slow."""
    with pytest.raises(type(error)):
        received(registration_request(), Bucket(error))


@pytest.mark.parametrize(
    "wrong",
    [
        {"StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/victim/1"},
        {"ResponseURL": "http://127.0.0.1/"},
        {"ResponseURL": "file:///etc/passwd"},
    ],
    ids=str,
)
def test_nothing_is_opened_for_an_event_that_cannot_be_cloudformation_s(wrong: dict[str, Any]) -> None:
    bucket = Bucket()
    served, told = received(registration_request() | wrong, bucket)
    assert (served, bucket.asked) == (False, [])
    [refusal] = told
    assert isinstance(refusal, RequestRefused)


def test_the_local_aws_signs_nothing() -> None:
    bucket = Bucket(answer=False)
    event = registration_request() | {"ResponseURL": "http://127.0.0.1:4566/_ministack/cfn-response/1"}
    assert received(event, bucket, "http://127.0.0.1:4566") == (True, [])
    assert bucket.asked == []
