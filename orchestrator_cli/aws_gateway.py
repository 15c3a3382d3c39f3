"""The calls that the command makes, made to AWS, with errors that are sentences."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import boto3
import botocore.exceptions
from botocore.config import Config

from orchestrator_cli.errors import CliError, UsageError
from orchestrator_cli.gateway import Answer, Caller, DeadLetter, Document, Execution, Gateway
from orchestrator_cli.one_line import one_line
from orchestrator_runtime.contract import Stage
from orchestrator_runtime.stores.registry import DynamoRegistry
from orchestrator_runtime.stores.status import DynamoStatusStore

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_stepfunctions import SFNClient

    from orchestrator_runtime.core.history import HistoryEntry
    from orchestrator_runtime.core.registration import Registration

_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException"})
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException"})
_BUSY: Final = frozenset({"TooManyRequestsException", "ThrottlingException"})
_HIDDEN_SECONDS: Final = 15 * 60
"""As long as a function may take; a dead letter is not handled twice at a time."""
_ONE_LONG_CALL: Final = Config(read_timeout=15 * 60 + 10, retries={"total_max_attempts": 1}, tcp_keepalive=True)
"""A function may take 15 minutes, and tells then that it took too long. Called again, it would do its work twice."""


class AwsGateway:
    """The gateway to real AWS, and to the local environment."""

    def __init__(self, session: boto3.Session) -> None:
        self._session = session

    def parameter(self, name: str) -> str | None:
        """See ``Gateway``."""
        with _sentences(f"ssm:GetParameter on the parameter {name}"):
            ssm: SSMClient = self._session.client("ssm")
            try:
                return ssm.get_parameter(Name=name)["Parameter"]["Value"]
            except ssm.exceptions.ParameterNotFound:
                return None

    def parameter_names(self, path: str) -> list[str]:
        """See ``Gateway``."""
        with _sentences(f"ssm:GetParametersByPath on the path {path}"):
            pages = self._session.client("ssm").get_paginator("get_parameters_by_path")
            return [found["Name"] for page in pages.paginate(Path=path, Recursive=True) for found in page["Parameters"]]

    def start_execution(self, state_machine: str, *, name: str, document: str) -> str:
        """See ``Gateway``."""
        with _sentences(f"states:StartExecution on {state_machine}"):
            states: SFNClient = self._session.client("stepfunctions")
            return states.start_execution(stateMachineArn=state_machine, name=name, input=document)["executionArn"]

    def execution(self, arn: str) -> Execution:
        """See ``Gateway``."""
        with _sentences(f"states:DescribeExecution on {arn}"):
            found = self._session.client("stepfunctions").describe_execution(executionArn=arn)
            return Execution(status=found["status"], error=found.get("error"), cause=found.get("cause"))

    def run_document(self, table: str, *, uid: str, workflow: str) -> Document | None:
        """See ``Gateway``."""
        with _sentences(f"dynamodb:Query on the table {table}"):
            return DynamoStatusStore(self._session.client("dynamodb"), table).run_document(uid=uid, workflow=workflow)

    def history(self, table: str, *, uid: str, workflow: str) -> list[HistoryEntry] | None:
        """See ``Gateway``."""
        with _sentences(f"dynamodb:GetItem and dynamodb:Query on the table {table}"):
            return DynamoStatusStore(self._session.client("dynamodb"), table).history(uid=uid, workflow=workflow)

    def registrations(self, table: str, activities: Sequence[str]) -> list[Registration]:
        """See ``Gateway``."""
        with _sentences(f"dynamodb:Query on the table {table}"):
            registry = DynamoRegistry(self._session.client("dynamodb"), table)
            return [
                found for activity in activities for stage in Stage for found in registry.registrations(activity, stage)
            ]

    def invoke(self, function: str, document: Document) -> Answer | None:
        """See ``Gateway``."""
        with _sentences(f"lambda:InvokeFunction on the function {function}"):
            functions: LambdaClient = self._session.client("lambda", config=_ONE_LONG_CALL)
            try:
                answer = functions.invoke(FunctionName=function, Payload=json.dumps(document))
            except functions.exceptions.ResourceNotFoundException:
                return None
            return Answer(json.loads(answer["Payload"].read()), failed="FunctionError" in answer)

    def caller(self) -> Caller:
        """See ``Gateway``."""
        with _sentences("sts:GetCallerIdentity"):
            if (region := self._session.region_name) is None:
                raise botocore.exceptions.NoRegionError
            found = self._session.client("sts").get_caller_identity()
            return Caller(arn=found["Arn"], account=found["Account"], region=region)

    def receive_messages(self, queue_url: str) -> list[DeadLetter]:
        """See ``Gateway``."""
        with _sentences(f"sqs:ReceiveMessage on {queue_url}"):
            received = self._session.client("sqs").receive_message(
                QueueUrl=queue_url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=_HIDDEN_SECONDS,
                WaitTimeSeconds=1,  # asks all of SQS's servers, not some
                MessageSystemAttributeNames=["SenderId"],
            )
            return [
                DeadLetter(
                    id=message["MessageId"],
                    body=message["Body"],
                    sender=message.get("Attributes", {}).get("SenderId", ""),
                    receipt=message["ReceiptHandle"],
                )
                for message in received.get("Messages", [])
            ]

    def delete_message(self, queue_url: str, receipt: str) -> None:
        """See ``Gateway``."""
        with _sentences(f"sqs:DeleteMessage on {queue_url}"):
            self._session.client("sqs").delete_message(QueueUrl=queue_url, ReceiptHandle=receipt)

    def release_message(self, queue_url: str, receipt: str) -> None:
        """See ``Gateway``."""
        with _sentences(f"sqs:ChangeMessageVisibility on {queue_url}"):
            self._session.client("sqs").change_message_visibility(
                QueueUrl=queue_url, ReceiptHandle=receipt, VisibilityTimeout=0
            )

    def count_messages(self, queue_url: str) -> int:
        """See ``Gateway``."""
        with _sentences(f"sqs:GetQueueAttributes on {queue_url}"):
            name: Literal["ApproximateNumberOfMessages"] = "ApproximateNumberOfMessages"
            found = self._session.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
            return int(found["Attributes"][name])


@contextlib.contextmanager
def _sentences(permission: str) -> Iterator[None]:
    """Turn the SDK's errors into what a person can act on.

    Args:
        permission: What it takes to make the call, as it shall stand in the sentence.
    """
    try:
        yield
    except (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError) as error:
        raise UsageError(
            "no AWS credentials were found: log in, or set AWS_PROFILE; or give --local for the local environment"
        ) from error
    except botocore.exceptions.NoRegionError as error:
        raise UsageError("no AWS region is set: set AWS_DEFAULT_REGION, or one in the profile") from error
    except botocore.exceptions.ClientError as error:
        told = error.response["Error"]
        if told.get("Code") in _EXPIRED:
            raise UsageError(f"AWS does not accept the credentials ({_told(told, 'Message')}): log in again") from error
        hint = ""
        if told.get("Code") in _DENIED:
            hint = f": this needs the permission {permission}"
        elif told.get("Code") in _BUSY:
            hint = ": try again in a moment"
        raise CliError(
            f"AWS refused {error.operation_name}: {_told(told, 'Code')}: {_told(told, 'Message')}{hint}"
        ) from error
    except botocore.exceptions.BotoCoreError as error:
        raise CliError(f"AWS could not be asked: {one_line(str(error))}") from error


def _told(error: Mapping[str, Any], key: str) -> str:
    """A part of AWS's error; it may quote what others wrote."""
    return one_line(str(error.get(key)))


def aws_gateway(*, local: bool) -> Gateway:
    """The gateway to the AWS account of the user's credentials, or to the running local environment.

    Raises:
        UsageError: No local environment is running, or the user's profile does not exist.
    """
    if local:
        from orchestrator_cli.local.running import running_emulator  # noqa: PLC0415
        from orchestrator_cli.local.session import loopback_session  # noqa: PLC0415 - real AWS needs none of it

        emulator = running_emulator()
        return AwsGateway(loopback_session(lambda: emulator.endpoint_url, emulator.keys))
    try:
        return AwsGateway(boto3.Session())
    except botocore.exceptions.ProfileNotFound as error:
        raise UsageError(f"{one_line(str(error))}: set AWS_PROFILE to one that exists") from error
