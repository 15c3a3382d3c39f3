"""What Lambda itself reports of a plugin: an asynchronous call that failed, or any that ended.

Lambda sends its records with the function's role. A function, alias or version has
one configuration of its asynchronous calls, with one destination for each outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import Annotations, Fn, Resource, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IConstruct

from orchestrator_constructs.acknowledgements import acknowledge_no_dead_letters
from orchestrator_constructs.interfaces import IOrchestratorCore
from orchestrator_constructs.plugin.function import as_construct

_CONFIG: Final = "EventInvokeConfig"
"""The id that the CDK gives to this child: so it refuses a second one, and we see one that its author made."""
_REPORTS_TO: Final = "orchestrator:reports-to"
_REPORTS_ITSELF: Final = "orchestrator:reports-itself"
_ACCOUNT_IN_ARN: Final = 4
_NAME_IN_ARN: Final = 6
_QUALIFIER_IN_ARN: Final = 7


def let_lambda_report(
    plugin: Construct,
    function: lambda_.IFunction,
    core: IOrchestratorCore,
    *,
    reports_itself: bool,
    grant: iam.Grant | None,
) -> Sequence[IConstruct]:
    """Point the function's destinations to the results queue.

    A function that reports itself is reported by Lambda only when a call failed for good. That is left
    out, with a warning, on an imported function, whose owner may configure it, and where the queue lies in
    another account, into which destinations do not lead.

    Args:
        plugin: The plugin's construct.
        function: What is subscribed: the configuration belongs to this function, alias or version.
        core: The core whose queue is meant.
        reports_itself: Whether the function reports its outcome; otherwise Lambda reports every one.
        grant: The function's right to send to the queue: Lambda looks for it when this is deployed.

    Returns:
        What has to be deployed before the function is called.

    Raises:
        ValueError: Lambda has to report, but the function's destinations are taken, or cannot reach the queue.
    """
    check_agreement(function, reports_itself=reports_itself)
    scope, id = _place_of_config(function)  # noqa: A001 - a construct's id
    config = scope.node.try_find_child(id)
    if config is not None and _told(function, _REPORTS_TO) == core.deployment.prefix:
        return [config]
    if config is not None:
        _destinations_are_taken(plugin, function, core, reports_itself=reports_itself)
        return []
    if not reports_itself:
        _check_reach(plugin, function, core)
    elif not _asks_lambda(plugin, function, core):
        return []
    name, qualifier = _address(plugin, function)
    to_queue = {"destination": core.results_queue_arn(consumer=scope)}
    made = lambda_.CfnEventInvokeConfig(
        scope,
        id,
        function_name=name,
        qualifier=qualifier,
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
            on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(**to_queue),
            on_success=None if reports_itself else lambda_.CfnEventInvokeConfig.OnSuccessProperty(**to_queue),
        ),
    )
    if grant is not None:
        grant.apply_before(made)
    function.node.add_metadata(_REPORTS_TO, core.deployment.prefix)
    acknowledge_no_dead_letters(as_construct(function), "Its calls that failed for good go to the results queue.")
    return [made]


def check_agreement(function: lambda_.IFunction, *, reports_itself: bool) -> None:
    """Refuse a function that reports itself as one plugin and not as another.

    Raises:
        ValueError: It does.
    """
    text = str(reports_itself)
    if (before := _told(function, _REPORTS_ITSELF) or text) != text:
        raise ValueError(
            f"function {function.node.path!r} is another plugin with reports_itself={before} and has "
            f"reports_itself={text} here, a function behind a queue always True: set the same on both, or "
            f"define two functions"
        )
    function.node.add_metadata(_REPORTS_ITSELF, text)


def _destinations_are_taken(
    plugin: Construct, function: lambda_.IFunction, core: IOrchestratorCore, *, reports_itself: bool
) -> None:
    holder = _told(function, _REPORTS_TO)
    taken = f"a plugin of {holder}" if holder else "a configuration of its own (EventInvokeConfig)"
    if not reports_itself:
        advice = (
            "define a function for each of the two"
            if holder
            else "leave on_success, on_failure, max_event_age and retry_attempts out where it is defined"
        )
        raise ValueError(
            f"reports_itself=False of plugin {plugin.node.path!r}: Lambda's destinations of function "
            f"{function.node.path!r} would have to point to {core.deployment.results_queue!r}, but they belong to "
            f"{taken}: {advice}, or let it report itself"
        )
    advice = (
        "define a function for each of the two"
        if holder
        else f"let its on_failure point to {core.deployment.results_queue!r}"
    )
    Annotations.of(plugin).add_warning_v2(
        "orchestrator:destinationTaken",
        f"Lambda's destinations of function {function.node.path!r} belong to {taken}: a call that failed for good, "
        f"because it crashed say, is not reported to {core.deployment.prefix}, and its plugin ends with an error "
        f"when its time is over. To know at once, {advice}",
    )


def _reaches_core(core: IOrchestratorCore, function: lambda_.IFunction) -> bool | None:
    """Whether the function lies in the core's account; ``None`` if that is not known yet."""
    accounts = {
        core.topic_arn_pattern(consumer=as_construct(function)).split(":")[_ACCOUNT_IN_ARN],
        Stack.of(function).account,
    }
    if len(accounts) == 1:
        return True
    return None if any(Token.is_unresolved(account) for account in accounts) else False


