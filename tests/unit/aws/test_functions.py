"""Functions, looked at and asked; Lambda's answers are made by hand."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from orchestrator_runtime.aws.functions import LambdaFunctions
from orchestrator_runtime.core.subscription import Answer, Function, NoAnswer, Unseen
from tests.unit.moto_tables import REGION

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

SCORE = "arn:aws:lambda:eu-west-1:123456789012:function:score:live"
SUBSCRIPTION = "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel:1"


@pytest.fixture(scope="module")
def client() -> LambdaClient:
    session = boto3.Session("testing", "testing", region_name=REGION)
    return session.client("lambda", config=Config(retries={"total_max_attempts": 1}))


class Lambda:
    """Answers one operation, and keeps what it was asked."""

    def __init__(self, client: LambdaClient, operation: str, document: dict[str, Any] | Exception) -> None:
        self.asked: list[dict[str, Any]] = []
        self._client, self._event, self._document = client, f"before-call.lambda.{operation}", document
        # What a hook returns is the answer, though its type says that it returns nothing.
        self._hook: Any = self._respond

    def __enter__(self) -> Lambda:
        self._client.meta.events.register(self._event, self._hook)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.meta.events.unregister(self._event, self._hook)

    def _respond(self, params: dict[str, Any], **_: Any) -> tuple[SimpleNamespace, dict[str, Any]]:
        self.asked.append(params)
        if isinstance(self._document, Exception):
            raise self._document
        return SimpleNamespace(status_code=400 if "Error" in self._document else 200), self._document


def refused(code: str) -> dict[str, Any]:
    return {"Error": {"Code": code, "Message": "the body of a message"}}


def functions(client: LambdaClient) -> LambdaFunctions:
    return LambdaFunctions(client, client)


@pytest.mark.parametrize(
    ("state", "updating"),
    [
        ({}, False),
        ({"State": "Active", "LastUpdateStatus": "Successful"}, False),
        ({"State": "Inactive"}, False),
        ({"State": "Active", "LastUpdateStatus": "InProgress"}, True),
        ({"State": "Pending"}, True),
    ],
)
def test_a_function_is_looked_at_under_its_alias(client: LambdaClient, state: dict[str, str], updating: bool) -> None:
    document = {"Version": "7", "RevisionId": "4b1c", **state}
    with Lambda(client, "GetFunctionConfiguration", document) as aws:
        found = functions(client).get(SCORE)
    assert found == Function("7 4b1c", updating, version="7")
    assert "function%3Ascore%3Alive" in aws.asked[0]["url_path"]


def test_a_function_that_is_being_updated_is_waited_for(client: LambdaClient) -> None:
    document = {"Version": "7", "RevisionId": "4b1c", "LastUpdateStatus": "InProgress"}
    pauses = 0

    def pause() -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 3:
            document["LastUpdateStatus"] = "Successful"

    with Lambda(client, "GetFunctionConfiguration", document):
        found = LambdaFunctions(client, client, pause).updated(SCORE)
    assert isinstance(found, Function)
    assert (found.updating, pauses) == (False, 3)


def test_a_function_that_is_updated_for_long_is_not_waited_for_longer(client: LambdaClient) -> None:
    document = {"Version": "7", "RevisionId": "4b1c", "State": "Pending"}
    pauses: list[None] = []
    with Lambda(client, "GetFunctionConfiguration", document) as aws:
        found = LambdaFunctions(client, client, lambda: pauses.append(None)).updated(SCORE)
    assert isinstance(found, Function)
    assert found.updating
    assert len(aws.asked) == len(pauses) == 10


def test_where_lambda_tells_no_revision_the_time_of_the_change_stands_for_it(client: LambdaClient) -> None:
    with Lambda(client, "GetFunctionConfiguration", {"Version": "7", "LastModified": "2026-11-24T09:30:00"}):
        assert functions(client).get(SCORE) == Function("7 2026-11-24T09:30:00", version="7")


def test_a_policy_is_read(client: LambdaClient) -> None:
    with Lambda(client, "GetPolicy", {"Policy": '{"Statement": []}'}):
        assert functions(client).policy(SCORE) == {"Statement": []}


def test_what_is_gone_and_what_may_not_be_looked_at(client: LambdaClient) -> None:
    with (
        Lambda(client, "GetFunctionConfiguration", refused("ResourceNotFoundException")),
        Lambda(client, "GetPolicy", refused("ResourceNotFoundException")),
    ):
        assert functions(client).get(SCORE) is Unseen.GONE
        assert functions(client).policy(SCORE) is None
    with (
        Lambda(client, "GetFunctionConfiguration", refused("AccessDeniedException")),
        Lambda(client, "GetPolicy", refused("AccessDeniedException")),
    ):
        assert functions(client).get(SCORE) is Unseen.UNREADABLE
        assert functions(client).policy(SCORE) is Unseen.UNREADABLE


@pytest.mark.parametrize("operation", ["GetFunctionConfiguration", "GetPolicy"])
def test_other_trouble_is_raised(client: LambdaClient, operation: str) -> None:
    look = functions(client).get if operation == "GetFunctionConfiguration" else functions(client).policy
    with Lambda(client, operation, refused("ServiceException")), pytest.raises(ClientError, match="ServiceException"):
        look(SCORE)


def called(payload: str, **other: Any) -> dict[str, Any]:
    return {"StatusCode": 200, "Payload": io.BytesIO(payload.encode()), **other}


def test_a_function_is_asked_as_sns_would_call_it(client: LambdaClient) -> None:
    with Lambda(client, "Invoke", called('{"pluginName": "Score"}')) as aws:
        assert functions(client).initialize(SCORE, SUBSCRIPTION) == Answer({"pluginName": "Score"})
    (asked,) = aws.asked
    assert json.loads(asked["body"]) == {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": SUBSCRIPTION,
                "Sns": {"Type": "Notification", "Message": '{"initialize": true}'},
            }
        ]
    }
    assert asked["headers"]["X-Amz-Invocation-Type"] == "RequestResponse"
    assert "function%3Ascore%3Alive" in asked["url_path"]


FAILED = '{"errorType": "KeyError", "errorMessage": "the body of a message"}'


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (called("null"), Answer(None)),
        (called("plain text"), NoAnswer("the function's answer to initialize is no JSON that can be read")),
        (
            called(FAILED, FunctionError="Unhandled"),
            NoAnswer("the function failed when it was asked to initialize: see its log"),
        ),
        (
            called("[]", FunctionError="Unhandled"),
            NoAnswer("the function failed when it was asked to initialize: see its log"),
        ),
        (
            refused("TooManyRequestsException"),
            NoAnswer("Lambda did not call the function: TooManyRequestsException", passing=True, called=False),
        ),
        (
            refused("AccessDeniedException"),
            NoAnswer("Lambda did not call the function: AccessDeniedException", called=False),
        ),
        (
            ReadTimeoutError(endpoint_url="https://lambda"),
            NoAnswer("the function did not answer in time"),
        ),
        (
            EndpointConnectionError(endpoint_url="https://lambda"),
            NoAnswer("the function could not be called: EndpointConnectionError", passing=True),
        ),
        (called("[" * 65_536), NoAnswer("the function's answer to initialize is no JSON that can be read")),
        (called('"' + "a" * 65_534 + '"'), Answer("a" * 65_534)),
        (
            called('"' + "a" * 65_535 + '"'),
            NoAnswer("the function's answer to initialize is longer than 65,536 bytes"),
        ),
        (
            called(json.dumps({"errorType": "secret " * 99}), FunctionError="Unhandled"),
            NoAnswer("the function failed when it was asked to initialize: see its log"),
        ),
    ],
)
def test_an_answer_or_why_there_is_none_without_any_payload(
    client: LambdaClient, answered: dict[str, Any] | Exception, expected: Answer | NoAnswer
) -> None:
    with Lambda(client, "Invoke", answered) as aws:
        assert functions(client).initialize(SCORE, SUBSCRIPTION) == expected
    assert len(aws.asked) == 1


@pytest.mark.parametrize("payload", ["{}", "no json", FAILED])
def test_the_version_that_was_called_is_told(client: LambdaClient, payload: str) -> None:
    failed: dict[str, Any] = {"FunctionError": "Unhandled"} if payload is FAILED else {}
    with Lambda(client, "Invoke", called(payload, ExecutedVersion="7", **failed)):
        assert functions(client).initialize(SCORE, SUBSCRIPTION).version == "7"
