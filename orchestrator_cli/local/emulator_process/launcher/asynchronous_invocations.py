"""Lambda's asynchronous invocations: tried again, given up, told of."""

from __future__ import annotations

import contextvars
import hashlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

_LATEST: Final = "$LATEST"
_SNS: Final = "sns.amazonaws.com"
_RETRIES: Final = 2
_MAXIMUM_AGE: Final = 6 * 60 * 60
_COLONS_OF_A_QUALIFIED_ARN: Final = 7
_Json = dict[str, Any]


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
        sender_of: Who SQS says sent what Lambda sends with a function's role; ``None``: whom the emulator names.
    """

    def __init__(
        self,
        services: Mapping[str, Any],
        wake: Callable[[], None],
        wait: Callable[[float], None] = time.sleep,
        may_send: Callable[[_Json, str], bool] = lambda _config, _target: True,
        sender_of: Callable[[_Json], str | None] = lambda _config: None,
    ) -> None:
        self.sns, self.sqs, self.functions = services["sns"], services["sqs"], services["lambda_svc"]
        self.policies = services["iam_evaluator"]
        self.wake = wake
        self.wait = wait
        self.may_send = may_send
        self.sender_of = sender_of

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
            self._send(target, body, sender=self.sender_of(config))
        else:
            self.functions.logger.warning("the role of %s may not send to %s", config["FunctionArn"], target)

    def _send(self, target: str, body: str, *, sender: str | None = None) -> None:
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
            if sender is not None:
                message["sys"]["SenderId"] = sender
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
