"""Looking at the functions of plugins, and asking them what they are."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from time import sleep
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from orchestrator_runtime.contract import INITIALIZE
from orchestrator_runtime.core.subscription import Answer, Function, NoAnswer, Unseen

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

_NOT_FOUND: Final = "ResourceNotFoundException"
_NOT_ALLOWED: Final = frozenset({"AccessDeniedException", "AccessDenied", "UnrecognizedClientException"})
# Lambda may yet be able to call the function, without anybody changing anything.
_PASSING: Final = frozenset(
    {
        "TooManyRequestsException",
        "ServiceException",
        "ServiceUnavailableException",
        "EC2ThrottledException",
        "ENILimitReachedException",
        "ResourceConflictException",
        "ResourceNotReadyException",
        "ThrottlingException",
    }
)
_MOST_ANSWER: Final = 65_536
"""Bytes of an answer to ``initialize``. Lambda lets it have 6 MB, and what is registered of it are a few hundred."""
_UPDATING: Final = "InProgress"
_CREATING: Final = "Pending"
_LOOKS: Final = 10
"""How often a function is looked at that is being updated: mostly that takes some seconds, with images longer."""


class LambdaFunctions:
    """Implements ``subscription_ports.Functions``.

    Args:
        reader: The Lambda client that reads.
        caller: The Lambda client that calls functions: one that waits some seconds for an answer, and
            does not try again by itself, because that would call the function more than once.
        pause: Waits before a function that is being updated is looked at again. Default: a second.
    """

    def __init__(
        self, reader: LambdaClient, caller: LambdaClient, pause: Callable[[], None] = lambda: sleep(1)
    ) -> None:
        self._reader = reader
        self._caller = caller
        self._pause = pause

    def get(self, function_arn: str) -> Function | Unseen:
        """See ``subscription_ports.Functions``."""
        try:
            found = self._reader.get_function_configuration(FunctionName=function_arn)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == _NOT_FOUND:
                return Unseen.GONE
            if code in _NOT_ALLOWED:
                return Unseen.UNREADABLE
            raise
        return Function(
            revision=f"{found['Version']} {found.get('RevisionId') or found['LastModified']}",
            updating=found.get("LastUpdateStatus") == _UPDATING or found.get("State") == _CREATING,
            version=found["Version"],
        )

    def updated(self, function_arn: str) -> Function | Unseen:
        """See ``subscription_ports.Functions``."""
        for _ in range(_LOOKS):
            found = self.get(function_arn)
            if not isinstance(found, Function) or not found.updating:
                break
            self._pause()
        return found

    def policy(self, function_arn: str) -> Mapping[str, Any] | Unseen | None:
        """See ``subscription_ports.Functions``."""
        try:
            policy: Mapping[str, Any] = json.loads(self._reader.get_policy(FunctionName=function_arn)["Policy"])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == _NOT_FOUND:
                return None
            if code in _NOT_ALLOWED:
                return Unseen.UNREADABLE
            raise
        return policy

    def initialize(self, function_arn: str, subscription_arn: str) -> Answer | NoAnswer:
        """See ``subscription_ports.Functions``."""
        try:
            called = self._caller.invoke(
                FunctionName=function_arn,
                InvocationType="RequestResponse",
                Payload=json.dumps(question(subscription_arn)).encode(),
            )
            payload = called["Payload"].read(_MOST_ANSWER + 1)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            return NoAnswer(f"Lambda did not call the function: {code}", passing=code in _PASSING, called=False)
        except ReadTimeoutError:
            # It hangs, or takes the question for work: it is not called with it again and again.
            return NoAnswer("the function did not answer in time")
        except BotoCoreError as error:
            return NoAnswer(f"the function could not be called: {type(error).__name__}", passing=True)
        version = called.get("ExecutedVersion")
        if called.get("FunctionError"):
            # What went wrong is the function's own affair: whoever subscribed it need not be its owner.
            return NoAnswer("the function failed when it was asked to initialize: see its log", version=version)
        return _answer(payload, version)


def _answer(payload: bytes, version: str | None) -> Answer | NoAnswer:
    if len(payload) > _MOST_ANSWER:
        return NoAnswer(f"the function's answer to initialize is longer than {_MOST_ANSWER:,} bytes", version=version)
    try:
        return Answer(json.loads(payload), version)
    except (ValueError, RecursionError):
        return NoAnswer("the function's answer to initialize is no JSON that can be read", version=version)


def question(subscription_arn: str) -> dict[str, Any]:
    """The event that asks a function to say what it is: as SNS would bring it."""
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": subscription_arn,
                "Sns": {"Type": "Notification", "Message": json.dumps({INITIALIZE: True})},
            }
        ]
    }
