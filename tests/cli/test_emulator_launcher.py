"""The emulator's launcher, without the emulator: what it relies on, and how often it tries."""

from __future__ import annotations

import contextlib
import copy
import inspect
import json
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator_cli.local.emulator_process.launcher.asynchronous_invocations import AsynchronousInvocations
from orchestrator_cli.local.emulator_process.launcher.function_errors import with_class_name
from orchestrator_cli.local.emulator_process.launcher.permissions import (
    TaskTokens,
    with_resources,
    with_role,
    with_secure_transport,
)
from orchestrator_cli.local.emulator_process.launcher.relied_on import RELIED_ON, VERSION, check
from orchestrator_cli.local.emulator_process.launcher.state_machines import FailingTasks, in_turn, with_own_context
from orchestrator_cli.local.emulator_process.launcher.unknown_types import let_pass

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:score"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:told"
FAILED = {"error": True, "body": {"errorMessage": "not yet", "errorType": "ValueError"}}
THROTTLED = {"throttle": True, "error": True, "body": {}}
DONE = {"body": {"score": 7}}


def standing_in_for(parameters: tuple[str, ...]) -> Any:
    def function() -> None: ...

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    function.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in parameters])  # type: ignore[attr-defined]
    return function


def emulator(**other: Any) -> Mapping[str, Any]:
    """Modules that have what is relied on; what a test names as ``sns__name`` is another, or ``None``: missing."""
    modules: dict[str, SimpleNamespace] = {}
    for name, parameters in RELIED_ON.items():
        module, function = name.split(".")
        modules.setdefault(module, SimpleNamespace())
        setattr(modules[module], function, standing_in_for(parameters))
    for name, value in other.items():
        module, function = name.split("__", maxsplit=1)
        setattr(modules[module], function, value)
    return modules


def test_the_pinned_emulator_passes() -> None:
    check(emulator(), VERSION)


@pytest.mark.parametrize(
    ("modules", "version", "said"),
    [
        (emulator(), "1.6.0", "its version is 1.6.0, not 1.5.33"),
        (emulator(sns___deliver_to_lambda=None), VERSION, "sns._deliver_to_lambda is not there"),
        (
            emulator(sqs___queue_by_arn=standing_in_for(("arn", "scope"))),
            VERSION,
            "sqs._queue_by_arn takes ('arn', 'scope'), not ('arn',)",
        ),
    ],
    ids=["version", "missing", "parameters"],
)
def test_another_emulator_is_refused_with_what_differs(modules: Mapping[str, Any], version: str, said: str) -> None:
    with pytest.raises(SystemExit) as refused:
        check(modules, version)
    assert f"was written for: {said}. Install what the lock pins" in str(refused.value)


class Functions:
    """The emulator's Lambda, with a function whose answers are set."""

    _LAMBDA_ASYNC_RETRY_MAX_SECONDS = 1.5
    _request_account_id = _request_region = SimpleNamespace(set=lambda _value: None)
    logger = logging.getLogger("functions")

    def __init__(self, *answers: dict[str, Any], first_wait: float = 0.5, **settings: Any) -> None:
        self._LAMBDA_ASYNC_RETRY_BASE_SECONDS = first_wait
        self.answers = list(answers)
        destination = {"Destination": QUEUE}
        self.settings = {"DestinationConfig": {"OnSuccess": destination, "OnFailure": destination}, **settings}

    def _account_region_from_function_config(self, _config: object) -> tuple[str, str]:
        return "000000000000", "us-east-1"

    def _get_base_func_record_for_ref(self, _reference: str) -> tuple[dict[str, Any], None, str]:
        return {}, None, "score"

    def _lambda_function_name_and_qualifier_from_arn(self, _arn: str) -> tuple[str, None]:
        return "score", None

    def _event_invoke_config(self, _func: object, _qualifier: str | None) -> dict[str, Any]:
        return self.settings

    def _execute_function(self, _func: object, _event: object) -> dict[str, Any]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def invoke(functions: Functions) -> tuple[dict[str, Any], list[float]]:
    """Invoke the function: the record that the queue gets, and the waits between the tries."""
    messages: list[dict[str, Any]] = []
    queues = SimpleNamespace(
        _queue_by_arn=lambda _arn: {"messages": messages},
        queue_delay=lambda _queue: 0,
        _md5_msg_attrs=lambda _attrs: None,
        _ensure_msg_fields=lambda _message: None,
    )
    waits: list[float] = []
    services = {"sns": None, "sqs": queues, "lambda_svc": functions, "iam_evaluator": None}
    invocations = AsynchronousInvocations(services, wake=lambda: None, wait=waits.append)
    invocations._invoke({"config": {"FunctionArn": FUNCTION}}, {"asked": 1})
    [message] = messages
    return json.loads(message["body"]), waits


