"""Where the core's functions run if they run in a network of their owner's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_ec2 as ec2
from constructs import Construct


@dataclass(frozen=True)
class Network:
    """A network for functions.

    Attributes:
        vpc: The network.
        subnets: Which of its subnets.
        security_groups: What the functions may talk to.
    """

    vpc: ec2.IVpc
    subnets: ec2.SubnetSelection | None
    security_groups: Sequence[ec2.ISecurityGroup]


def define_network(
    scope: Construct,
    *,
    vpc: ec2.IVpc | None,
    subnets: ec2.SubnetSelection | None,
    security_groups: Sequence[ec2.ISecurityGroup] | None,
) -> Network | None:
    """Choose the network of the core's functions, with one security group for all where none is given.

    Raises:
        ValueError: Subnets or security groups are given without a network, or the list of groups is empty.
    """
    if vpc is None:
        if subnets is not None or security_groups is not None:
            raise ValueError("vpc_subnets or security_groups are given without a vpc: give vpc too, or leave them out")
        return None
    if security_groups is None:
        security_groups = [
            ec2.SecurityGroup(scope, "SecurityGroup", vpc=vpc, description="Functions of the core of the orchestrator")
        ]
    if not security_groups:
        raise ValueError("security_groups is empty: name at least one, or leave it out and one will be defined")
    return Network(vpc=vpc, subnets=subnets, security_groups=list(security_groups))
