"""Which internals of the emulator are replaced or called, and whether they are there."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

VERSION: Final = "1.5.33"

_REQUEST: Final = ("method", "path", "headers", "body", "query_params")

RELIED_ON: Final[Mapping[str, tuple[str, ...]]] = {
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
    "provisioners._provision_resource": ("resource_type", "logical_id", "props", "stack_name"),
    "eventbridge._dispatch_to_lambda": ("arn", "payload"),
    "sqs._queue_by_arn": ("arn",),
    "sqs.queue_delay": ("q",),
    "sqs.queue_policy_allows": ("queue_arn", "service", "source_arn", "source_account"),
    "sqs._md5_msg_attrs": ("attrs",),
    "sqs._ensure_msg_fields": ("m",),
    "sqs._receive_messages_for_esm": ("queue_url", "max_number"),
    "sqs._delete_messages_for_esm": ("queue_url", "receipt_handles"),
    "sqs._build_send_sys_attrs": ("now", "sys_attrs_input"),
    "sqs.handle_request": _REQUEST,
    "sns.handle_request": _REQUEST,
    "stepfunctions.handle_request": _REQUEST,
    "dynamodb.handle_request": _REQUEST,
    "dynamodb._get_item_by_key": ("table", "key"),
    "dynamodb._item_size_bytes": ("item",),
    "lambda_svc._emit_lambda_logs": ("func", "request_id", "log_text", "error", "duration_ms", "log_source"),
    "lambda_svc.invoke_async_with_retry": ("func", "event"),
    "lambda_svc._execute_function": ("func", "event"),
    "lambda_svc._execute_function_with_config_scope": ("func", "event"),
    "lambda_svc._run_sqs_batch": ("esm", "func_rec", "event", "batch", "queue_url", "queue_name"),
    "lambda_svc._execute_function_warm": ("func", "event", "request_id"),
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
    "stepfunctions._ExecutionError": ("error", "cause"),
    "stepfunctions._run_sub_machine": ("states", "start_at", "input_data", "execution", "ctx"),
    "stepfunctions._run_parallel_branches": ("state_def", "raw_input", "execution", "ctx"),
    "stepfunctions._state_query_language": ("state_def", "ctx"),
    "stepfunctions._apply_jsonata_output": ("state_def", "raw_input", "ctx", "result", "error_output", "default"),
    "lambda_runtime.execution_credentials": ("config",),
    "lambda_svc.execution_credentials": ("config",),
    "sts.register_session": ("access_key", "session"),
    "sts._role_id": ("role_arn",),
    "sts.is_root_access_key": ("access_key_id",),
    "iam_evaluator.is_root_access_key": ("access_key_id",),
    "app.app": ("scope", "receive", "send"),
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
"""With the names of their parameters."""


def check(services: Mapping[str, Any], version: str) -> None:
    """See whether the emulator is the one that this was written for.

    Raises:
        SystemExit: It is another; the text says what differs and what to do.
    """
    differences = [] if version == VERSION else [f"its version is {version}, not {VERSION}"]
    for name, expected in RELIED_ON.items():
        module, function = name.split(".")
        found = getattr(services[module], function, None)
        if not callable(found):
            differences.append(f"{name} is not there")
        elif (parameters := tuple(inspect.signature(found).parameters)) != expected:
            differences.append(f"{name} takes {parameters}, not {expected}")
    if differences:
        raise SystemExit(
            f"the emulator is not the one that its launcher was written for: {'; '.join(differences)}. "
            "Install what the lock pins, or adapt the launcher"
        )
