"""References that never lock the stack they point to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aws_cdk import Stack
from aws_cdk import aws_ssm as ssm
from constructs import Construct


def share_a_stack(one: Construct, other: Construct) -> bool:
    """Tell whether two constructs are deployed together, so that a plain reference will do."""
    return Stack.of(one).node.addr == Stack.of(other).node.addr


def nearest_construct(thing: Any) -> Construct | None:  # noqa: ANN401 - what the CDK returns as an interface
    """Take something for the construct that it is; ``None`` if it is none.

    Some imports, such as roles and aliases, come to Python as an interface that no other construct can be
    defined in: then it is the construct that they were imported into.
    """
    while not isinstance(thing, Construct):
        if not hasattr(thing, "node"):
            return None
        thing = thing.node.scope
    return thing


@dataclass(frozen=True, slots=True)
class Place:
    """A partition, region and account, in which physical names make ARNs; may hold tokens."""

    partition: str
    region: str
    account: str

    @classmethod
    def of(cls, construct: Construct) -> Place:
        """Find where a construct is deployed; what its stack leaves open is a token of that stack."""
        stack = Stack.of(construct)
        return cls(partition=stack.partition, region=stack.region, account=stack.account)

    def arn(self, service: str, name: str, *, resource: str = "") -> str:
        """Write the ARN of a physically named resource, or a pattern for several."""
        parts = ["arn", self.partition, service, self.region, self.account, *([resource] if resource else []), name]
        return ":".join(parts)


def arn_for(  # noqa: D417 - service, resource and name are the parts of an ARN
    consumer: Construct,
    own: str,
    *,
    producer: Construct,
    service: str,
    resource: str = "",
    name: str,
) -> str:
    """The ARN of a physically named resource: by reference in the stack that defines it, else by convention.

    Args:
        consumer: The construct that needs the ARN.
        own: The ARN as an attribute of the resource.
        producer: The construct that defines the resource; another stack than its own will be deployed later.
    """
    if share_a_stack(producer, consumer):
        return own
    deploy_after(consumer, producer)
    return Place.of(producer).arn(service, name, resource=resource)


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
        deploy_after(consumer, producer)
    return ssm.StringParameter.value_for_string_parameter(consumer, parameter)


def deploy_after(consumer: Construct, producer: Construct) -> None:
    """Deploy the stack of ``consumer`` after that of ``producer``, if they are two."""
    if not share_a_stack(consumer, producer):
        Stack.of(consumer).add_stack_dependency(Stack.of(producer))
