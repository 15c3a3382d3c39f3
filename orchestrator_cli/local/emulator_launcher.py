"""Runs the emulator with what it does otherwise than AWS put right: asynchronous invocations, parallel states, IAM.

Run by path, with the Python of the emulator's own environment: it imports the standard library and the emulator.

The emulator calls a function that a topic or a rule of EventBridge calls once, and loses the call if that fails. In
AWS it is an asynchronous invocation: tried again, given up in the end, and told of to the function's destinations;
and a call that finds no function, or one that does not let the topic call it, goes to the subscription's dead letter
queue. A parallel state in JSONata loses its output. Each call that finds a function's processes busy starts another, so
that many runs at once take the machine with them. Where it enforces IAM, it derives too little from some requests, and
refuses what AWS allows. What says otherwise is replaced here: internals of the emulator, which ``check`` looks at first.

With ``--lifeline`` the emulator runs for as long as its standard input is open, so that nobody has to be alive to
stop it.
"""

from __future__ import annotations

import contextvars
import hashlib
import importlib
import importlib.metadata
import inspect
import json
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

VERSION: Final = "1.5.33"
LIFELINE: Final = "--lifeline"
_LATEST: Final = "$LATEST"
_SNS: Final = "sns.amazonaws.com"
_RETRIES: Final = 2
_MAXIMUM_AGE: Final = 6 * 60 * 60
_COLONS_OF_A_QUALIFIED_ARN: Final = 7
_CALLS_AT_ONCE: Final = 8
_SENDS: Final[Mapping[str, str]] = {"sqs": "sqs:SendMessage", "sns": "sns:Publish", "lambda": "lambda:InvokeFunction"}
_Json = dict[str, Any]

# What is replaced or called, with the names of its parameters.
_RELIED_ON: Final[Mapping[str, tuple[str, ...]]] = {
    "sns._deliver_to_lambda": (
        "endpoint",
        "envelope",
        "topic_arn",
        "sub_arn",
        "msg_id",
        "raw_message",
        "message_attributes",
    ),
    "sns._topic_by_arn_any_scope": ("topic_arn",),
    "sns._fanout": (
        "topic_arn",
        "msg_id",
        "message",
        "subject",
        "message_structure",
        "message_attributes",
        "message_group_id",
        "message_dedup_id",
    ),
    "eventbridge._dispatch_to_lambda": ("arn", "payload"),
    "sqs._queue_by_arn": ("arn",),
    "sqs.queue_delay": ("q",),
    "sqs.queue_policy_allows": ("queue_arn", "service", "source_arn", "source_account"),
    "sqs._md5_msg_attrs": ("attrs",),
    "sqs._ensure_msg_fields": ("m",),
    "lambda_svc.invoke_async_with_retry": ("func", "event"),
    "lambda_svc._execute_function": ("func", "event"),
    "lambda_svc._execute_function_with_config_scope": ("func", "event"),
    "lambda_svc._account_region_from_function_config": ("config",),
    "lambda_svc._event_invoke_config": ("func", "qualifier"),
    "lambda_svc._get_func_record_for_ref": ("function_ref",),
    "lambda_svc._get_base_func_record_for_ref": ("function_ref",),
    "lambda_svc._lambda_function_name_and_qualifier_from_arn": ("value",),
    "iam_evaluator.EvalContext": (
        "principal_arn",
        "principal_type",
        "principal_account",
        "action",
        "resource_arn",
        "region",
        "source_ip",
        "secure_transport",
        "request_tags",
        "tag_keys",
        "service_context",
        "principal_keys",
    ),
    "iam_evaluator.evaluate_resource_policy": ("doc", "ctx", "service", "named_only", "direct_only"),
    "stepfunctions._call_lambda": ("func_ref", "event"),
    "stepfunctions._execute_task": ("state_def", "raw_input", "execution", "ctx"),
    "stepfunctions._invoke_with_callback": ("resource", "input_data", "token", "state_def"),
    "stepfunctions._run_parallel_branches": ("state_def", "raw_input", "execution", "ctx"),
    "stepfunctions._state_query_language": ("state_def", "ctx"),
    "stepfunctions._apply_jsonata_output": ("state_def", "raw_input", "ctx", "result", "error_output", "default"),
    "lambda_runtime.execution_credentials": ("config",),
    "iam_actions.extract_resource_arn": (
        "service",
        "method",
        "path",
        "headers",
        "body",
        "query_params",
        "region",
        "account_id",
    ),
    "iam_evaluator._resolve_condition_key": ("key", "ctx"),
    "iam_evaluator.enforce": (
        "access_key_id",
        "iam_action",
        "service",
        "region",
        "resource_arn",
        "service_context",
    ),
}


