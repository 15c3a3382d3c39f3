"""What a function needs so that it can be a plugin: to be called, and to know its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct, IConstruct

from orchestrator_constructs.core.core import OrchestratorCore
from orchestrator_constructs.interfaces import IOrchestratorCore
from orchestrator_constructs.placement import nearest_construct, share_a_stack
from orchestrator_constructs.property_text import number_as_text
from orchestrator_runtime.contract import Env

_TOLD: Final = "orchestrator:told-"


def defined_function(function: lambda_.IFunction) -> lambda_.Function | None:
    """Find the function that this app defines, behind an alias or a version, too; ``None`` if it is imported."""
    if isinstance(function, lambda_.Alias | lambda_.Version):
        function = function.lambda_
    return function if isinstance(function, lambda_.Function) else None


def as_construct(function: lambda_.IFunction) -> Construct:
    """Take a function for the construct that it is, or that it was imported into: its interface does not say so."""
    found = nearest_construct(function)
    assert found is not None  # noqa: S101 - every function has a node
    return found


def check_stacks(plugin: Construct, function: lambda_.IFunction, core: IOrchestratorCore) -> None:
    """Refuse a function in a later stack than the plugin's, which is the core's.

    Raises:
        ValueError: It is. The text says where the plugin belongs.
    """
    defined = defined_function(function)
    if defined is None or share_a_stack(defined, plugin):
        return
    if isinstance(core, OrchestratorCore) and share_a_stack(core, plugin):
        ours, its = Stack.of(plugin).node.path, Stack.of(defined).node.path
        raise ValueError(
            f"plugin {plugin.node.path!r} is defined in its core's stack {ours!r}, and its function "
            f"{defined.node.path!r} in the stack {its!r}: the function needs the core, to report, and the core's stack "
            f"would need the function. Define the {type(plugin).__name__} in the function's stack"
        )


def let_stages_call(function: lambda_.IFunction, core: IOrchestratorCore) -> Sequence[IConstruct]:
    """Let every topic of a core call the function.

    It is one statement for each core, not one for each topic: a function's policy holds 20 KB.

    Returns:
        What has to be deployed before the function can be called. Nothing if the CDK cannot give the
        permission, because the function was imported from another account; it warns of that itself.
    """
    permission = f"CalledByStagesOf-{core.deployment.prefix}"
    if function.permissions_node.try_find_child(permission) is None:
        function.add_permission(
            permission,
            principal=iam.ServicePrincipal("sns.amazonaws.com"),
            source_arn=core.topic_arn_pattern(consumer=as_construct(function)),
        )
    made = function.permissions_node.try_find_child(permission)
    return [] if made is None else [made]


def give_name(function: lambda_.IFunction, name: str) -> None:
    """Let the function know under which name it is registered; one that is imported cannot be told.

    Raises:
        ValueError: It is registered under another name, too.
    """
    defined = defined_function(function)
    if defined is not None and (other := _tell(defined, Env.PLUGIN_NAME, name)) is not None:
        raise ValueError(
            f"function {defined.node.path!r} is plugin {other!r} and cannot be plugin {name!r} as well: it "
            f"learns one name, from {Env.PLUGIN_NAME}. Set name={other!r} here too, or define two functions"
        )


def give_max_receives(function: lambda_.IFunction, max_receives: int) -> None:
    """Let a function behind a queue know when it receives a message for the last time.

    Raises:
        ValueError: It is behind another queue that says otherwise.
    """
    defined = defined_function(function)
    text = number_as_text(max_receives)
    if defined is not None and (other := _tell(defined, Env.MAX_RECEIVES, text)) is not None:
        raise ValueError(
            f"function {defined.node.path!r} is behind another queue with max_receives={other} and cannot be behind "
            f"one with max_receives={text} as well: it learns one number, from {Env.MAX_RECEIVES}. Set the same "
            f"here, or define two functions"
        )


def _tell(function: lambda_.Function, variable: Env, value: str) -> str | None:
    """Set a variable of the function, unless it was told another value before; then return that."""
    kind = f"{_TOLD}{variable}"
    for entry in function.node.metadata:
        if entry.type == kind and entry.data != value:
            return str(entry.data)
    function.node.add_metadata(kind, value)
    function.add_environment(variable, value)
    return None
