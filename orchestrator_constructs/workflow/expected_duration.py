"""How long a run is expected to take, published for the function that watches runs."""

from __future__ import annotations

from aws_cdk import Duration, Token
from constructs import Construct

from orchestrator_constructs.published import Published
from orchestrator_constructs.validation import claim_name, whole_seconds
from orchestrator_runtime.deployment import EXPECTED_SECONDS, Deployment


def publish_expected_duration(
    scope: Construct,
    id: str,  # noqa: A002
    deployment: Deployment,
    workflow: str,
    expected: Duration | None,
    *,
    timeout_seconds: int,
) -> None:
    """Publish what is expected of a workflow's runs, if anything is.

    Args:
        scope: The construct that the parameter belongs to.
        id: The id of what publishes it.
        deployment: The deployment that the workflow belongs to.
        workflow: The workflow's name.
        expected: How long a run is expected to take at most.
        timeout_seconds: How long it may take: then it is ended, and cannot be overdue any more.

    Raises:
        ValueError: It is no whole number of seconds, or not less than the timeout.
    """
    if expected is None:
        return
    what = f"expected_duration of workflow {workflow!r}"
    seconds = whole_seconds(what, expected)
    if not Token.is_unresolved(seconds) and not Token.is_unresolved(timeout_seconds) and seconds >= timeout_seconds:
        raise ValueError(
            f"{what} is {seconds} s, and a run is ended after {timeout_seconds} s: use less than the timeout"
        )
    parameter = deployment.expected_parameter(workflow)
    published = Published(scope, id, exports=False)
    claim_name(published, parameter, what)
    published.parameter(EXPECTED_SECONDS, parameter, str(seconds))