def check(services: Mapping[str, Any], version: str) -> None:
    """See whether the emulator is the one that this was written for.

    Raises:
        SystemExit: It is another; the text says what differs and what to do.
    """
    differences = [] if version == VERSION else [f"its version is {version}, not {VERSION}"]
    for name, expected in _RELIED_ON.items():
        module, function = name.split(".")
        found = getattr(services[module], function, None)
        if not callable(found):
            differences.append(f"{name} is not there")
        elif (parameters := tuple(inspect.signature(found).parameters)) != expected:
            differences.append(f"{name} takes {parameters}, not {expected}")
    if differences:
        raise SystemExit(
            f"the emulator is not the one that {os.path.basename(__file__)} was written for: {'; '.join(differences)}. "  # noqa: PTH119 - a name, no file
            "Install what the lock pins, or adapt the launcher"
        )


class AsynchronousInvocations:
    """Lambda's asynchronous invocations, on top of the emulator's services.

    Attributes:
        sns: The emulator's module of that name, like the next two.
        sqs: Its queues.
        functions: Its Lambda.
        policies: Its evaluator of policies.
        wake: Wakes the emulator's event source mappings.
        wait: Waits between two tries.
        may_send: Whether a function's role may send to a destination or a dead letter queue.
    """

    def __init__(
        self,
        services: Mapping[str, Any],
        wake: Callable[[], None],
        wait: Callable[[float], None] = time.sleep,
        may_send: Callable[[_Json, str], bool] = lambda _config, _target: True,
    ) -> None:
        self.sns, self.sqs, self.functions = services["sns"], services["sqs"], services["lambda_svc"]
        self.policies = services["iam_evaluator"]
        self.wake = wake
        self.wait = wait
        self.may_send = may_send

    def deliver(  # noqa: PLR0917 - the emulator's signature
        self,
        endpoint: str,
        envelope: str,
        topic_arn: str,
        sub_arn: str,
        msg_id: str,  # noqa: ARG002
        raw_message: str,  # noqa: ARG002
        message_attributes: _Json,  # noqa: ARG002
    ) -> None:
        """Deliver a notification to a function. Takes the place of ``sns._deliver_to_lambda``."""
        function, config, name = self.functions._get_func_record_for_ref(endpoint)
        if not function or not config:
            self.sns.logger.warning("SNS fanout: Lambda function %s not found", name)
            self._redrive(envelope, topic_arn, sub_arn)
            return
        if not self._lets_call(endpoint, topic_arn):
            self.sns.logger.warning("SNS fanout: the policy of %s does not let %s call it", endpoint, topic_arn)
            self._redrive(envelope, topic_arn, sub_arn)
            return
        record = {
            "EventVersion": "1.0",
            "EventSubscriptionArn": sub_arn,
            "EventSource": "aws:sns",
            "Sns": json.loads(envelope),
        }
        self.begin(_called_by(endpoint, function, config), {"Records": [record]})

    def start(self, arn: str, payload: str) -> None:
        """Start a function that is a rule's target. Takes the place of ``eventbridge._dispatch_to_lambda``."""
        function, config, name = self.functions._get_func_record_for_ref(arn)
        if not function or not config:
            self.functions.logger.warning("EventBridge: Lambda function %s not found", name)
            return
        self.begin(_called_by(arn, function, config), json.loads(payload))

    def begin(self, func: _Json, event: _Json) -> None:
        """Invoke a function and do not wait. Takes the place of ``lambda_svc.invoke_async_with_retry``."""
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._invoke, func, event), daemon=True).start()

    def _invoke(self, func: _Json, event: _Json) -> None:
        config = func.get("config") or func
        account, region = self.functions._account_region_from_function_config(config)
        self.functions._request_account_id.set(account)
        self.functions._request_region.set(region)
        settings = self._settings(config["FunctionArn"])
        result, condition, tries = self._try(func, event, settings)
        destinations = settings.get("DestinationConfig") or {}
        kind = "OnSuccess" if condition == "Success" else "OnFailure"
        try:
            if target := (destinations.get(kind) or {}).get("Destination"):
                self._send_as(config, target, json.dumps(_record_of(config, event, result, condition, tries)))
            dead_letters = (config.get("DeadLetterConfig") or {}).get("TargetArn")
            if dead_letters and condition != "Success":
                self._send_as(config, dead_letters, json.dumps(event))
        except Exception:
            self.functions.logger.exception("the record of a call of %s was not delivered", config["FunctionArn"])

    def _settings(self, function_arn: str) -> _Json:
        """The event invoke configuration of what was called: an alias and a version have their own, or none."""
        base, _, _ = self.functions._get_base_func_record_for_ref(function_arn)
        _, qualifier = self.functions._lambda_function_name_and_qualifier_from_arn(function_arn)
        if base is None:
            return {}
        if qualifier in {None, _LATEST}:
            return next(filter(None, (self.functions._event_invoke_config(base, key) for key in (None, _LATEST))), {})
        return self.functions._event_invoke_config(base, qualifier) or {}

    def _try(self, func: _Json, event: _Json, settings: _Json) -> tuple[_Json | None, str, int]:
        """Invoke until it succeeds or is given up: the last result, the condition, and how often it was tried."""
        retries = settings.get("MaximumRetryAttempts")
        retries = _RETRIES if retries is None else int(retries)
        deadline = time.monotonic() + int(settings.get("MaximumEventAgeInSeconds") or _MAXIMUM_AGE)
        delay = self.functions._LAMBDA_ASYNC_RETRY_BASE_SECONDS
        result, tries = None, 0
        while True:
            answer = self.functions._execute_function(func, event)
            if log := answer.get("log"):
                self.functions.logger.info("Lambda async output:\n%s", log)
            if not answer.get("throttle"):  # which is no try
                result, tries = answer, tries + 1
                if not answer.get("error"):
                    return result, "Success", tries
                if tries > retries:
                    return result, "RetriesExhausted", tries
            if time.monotonic() + delay > deadline:
                return result, "EventAgeExceeded", tries
            self.wait(delay)
            delay = min(2 * delay, self.functions._LAMBDA_ASYNC_RETRY_MAX_SECONDS)

    def _lets_call(self, function_arn: str, topic_arn: str) -> bool:
        """Whether a function's policy lets a topic call it, as the emulator asks a queue's policy."""
        base, _, _ = self.functions._get_base_func_record_for_ref(function_arn)
        _, _, _, region, account, *_ = topic_arn.split(":")
        call = self.policies.EvalContext(
            principal_arn="*",
            principal_type="Service",
            principal_account="",
            action="lambda:InvokeFunction",
            resource_arn=function_arn,
            region=region,
            service_context={"aws:sourcearn": topic_arn, "aws:sourceaccount": account},
        )
        result = self.policies.evaluate_resource_policy((base or {}).get("policy"), call, service=_SNS)
        return bool(result.decision == "Allow")

    def _redrive(self, envelope: str, topic_arn: str, sub_arn: str) -> None:
        """Send what could not be delivered to the subscription's dead letter queue, if it has one."""
        topic: _Json = self.sns._topic_by_arn_any_scope(topic_arn) or {"subscriptions": []}
        subscription: _Json = next((sub for sub in topic["subscriptions"] if sub["arn"] == sub_arn), {})
        policy = subscription.get("attributes", {}).get("RedrivePolicy") or "{}"
        target = json.loads(policy).get("deadLetterTargetArn")
        if target is None:
            return
        account = topic_arn.split(":")[4]
        if self.sqs.queue_policy_allows(target, _SNS, topic_arn, account):
            self._send(target, envelope)
        else:
            self.sns.logger.warning("the policy of %s keeps dead letters of %s out", target, topic_arn)

    def _send_as(self, config: _Json, target: str, body: str) -> None:
        """Send something with a function's role."""
        if self.may_send(config, target):
            self._send(target, body)
        else:
            self.functions.logger.warning("the role of %s may not send to %s", config["FunctionArn"], target)

    def _send(self, target: str, body: str) -> None:
        service = target.split(":")[2]
        if service == "sqs" and (queue := self.sqs._queue_by_arn(target)) is not None:
            now = time.time()
            message = {
                "id": str(uuid.uuid4()),
                "body": body,
                "md5_body": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
                "message_attributes": {},
                "md5_attrs": self.sqs._md5_msg_attrs({}),
                "sent_at": now,
                "visible_at": now + self.sqs.queue_delay(queue),
            }
            self.sqs._ensure_msg_fields(message)
            queue["messages"].append(message)
            self.wake()
        elif service == "sns" and self.sns._topic_by_arn_any_scope(target) is not None:
            self.sns._fanout(target, str(uuid.uuid4()), body, "")
        elif service == "lambda" and (function := self.functions._get_func_record_for_ref(target)[0]) is not None:
            self.begin(function, json.loads(body))
        else:
            self.functions.logger.warning("nothing was sent to %s: it is not there, or of another kind", target)


