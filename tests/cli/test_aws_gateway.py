"""The gateway's calls, against moto; and its sentences."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from orchestrator_cli.aws_gateway import AwsGateway, aws_gateway
from orchestrator_cli.errors import CliError, UsageError
from orchestrator_cli.gateway import Answer
from orchestrator_runtime.contract import Stage
from orchestrator_runtime.stores.registry import DynamoRegistry
from tests.cli.fakes import registration
from tests.unit.moto_tables import REGISTRY, create_tables


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No credentials, no region, no profile, no metadata service."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")


@mock_aws
def test_parameters_are_found_by_name_and_by_path() -> None:
    ssm = session().client("ssm")
    for index in range(11):
        ssm.put_parameter(Name=f"/claims/dev/workflows/W{index}/state-machine-arn", Value="arn", Type="String")
    gateway = AwsGateway(session())
    assert gateway.parameter("/claims/dev/workflows/W3/state-machine-arn") == "arn"
    assert gateway.parameter("/claims/dev/nothing") is None
    assert len(gateway.parameter_names("/claims/dev/workflows/")) == 11


@mock_aws
def test_what_aws_refuses_is_a_sentence() -> None:
    missing = "arn:aws:states:us-east-1:123456789012:execution:none:none"
    with pytest.raises(
        CliError, match="AWS refused DescribeExecution: ExecutionDoesNotExist: Execution Does Not Exist"
    ):
        AwsGateway(session()).execution(missing)


def test_no_credentials_is_a_sentence(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with pytest.raises(UsageError, match="no AWS credentials were found: log in, or set AWS_PROFILE"):
        aws_gateway(local=False).parameter("/a")


def test_no_region_is_a_sentence(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no AWS region is set"):
        aws_gateway(local=False).parameter("/a")


def test_a_profile_that_is_not_there_is_a_sentence(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_PROFILE", "gone")
    with pytest.raises(UsageError, match=r"gone.*set AWS_PROFILE to one that exists"):
        aws_gateway(local=False)


def test_an_endpoint_that_does_not_answer_is_a_sentence(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    environment.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(CliError, match="AWS could not be asked: Could not connect to the endpoint URL"):
        AwsGateway(session()).parameter("/a")


@mock_aws
def test_registrations_are_those_of_the_activities_asked_for() -> None:
    client = session().client("dynamodb")
    create_tables(client)
    registry = DynamoRegistry(client, REGISTRY)
    for found in (
        registration("pre", "Normalize"),
        registration("parallel", "Score", only_if={"line": ["auto"]}),
        registration("parallel", "Address", activity="Validate"),
        registration("post", "Archive", activity="RateRenewal"),
    ):
        registry.put(found)
    gateway = AwsGateway(session())
    assert gateway.registrations(REGISTRY, ["Rate"]) == [
        registration("pre", "Normalize"),
        registration("parallel", "Score", only_if={"line": ["auto"]}),
    ]
    assert [found.name for found in gateway.registrations(REGISTRY, ["RateRenewal", "Validate"])] == [
        "Archive",
        "Address",
    ]
    assert gateway.registrations(REGISTRY, []) == []


@mock_aws
def test_a_system_is_read_with_one_query_for_each_stage() -> None:
    ours = session()
    create_tables(ours.client("dynamodb"))
    calls: list[str] = []
    ours.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))
    AwsGateway(ours).registrations(REGISTRY, ["Rate", "Validate"])
    assert calls == ["Query"] * 2 * len(Stage)


class Functions:
    """Answers Lambda's Invoke, which moto does with Docker only."""

    def __init__(self, status: int, answer: dict[str, Any]) -> None:
        self.session = session()
        self.answer = (SimpleNamespace(status_code=status), answer)
        self.requests: list[tuple[str, Any]] = []
        self.config: Any = None
        self.session.events.register("before-call.lambda.Invoke", self._invoke)

    def _invoke(self, model: Any, params: dict[str, Any], context: dict[str, Any], **_: Any) -> Any:
        self.requests.append((params["url_path"], json.loads(params["body"])))
        self.config = context["client_config"]
        return self.answer

    @classmethod
    def returning(cls, document: object, **more: str) -> Functions:
        return cls(200, {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(document).encode()), **more})

    @classmethod
    def refusing(cls, status: int, code: str, message: str) -> Functions:
        return cls(status, {"Error": {"Code": code, "Message": message}})


