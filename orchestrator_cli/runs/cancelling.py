"""Has the core cancel a run."""

from __future__ import annotations

from orchestrator_cli.core_functions import call_core, not_understood
from orchestrator_cli.gateway import Document, Gateway
from orchestrator_cli.one_line import one_line
from orchestrator_cli.published import core_output
from orchestrator_cli.runs.runs import RunRefusedError, check_workflow_name
from orchestrator_runtime.contract import Handler
from orchestrator_runtime.deployment import CoreOutput, Deployment


def cancel_run(gateway: Gateway, deployment: Deployment, workflow: str, uid: str, reason: str | None) -> Document:
    """Cancel a run that is in progress.

    Returns:
        ``{uid, workflow, attempt, execution}``.

    Raises:
        UsageError: There is no such core, the core is too old, or the workflow's name is not allowed.
        RunRefusedError: There is no such run, or it is not in progress.
        CliError: Cancelling failed; it may be tried again.
    """
    check_workflow_name(workflow)
    core_output(gateway, deployment, CoreOutput.STATUS_TABLE_NAME)
    wish = {"uid": uid, "workflow": workflow, "reason": reason, "by": gateway.caller().arn}
    answer = call_core(gateway, deployment, Handler.CANCEL_RUN, wish)
    if not isinstance(answer, dict) or not {"refused", "execution"} & answer.keys():
        raise not_understood(deployment, Handler.CANCEL_RUN, answer)
    if "refused" in answer:
        raise RunRefusedError(one_line(str(answer["refused"])))
    return answer