def _asks_lambda(plugin: Construct, function: lambda_.IFunction, core: IOrchestratorCore) -> bool:
    """Whether Lambda shall report crashes of a function that reports itself; warn of what is lost if not."""
    queue, reaches = core.deployment.results_queue, _reaches_core(core, function)
    if not reaches:
        lies = "lies" if reaches is False else "may lie"
        why, advice = f"the results queue {lies} in another account", "give the plugin a short timeout"
    elif not Resource.is_owned_resource(function):
        why = "it was imported, and its owner may have configured it"
        advice = f"let its on_failure point to {queue!r} where it is defined, or give the plugin a short timeout"
    else:
        return True
    Annotations.of(plugin).add_warning_v2(
        "orchestrator:crashesUnseen",
        f"Lambda is not asked to report failed calls of function {function.node.path!r}, because {why}: if it is "
        f"killed, or raises Retryable to the end, its plugin ends with an error only when its time is over. To know "
        f"sooner, {advice}",
    )
    return False


def _check_reach(plugin: Construct, function: lambda_.IFunction, core: IOrchestratorCore) -> None:
    """Refuse to leave all reports of a function to Lambda where they cannot arrive; warn where they may not."""
    of = f"reports_itself=False of plugin {plugin.node.path!r}: Lambda's destinations do not lead into another account"
    queue, reaches = core.deployment.results_queue, _reaches_core(core, function)
    if reaches is False:
        raise ValueError(
            f"{of}, and the results queue {queue!r} lies in one: let the function report itself, as the plugin "
            f"decorator does"
        )
    if reaches is None:
        Annotations.of(plugin).add_warning_v2(
            "orchestrator:accountUnknown",
            f"{of}, and it is not known yet whether the results queue {queue!r} lies in one: give the stack "
            f"{Stack.of(function).node.path!r} an account (env), so that synthesis can tell",
        )


def _place_of_config(function: lambda_.IFunction) -> tuple[Construct, str]:
    """Where the configuration belongs in the app: below the function, or beside it if that cannot hold any."""
    scope = as_construct(function)
    return scope, _CONFIG if scope.node.path == function.node.path else f"{function.node.id}{_CONFIG}"


def _address(plugin: Construct, function: lambda_.IFunction) -> tuple[str, str]:
    """A function's name, and the alias or version that is meant.

    Raises:
        ValueError: The function was imported by an ARN that may or may not name an alias or a version.
    """
    arn = function.function_arn
    # An alias has a version, too, and so have imports of both, which Python sees as interfaces.
    if hasattr(function, "version"):
        # Out of its ARN: so the configuration comes after the alias.
        parts = Fn.split(":", arn)
        return Fn.select(_NAME_IN_ARN, parts), Fn.select(_QUALIFIER_IN_ARN, parts)
    written = arn.split(":")
    if len(written) > _QUALIFIER_IN_ARN:
        return written[_NAME_IN_ARN], written[_QUALIFIER_IN_ARN]
    if not Resource.is_owned_resource(function) and len(written) <= _NAME_IN_ARN:
        raise ValueError(
            f"reports_itself=False of plugin {plugin.node.path!r}: function {function.node.path!r} was imported by an "
            f"ARN that is known only when it is deployed, so this app cannot tell whether it names an alias or a "
            f"version: import it by Function.from_function_name, or by Alias.from_alias_attributes or "
            f"Version.from_version_arn"
        )
    return function.function_name, "$LATEST"


def _told(function: lambda_.IFunction, kind: str) -> str | None:
    return next((str(entry.data) for entry in function.node.metadata if entry.type == kind), None)