def test_a_function_is_invoked_once_and_waited_for_as_long_as_it_may_take() -> None:
    functions = Functions.returning({"checked": 3})
    answer = AwsGateway(functions.session).invoke("claims-dev-reconcile", {"repair": True, "activity": None})
    assert answer == Answer({"checked": 3})
    assert functions.requests == [
        ("/2015-03-31/functions/claims-dev-reconcile/invocations", {"repair": True, "activity": None})
    ]
    assert functions.config.read_timeout >= 15 * 60
    assert functions.config.retries["total_max_attempts"] == 1


def test_the_answer_of_a_function_that_failed_says_so() -> None:
    functions = Functions.returning({"errorMessage": "no"}, FunctionError="Unhandled")
    assert AwsGateway(functions.session).invoke("f", {}) == Answer({"errorMessage": "no"}, failed=True)


def test_a_function_that_is_not_there_has_no_answer() -> None:
    functions = Functions.refusing(404, "ResourceNotFoundException", "Function not found")
    assert AwsGateway(functions.session).invoke("f", {}) is None


def test_a_right_that_is_missing_is_named() -> None:
    functions = Functions.refusing(403, "AccessDeniedException", "User: a is not authorized")
    with pytest.raises(CliError) as refused:
        AwsGateway(functions.session).invoke("claims-dev-reconcile", {})
    assert str(refused.value) == (
        "AWS refused Invoke: AccessDeniedException: User: a is not authorized: this needs the permission "
        "lambda:InvokeFunction on the function claims-dev-reconcile"
    )


def test_a_function_that_runs_as_often_as_it_may_can_be_asked_again() -> None:
    functions = Functions.refusing(429, "TooManyRequestsException", "Rate Exceeded.")
    with pytest.raises(CliError, match=r"^AWS refused Invoke: .*: Rate Exceeded\.: try again in a moment$"):
        AwsGateway(functions.session).invoke("claims-dev-reconcile", {})
    assert len(functions.requests) == 1


def test_a_table_that_may_not_be_read_is_named() -> None:
    def deny(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Query")

    ours = session()
    ours.events.register("before-call.dynamodb.Query", deny)
    with pytest.raises(CliError, match=r"no: this needs the permission dynamodb:Query on the table claims-registry$"):
        AwsGateway(ours).registrations("claims-registry", ["Rate"])


@mock_aws
def test_messages_are_received_deleted_and_given_back() -> None:
    sqs = session().client("sqs")
    queue = sqs.create_queue(QueueName="dead")["QueueUrl"]
    for number in range(12):
        sqs.send_message(QueueUrl=queue, MessageBody=str(number))
    gateway = AwsGateway(session())
    assert gateway.count_messages(queue) == 12
    first = gateway.receive_messages(queue)
    assert len(first) == 10
    assert all(letter.sender for letter in first)
    assert gateway.count_messages(queue) == 2
    gateway.delete_message(queue, first[0].receipt)
    gateway.release_message(queue, first[1].receipt)
    assert gateway.count_messages(queue) == 3
    assert first[1].id in {letter.id for letter in gateway.receive_messages(queue)}
    assert gateway.receive_messages(queue) == []


@mock_aws
def test_a_queue_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(CliError, match="AWS refused ReceiveMessage"):
        AwsGateway(session()).receive_messages("https://sqs.us-east-1.amazonaws.com/123456789012/none")


@mock_aws
def test_who_gives_the_command_is_known() -> None:
    caller = AwsGateway(session()).caller()
    assert caller.arn.startswith("arn:aws:sts::123456789012:")
    assert (caller.account, caller.region) == ("123456789012", "us-east-1")
