"""Checks the emulator, replaces what it does otherwise, and runs it.

With ``--lifeline`` it runs for as long as its standard input is open, so that nobody has to be alive to stop it.
With ``--record`` it writes down every call. ``--folder`` names the folder of its files: by it the process is known.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

from .asynchronous_invocations import AsynchronousInvocations
from .foreign_requests import guarded
from .function_errors import with_class_name
from .group_end import end_group_with_this_process
from .permissions import TaskTokens, with_resources, with_role, with_secure_transport
from .recording import RECORDED, Recording
from .relied_on import check
from .senders import Senders
from .session_keys import function_keys, only_root
from .state_machines import FailingTasks, in_turn, with_output, with_own_context
from .unknown_types import let_pass

LIFELINE: Final = "--lifeline"
RECORD: Final = "--record"
FOLDER: Final = "--folder"
CALLS: Final = "calls.jsonl"
"""Where calls are written down, in the folder that it is started in."""
_Json = dict[str, Any]


def _end_with_the_starter() -> None:
    while os.read(0, 1024):  # not sys.stdin, whose lock would be in the way of an orderly end
        pass
    os.killpg(0, signal.SIGKILL)


def run() -> None:
    """Check the emulator, replace what it does otherwise, and run it."""
    end_group_with_this_process()
    if LIFELINE in sys.argv[1:]:
        threading.Thread(target=_end_with_the_starter, daemon=True).start()
    record = RECORD in sys.argv[1:]
    sys.argv[1:] = []  # the emulator reads its own options
    services: _Json = {
        name.rpartition(".")[-1]: importlib.import_module(f"ministack.{name}")
        for name in (
            *(f"services.{service}" for service in ("lambda_svc", "eventbridge", "sts", *RECORDED)),
            "services.cloudformation.provisioners",
            *(f"core.{module}" for module in ("lambda_runtime", "iam_actions", "iam_evaluator")),
            "app",
        )
    }
    check(services, importlib.metadata.version("ministack"))
    app = services["app"]
    invocations = AsynchronousInvocations(services, importlib.import_module("ministack.core.concurrency").esm_wake.set)
    services["sns"]._deliver_to_lambda = invocations.deliver
    services["eventbridge"]._dispatch_to_lambda = invocations.start
    services["lambda_svc"].invoke_async_with_retry = invocations.begin
    services["lambda_svc"]._execute_function_warm = with_class_name(services["lambda_svc"]._execute_function_warm)
    credentials = function_keys(services["sts"], os.environ["AWS_SECRET_ACCESS_KEY"].encode())
    for module in ("lambda_svc", "lambda_runtime"):
        services[module].execution_credentials = credentials
    senders = Senders(services, credentials)
    app.extract_access_key_id = senders.noting(app.extract_access_key_id)
    services["sqs"]._build_send_sys_attrs = senders.attributes
    services["lambda_svc"]._run_sqs_batch = senders.naming(services["lambda_svc"]._run_sqs_batch)
    invocations.sender_of = senders.sender_of
    states = services["stepfunctions"]
    states._run_parallel_branches = with_output(states)
    states._run_sub_machine = with_own_context(states._run_sub_machine)
    states._call_lambda = in_turn(states._call_lambda)
    tasks = FailingTasks(states)
    states._call_lambda, states._invoke_with_callback = tasks.call, tasks.wait
    let_pass(services["provisioners"])
    if app.AUTH:
        tokens = TaskTokens(states)
        states._execute_task = tokens.execute
        states._invoke_with_callback = tokens.wait
        services["iam_actions"].extract_resource_arn = with_resources(services["iam_actions"], tokens)
        services["iam_evaluator"]._resolve_condition_key = with_secure_transport(services["iam_evaluator"])
        only_root(
            services,
            access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
            secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
            account=os.environ["MINISTACK_ACCOUNT_ID"],
        )
        invocations.may_send = with_role(services)
    if record:
        Recording(services, Path(CALLS), operator=os.environ["AWS_ACCESS_KEY_ID"]).begin()
    app.app = guarded(app.app, int(os.environ["GATEWAY_PORT"]), enforces_iam=app.AUTH)
    app.main()
