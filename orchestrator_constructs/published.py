"""How other apps and tools find what a stack defines: SSM parameters, and plain exports."""

from __future__ import annotations

from aws_cdk import CfnOutput
from aws_cdk import aws_ssm as ssm
from constructs import Construct


class Published(Construct):
    """Publishes values of the construct that it belongs to.

    An SSM parameter is read when its user is deployed and locks nothing. A plain
    export is for tools that know only those; while one is in use, CloudFormation
    refuses to change or remove it.
    """

    def __init__(self, scope: Construct, id: str, *, exports: bool) -> None:  # noqa: A002
        super().__init__(scope, id)
        self._exports = exports

    def parameter(self, id: str, name: str, value: str) -> None:  # noqa: A002
        """Publish a value as an SSM parameter."""
        ssm.StringParameter(self, id, parameter_name=name, string_value=value)

    def export(self, id: str, name: str, value: str) -> None:  # noqa: A002
        """Publish a value as a plain export, unless exports are off."""
        if self._exports:
            CfnOutput(self, f"Export-{id}", export_name=name, value=value)
