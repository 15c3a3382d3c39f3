"""What a request is about, where IAM is enforced, and what Lambda sends on behalf of a function."""

from __future__ import annotations

import contextvars
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

_SENDS: Final[Mapping[str, str]] = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}
_Json = dict[str, Any]


class TaskTokens:
    """Which state machine waits for which token: to AWS that machine is the resource of ``SendTask…``.

    Attributes:
        machines: Its ARN, by token. A token is kept when its task is over: it is no longer good, but not forbidden.
    """

    def __init__(self, states: Any) -> None:  # noqa: ANN401
        self.machines: dict[str, str] = {}
        self._execute, self._wait = states._execute_task, states._invoke_with_callback
        self._machine = contextvars.ContextVar[str]("machine")

    def execute(self, state: _Json, given: object, execution: object, context: _Json) -> object:
        """Execute a task. Takes the place of ``stepfunctions._execute_task``."""
        before = self._machine.set(context["StateMachine"]["Id"])
        try:
            return self._execute(state, given, execution, context)
        finally:
            self._machine.reset(before)

    def wait(self, resource: str, given: object, token: str, state: _Json) -> object:
        """Call, and wait for the token. Takes the place of ``stepfunctions._invoke_with_callback``."""
        self.machines[token] = self._machine.get()
        return self._wait(resource, given, token, state)


def with_resources(actions: Any, tokens: TaskTokens) -> Callable[..., str]:  # noqa: ANN401
    """Find the resource of a request by what AWS goes by. Takes the place of ``iam_actions.extract_resource_arn``."""
    extract = actions.extract_resource_arn

    def extract_resource(  # noqa: PLR0917 - the emulator's signature
        service: str,
        method: str,
        path: str,
        headers: _Json,
        body: bytes,
        parameters: Mapping[str, Any],
        region: str,
        account: str,
    ) -> str:
        found: str = extract(service, method, path, headers, body, parameters, region, account)
        if found != "*":
            return found
        if service == "states":
            return tokens.machines.get(str(_document(body).get("taskToken")), found)
        if service == "sns" and (given := parameters.get("SubscriptionArn")):
            # A subscription is read by leave of its topic, whose ARN its own starts with.
            return str(given[0] if isinstance(given, list) else given).rpartition(":")[0]
        if service == "ssm" and (name := _document(body).get("Path") or _document(body).get("Name")):
            return f"arn:aws:ssm:{region}:{account}:parameter/{str(name).removeprefix('/')}"
        return found

    return extract_resource


def _document(body: bytes) -> _Json:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def with_secure_transport(evaluator: Any) -> Callable[[str, object], object]:  # noqa: ANN401
    """Let loopback pass for TLS. Takes the place of ``iam_evaluator._resolve_condition_key``."""
    resolve = evaluator._resolve_condition_key

    def resolve_condition_key(key: str, context: object) -> object:
        return "true" if key.lower() == "aws:securetransport" else resolve(key, context)

    return resolve_condition_key


def with_role(services: Mapping[str, Any]) -> Callable[[_Json, str], bool]:
    """Tell whether a function's role may send what Lambda sends with it."""
    runtime, evaluator = services["lambda_runtime"], services["iam_evaluator"]

    def may_send(config: _Json, target: str) -> bool:
        _, _, service, region, *_ = target.split(":")
        key = runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"]
        return evaluator.enforce(key, _SENDS.get(service, ""), service, region, resource_arn=target) is None

    return may_send
