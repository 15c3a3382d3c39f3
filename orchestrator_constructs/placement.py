"""References that never lock the stack they point to."""

from __future__ import annotations

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_ssm as ssm
from constructs import Construct


def share_a_stack(one: Construct, other: Construct) -> bool:
    """Tell whether two constructs are deployed together, so that a plain reference will do."""
    return Stack.of(one).node.addr == Stack.of(other).node.addr


def conventional_arn(  # noqa: D417 - service, resource and name are the parts of an ARN
    *,
    producer: Construct,
    consumer: Construct,
    service: str,
    resource: str = "",
    name: str,
) -> str:
    """Build the ARN of a physically named resource for another stack of the app.

    Args:
        producer: The construct that defines the resource; its stack will be deployed first.
        consumer: The construct that needs the ARN.
    """
    _deploy_after(consumer, producer)
    if resource:
        return Stack.of(consumer).format_arn(
            service=service, resource=resource, resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
        )
    return Stack.of(consumer).format_arn(service=service, resource=name, arn_format=ArnFormat.NO_RESOURCE_NAME)


def published_value(parameter: str, *, consumer: Construct, producer: Construct | None = None) -> str:
    """Read an SSM parameter when the consumer's stack is deployed.

    Args:
        parameter: The parameter's name. If it is missing, the deployment fails before anything is made.
        consumer: The construct that needs the value.
        producer: The construct that publishes it, if it belongs to this app.

    Returns:
        A token: a template parameter of the consumer's stack.
    """
    if producer is not None:
        _deploy_after(consumer, producer)
    return ssm.StringParameter.value_for_string_parameter(consumer, parameter)


def _deploy_after(consumer: Construct, producer: Construct) -> None:
    Stack.of(consumer).add_stack_dependency(Stack.of(producer))