def test_it_is_tried_until_it_succeeds() -> None:
    record, waits = invoke(Functions(FAILED, FAILED, DONE))
    assert record["requestContext"]["condition"] == "Success"
    assert (record["requestPayload"], record["responsePayload"]) == ({"asked": 1}, {"score": 7})
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_it_is_given_up_after_the_retries_that_are_set(retries: int) -> None:
    record, waits = invoke(Functions(FAILED, MaximumRetryAttempts=retries))
    context = record["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("RetriesExhausted", retries + 1)
    assert len(waits) == retries


def test_a_call_that_is_throttled_is_no_try_and_waits_longer_each_time_up_to_a_limit() -> None:
    record, waits = invoke(Functions(THROTTLED, THROTTLED, THROTTLED, FAILED, MaximumRetryAttempts=0))
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert waits == [0.5, 1.0, 1.5]


def test_a_call_that_would_grow_too_old_is_given_up() -> None:
    record, _ = invoke(Functions(FAILED, first_wait=61, MaximumEventAgeInSeconds=60))
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["responsePayload"] == FAILED["body"]


def test_a_call_that_was_never_tried_has_no_response() -> None:
    record, _ = invoke(Functions(THROTTLED, first_wait=61, MaximumEventAgeInSeconds=60))
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in record
    assert "responsePayload" not in record


def test_what_a_rule_starts_is_tried_again_and_kept_when_it_is_given_up() -> None:
    letters: list[dict[str, Any]] = []
    queues = SimpleNamespace(
        _queue_by_arn=lambda arn: {"messages": letters} if arn == QUEUE else None,
        queue_delay=lambda _queue: 0,
        _md5_msg_attrs=lambda _attrs: None,
        _ensure_msg_fields=lambda _message: None,
    )
    functions = Functions(FAILED, DestinationConfig={})
    config = {"DeadLetterConfig": {"TargetArn": QUEUE}}
    functions._get_func_record_for_ref = lambda arn: ({"name": arn}, config, "score")  # type: ignore[attr-defined]
    waits: list[float] = []
    services = {"sns": None, "sqs": queues, "lambda_svc": functions, "iam_evaluator": None}
    invocations = AsynchronousInvocations(services, wake=lambda: None, wait=waits.append)
    invocations.begin = invocations._invoke  # type: ignore[method-assign] # in this thread
    invocations.start(FUNCTION, '{"detail": 1}')
    assert [letter["body"] for letter in letters] == ['{"detail": 1}']
    assert waits == [0.5, 1.0]


def test_calls_of_state_machines_wait_for_their_turn_and_all_are_made() -> None:
    begun, another = threading.Event(), threading.Event()

    def call(_function: object, event: object) -> object:
        if event == "first":
            begun.set()
            return another.wait(timeout=0.5)
        another.set()
        if event == "fails":
            raise ValueError(event)
        return event

    turn = in_turn(call, at_once=1)
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(turn, "score", "first")
        begun.wait()
        second, fails, last = (threads.submit(turn, "score", event) for event in ("second", "fails", "last"))
    assert first.result() is False, "another call began before the first one was over"
    assert (second.result(), last.result()) == ("second", "last")
    assert isinstance(fails.exception(), ValueError)


def test_what_the_role_may_not_send_is_not_sent() -> None:
    letters: list[dict[str, Any]] = []
    queues = SimpleNamespace(
        _queue_by_arn=lambda _arn: {"messages": letters},
        queue_delay=lambda _queue: 0,
        _md5_msg_attrs=lambda _attrs: None,
        _ensure_msg_fields=lambda _message: None,
    )
    asked: list[tuple[str, str]] = []

    def may_send(config: dict[str, Any], target: str) -> bool:
        asked.append((config["FunctionArn"], target))
        return False

    config = {"FunctionArn": FUNCTION, "DeadLetterConfig": {"TargetArn": QUEUE}}
    services = {"sns": None, "sqs": queues, "lambda_svc": Functions(FAILED, MaximumRetryAttempts=0)}
    services["iam_evaluator"] = None
    AsynchronousInvocations(services, wake=lambda: None, may_send=may_send)._invoke({"config": config}, {})
    assert (letters, asked) == ([], [(FUNCTION, QUEUE)] * 2)


@pytest.mark.parametrize(
    ("target", "action"),
    [
        (QUEUE, "sqs:SendMessage"),
        ("arn:aws:sns:us-east-1:000000000000:told", "sns:Publish"),
        (FUNCTION, "lambda:InvokeFunction"),
    ],
)
@pytest.mark.parametrize("refusal", [None, "refused"])
def test_a_function_s_role_is_asked_for_the_action_of_the_destination(
    target: str, action: str, refusal: str | None
) -> None:
    def enforce(key: str, asked: str, _service: str, _region: str, *, resource_arn: str) -> str | None:
        assert (key, asked, resource_arn) == ("key of score", action, target)
        return refusal

    runtime = SimpleNamespace(execution_credentials=lambda config: {"AWS_ACCESS_KEY_ID": f"key of {config['name']}"})
    may_send = with_role({"lambda_runtime": runtime, "iam_evaluator": SimpleNamespace(enforce=enforce)})
    assert may_send({"name": "score"}, target) is (refusal is None)


MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:rate"
TOPIC = "arn:aws:sns:us-east-1:000000000000:rate"


def resource_of(service: str, body: object, parameters: Mapping[str, Any], derived: str = "*") -> str:
    """The resource of a request, where the emulator derives ``derived`` and the machine ``rate`` waits for ``t-1``."""

    def execute(_state: object, _given: object, _execution: object, context: Mapping[str, Any]) -> str:
        tokens.wait("lambda", {}, context["Task"]["Token"], {})
        return "done"

    states = SimpleNamespace(_execute_task=execute, _invoke_with_callback=lambda *_: None)
    tokens = TaskTokens(states)
    assert tokens.execute({}, {}, {}, {"StateMachine": {"Id": MACHINE}, "Task": {"Token": "t-1"}}) == "done"
    extract = with_resources(SimpleNamespace(extract_resource_arn=lambda *_: derived), tokens)
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return extract(service, "POST", "/", {}, text, parameters, "us-east-1", "000000000000")


@pytest.mark.parametrize(
    ("service", "body", "parameters", "resource"),
    [
        ("states", {"taskToken": "t-1"}, {}, MACHINE),
        ("states", {"taskToken": "t-2"}, {}, "*"),
        ("states", [], {}, "*"),
        ("states", b"{", {}, "*"),
        ("sns", b"", {"SubscriptionArn": [f"{TOPIC}:7b5c"]}, TOPIC),
        ("sns", b"", {"SubscriptionArn": f"{TOPIC}:7b5c"}, TOPIC),
        ("sns", b"", {}, "*"),
        ("ssm", {"Path": "/claims/dev/"}, {}, "arn:aws:ssm:us-east-1:000000000000:parameter/claims/dev/"),
        ("ssm", {"Name": "rates"}, {}, "arn:aws:ssm:us-east-1:000000000000:parameter/rates"),
        ("ssm", {"Names": ["rates", "more"]}, {}, "*"),
        ("sqs", {"taskToken": "t-1"}, {"SubscriptionArn": TOPIC}, "*"),
    ],
)
def test_the_resource_is_what_aws_goes_by(
    service: str, body: object, parameters: Mapping[str, Any], resource: str
) -> None:
    assert resource_of(service, body, parameters) == resource


def test_what_the_emulator_derives_stands() -> None:
    assert resource_of("states", {"taskToken": "t-1"}, {}, derived="arn:other") == "arn:other"


def test_loopback_passes_for_tls_and_other_conditions_stand() -> None:
    resolve = with_secure_transport(SimpleNamespace(_resolve_condition_key=lambda key, _context: f"value of {key}"))
    assert resolve("aws:SecureTransport", None) == "true"
    assert resolve("aws:SourceIp", None) == "value of aws:SourceIp"


@pytest.mark.parametrize("unknown", ["AWS::Logs::QueryDefinition", "AWS::Lambda::ResourcePolicy"])
def test_unknown_types_are_let_pass_and_known_types_are_left_alone(unknown: str) -> None:
    provisioners = SimpleNamespace(_RESOURCE_HANDLERS={"AWS::SQS::Queue": {}})
    let_pass(provisioners)
    handler = provisioners._RESOURCE_HANDLERS[unknown]
    physical_id, attributes = handler["create"]("Failed", {"Name": "failed"}, "claims-dev")
    assert (physical_id, attributes) == ("claims-dev-Failed", {})
    assert handler["update"](physical_id, {}, {}, "claims-dev") == (physical_id, {})
    assert handler["delete"](physical_id, {}) is None
    assert provisioners._RESOURCE_HANDLERS["AWS::SQS::Queue"] == {}


class TaskError(Exception):
    """The emulator's ``_ExecutionError``."""


class States:
    """The emulator's Step Functions, with a function that may raise and may answer its task's token."""

    _ExecutionError = TaskError

    def __init__(self, *, error: Exception | None = None, answer: str | None = None) -> None:
        self._error, self._answer = error, answer
        self._task_tokens: dict[str, dict[str, Any]] = {}
        tasks = FailingTasks(self)
        vars(self).update(_call_lambda=tasks.call, _invoke_with_callback=tasks.wait)

    def _call_lambda(self, _function: object, event: Mapping[str, str]) -> None:
        if self._answer and "token" in event:
            task = self._task_tokens[event["token"]]
            task["answer"] = self._answer
            task["event"].set()
        if self._error:
            raise self._error

    def _invoke_with_callback(self, _resource: object, given: Mapping[str, str], token: str, _state: object) -> Any:
        self._task_tokens[token] = {"event": threading.Event()}
        with contextlib.suppress(TaskError):
            self._call_lambda("open", given)
        task = self._task_tokens[token]
        if not task["event"].is_set():
            return "waits"
        return self._task_tokens.pop(token)["answer"]

    def run_task(self) -> Any:
        return self._invoke_with_callback("lambda", {"token": "t-1"}, "t-1", {})


def test_waiting_task_fails_when_its_function_raises() -> None:
    states = States(error=TaskError("RunEnded"))
    with pytest.raises(TaskError, match="RunEnded"):
        states.run_task()
    assert states._task_tokens == {}


def test_waiting_task_whose_token_was_answered_ignores_its_function() -> None:
    assert States(error=TaskError("crash"), answer="done").run_task() == "done"


def test_waiting_task_whose_function_returns_waits() -> None:
    assert States().run_task() == "waits"
    assert States(answer="done").run_task() == "done"


def test_task_that_does_not_wait_fails_when_its_function_raises() -> None:
    states = States(error=TaskError("RunEnded"))
    with pytest.raises(TaskError, match="RunEnded"):
        states._call_lambda("begin", {})


def test_each_branch_has_its_own_context_object() -> None:
    def run(_states: object, _start: object, token: object, _execution: object, context: dict[str, Any]) -> object:
        context["Task"] = {"Token": token}
        return context

    context = {"Execution": {"Id": "arn:one"}}
    run_branch = with_own_context(run)
    branches = [run_branch({}, "A", token, {}, context) for token in ("t-1", "t-2")]
    assert branches == [{**context, "Task": {"Token": token}} for token in ("t-1", "t-2")]
    assert context == {"Execution": {"Id": "arn:one"}}


PYTHON_TRACE = """\
printed before
Traceback (most recent call last):
  File "<string>", line 325, in <module>
    raise ValueError("first")
ValueError: first

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/var/task/index.py", line 4, in handler
    raise errors.RunCancelled(reason)
"""
NODE_TRACE = "TypeError: no table\n    at handler (/var/task/index.js:4:9)\n    at next (node:internal)\n"


@pytest.mark.parametrize(
    ("message", "log", "name"),
    [
        ("no (longer) needed", f"{PYTHON_TRACE}shop.errors.RunCancelled: no (longer) needed", "RunCancelled"),
        ("two\nlines", f"{PYTHON_TRACE}RunCancelled: two\nlines\n", "RunCancelled"),
        ("", f"{PYTHON_TRACE}shop.errors.RunCancelled", "RunCancelled"),
        ("no table", NODE_TRACE, "TypeError"),
        ("Worker process died", "Worker process died", "Runtime.HandlerError"),
        ("no log", None, "Runtime.HandlerError"),
    ],
)
def test_error_of_a_function_has_the_name_of_its_class(message: str, log: str | None, name: str) -> None:
    body = {"errorMessage": message, "errorType": "Runtime.HandlerError"}
    run = with_class_name(lambda *_: {"body": body, "error": True, "log": log})
    assert run({}, {}, "r-1")["body"] == {"errorMessage": message, "errorType": name}


@pytest.mark.parametrize(
    "result",
    [
        {"body": {"errorMessage": "x", "errorType": "Runtime.HandlerError"}, "log": "ValueError: x"},
        {"error": True, "body": {"errorMessage": "x", "errorType": "Sandbox.Timedout"}, "log": "ValueError: x"},
        {"error": True, "throttle": True, "body": "throttled"},
        {"body": None},
    ],
)
def test_other_results_of_functions_are_unchanged(result: dict[str, Any]) -> None:
    assert with_class_name(lambda *_: copy.deepcopy(result))({}, {}, "r-1") == result