def _called_by(arn: str, function: _Json, config: _Json) -> _Json:
    """The function as it was named: by an alias, a version, or neither."""
    return {**function, "config": {**config, "FunctionArn": arn}}


def _record_of(config: _Json, event: _Json, result: _Json | None, condition: str, tries: int) -> _Json:
    """The invocation record, as it is documented; a function that was never tried has no response."""
    arn: str = config["FunctionArn"]
    record: _Json = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": arn if arn.count(":") == _COLONS_OF_A_QUALIFIED_ARN else f"{arn}:{_LATEST}",
            "condition": condition,
            "approximateInvokeCount": tries,
        },
        "requestPayload": event,
    }
    if result is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": config.get("Version", _LATEST)}
        if result.get("error"):
            record["responseContext"]["functionError"] = result.get("function_error") or "Unhandled"
        record["responsePayload"] = result.get("body")
    return record


def with_output(states: Any) -> Callable[[_Json, object, object, object], tuple[object, object]]:  # noqa: ANN401
    """Give parallel states their ``Output``. Takes the place of ``stepfunctions._run_parallel_branches``."""
    run = states._run_parallel_branches

    def run_with_output(state: _Json, given: object, execution: object, context: object) -> tuple[object, object]:
        result, following = run(state, given, execution, context)
        if states._state_query_language(state, context) == "JSONata":
            result = states._apply_jsonata_output(state, given, context, result=result, default=result)
        return result, following

    return run_with_output


