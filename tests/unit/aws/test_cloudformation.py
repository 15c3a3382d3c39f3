"""CloudFormation is told over HTTP, within the limits that it has."""

from __future__ import annotations

import urllib.error
from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from orchestrator_runtime.aws.cloudformation import CloudFormationStacks, answer
from orchestrator_runtime.foreign_text import UNSHOWABLE
from tests.unit.cloudformation_desk import Desk, desk
from tests.unit.samples import NOW

MAX_RESPONSE_BYTES = 4096
"""Of a custom resource's answer, as CloudFormation documents it."""


@pytest.fixture
def cloudformation() -> Iterator[Desk]:
    with desk() as taken:
        yield taken


def event(cloudformation: Desk) -> dict[str, str]:
    return {
        "ResponseURL": cloudformation.url,
        "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1",
        "RequestId": "r-1",
        "LogicalResourceId": "Score",
    }


def test_success_is_told_to_the_very_url(cloudformation: Desk) -> None:
    answer(event(cloudformation), physical_id="arn:sub")
    [told] = cloudformation.told
    assert (told.method, told.path) == ("PUT", "/answer?signature=%2Fa%3Db")
    # The URL is signed for an empty content type: with another, S3 refuses the answer.
    assert told.content_type == ""
    assert told.document == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "arn:sub",
        "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1",
        "RequestId": "r-1",
        "LogicalResourceId": "Score",
    }


def test_a_refusal_is_told_with_its_reason(cloudformation: Desk) -> None:
    answer(event(cloudformation), physical_id="arn:sub", refusal="it is so, ü")
    [told] = cloudformation.told
    assert (told.document["Status"], told.document["Reason"]) == ("FAILED", "it is so, ü")


@pytest.mark.parametrize("character", ["x", "ü", "日", "\U0001f697", '"', "\\"], ids=ascii)
def test_a_long_reason_is_cut_so_that_the_answer_is_taken(cloudformation: Desk, character: str) -> None:
    answer(event(cloudformation), physical_id="arn:sub", refusal="it is so: " + character * 10_000)
    [told] = cloudformation.told
    assert told.document["Reason"].startswith("it is so: " + character * 100)
    assert len(told.body) <= MAX_RESPONSE_BYTES


def test_an_answer_that_is_not_taken_is_an_error(cloudformation: Desk) -> None:
    cloudformation.status = 403
    with pytest.raises(urllib.error.HTTPError, match="403"):
        answer(event(cloudformation), physical_id="arn:sub")


@pytest.mark.parametrize("character", ["\x00", "\n", "\x1b", "\u2028", "\u202e", "\ud800", "\U000e0041"], ids=ascii)
def test_what_is_no_letter_makes_an_answer_no_longer(cloudformation: Desk, character: str) -> None:
    answer(event(cloudformation), physical_id='"' * 512, refusal="it is so: " + character * 10_000)
    [told] = cloudformation.told
    escape = character.encode("unicode_escape").decode()
    assert told.document["Reason"].startswith(f"it is so: {escape}{escape}")
    assert not UNSHOWABLE.search(told.document["Reason"])
    assert len(told.body) <= MAX_RESPONSE_BYTES


def test_a_stack_is_told_by_its_status(aws: None) -> None:
    client = boto3.client("cloudformation")
    stack_id = "arn:aws:cloudformation:eu-west-1:123456789012:stack/activities/1f2e"
    stack = {"StackName": "activities", "StackStatus": "UPDATE_IN_PROGRESS", "CreationTime": NOW}
    with Stubber(client) as stubber:
        stubber.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": stack_id})
        assert CloudFormationStacks(client).status(stack_id) == "UPDATE_IN_PROGRESS"