def in_turn(
    call: Callable[[object, object], object], at_once: int = _CALLS_AT_ONCE
) -> Callable[[object, object], object]:
    """Let calls of functions by state machines wait while as many are under way as may be.

    Lambda would start an environment for each, or refuse some. Takes the place of ``stepfunctions._call_lambda``.
    """
    turns = ThreadPoolExecutor(at_once)  # first come, first served; of a lock, those that come later might get hold

    def call_in_turn(function: object, event: object) -> object:
        return turns.submit(contextvars.copy_context().run, call, function, event).result()

    return call_in_turn


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


def _end_with_the_starter() -> None:
    while os.read(0, 1024):  # not sys.stdin, whose lock would be in the way of an orderly end
        pass
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Check the emulator, replace what it does otherwise, and run it."""
    if LIFELINE in sys.argv[1:]:
        threading.Thread(target=_end_with_the_starter, daemon=True).start()
    sys.argv[1:] = []  # the emulator reads its own options
    services: _Json = {
        name.rpartition(".")[-1]: importlib.import_module(f"ministack.{name}")
        for name in (
            *(f"services.{service}" for service in ("sns", "sqs", "lambda_svc", "eventbridge", "stepfunctions")),
            *(f"core.{module}" for module in ("lambda_runtime", "iam_actions", "iam_evaluator")),
        )
    }
    check(services, importlib.metadata.version("ministack"))
    app = importlib.import_module("ministack.app")
    invocations = AsynchronousInvocations(services, importlib.import_module("ministack.core.concurrency").esm_wake.set)
    services["sns"]._deliver_to_lambda = invocations.deliver
    services["eventbridge"]._dispatch_to_lambda = invocations.start
    services["lambda_svc"].invoke_async_with_retry = invocations.begin
    services["stepfunctions"]._run_parallel_branches = with_output(services["stepfunctions"])
    services["stepfunctions"]._call_lambda = in_turn(services["stepfunctions"]._call_lambda)
    if app.AUTH:
        tokens = TaskTokens(services["stepfunctions"])
        services["stepfunctions"]._execute_task = tokens.execute
        services["stepfunctions"]._invoke_with_callback = tokens.wait
        services["iam_actions"].extract_resource_arn = with_resources(services["iam_actions"], tokens)
        services["iam_evaluator"]._resolve_condition_key = with_secure_transport(services["iam_evaluator"])
        invocations.may_send = with_role(services)
    app.main()


if __name__ == "__main__":
    main()
