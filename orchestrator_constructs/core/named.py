"""A core in another account, out of reach of SSM: ARNs of its resources are built by convention."""

from __future__ import annotations

from functools import cached_property

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.core.base import CoreBase
from orchestrator_constructs.grants import allow_read_status
from orchestrator_constructs.placement import Place
from orchestrator_constructs.validation import check_account
from orchestrator_runtime.contract import Handler
from orchestrator_runtime.deployment import Deployment


class NamedCore(CoreBase):
    """Builds the ARNs of a core's resources by convention, and looks up nothing."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        account: str,
        region: str | None,
        status_table_arn: str | None,
        encryption_key_arn: str | None,
    ) -> None:
        super().__init__(scope, id, deployment=deployment)
        check_account("account", account)
        stack = Stack.of(self)
        self._where = Place(partition=stack.partition, region=region or stack.region, account=account)
        self._suffix = stack.url_suffix
        self._status_table_arn = status_table_arn
        self._encryption_key_arn = encryption_key_arn

    @property
    def _place(self) -> Place:
        return self._where

    @property
    def reporting_key_arn(self) -> str | None:
        """The core's key: a role of another account needs a right of its own on it."""
        return self._encryption_key_arn

    @cached_property
    def status_table(self) -> dynamodb.ITable:
        """The table that people and tools read."""
        return dynamodb.Table.from_table_arn(self, "Status", self._status_arn())

    @cached_property
    def results_queue(self) -> sqs.IQueue:
        """The queue that plugins report to."""
        where, name = self._where, self._deployment.results_queue
        return sqs.Queue.from_queue_attributes(
            self,
            "Results",
            queue_arn=self.results_queue_arn(consumer=self),
            queue_url=f"https://sqs.{where.region}.{self._suffix}/{where.account}/{name}",
        )

    def function_arn(self, handler: Handler, *, consumer: Construct) -> str:  # noqa: ARG002 - it is the same for all
        """Name a function of the core."""
        return self._where.arn("lambda", self._deployment.function(handler), resource="function")

    def results_queue_arn(self, *, consumer: Construct) -> str:  # noqa: ARG002
        """Name the results queue."""
        return self._where.arn("sqs", self._deployment.results_queue)

    def grant_read_status(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a tool read the status of runs; the table's own policy has to let it, too."""
        return allow_read_status(grantee, self._status_arn())

    def _status_arn(self) -> str:
        if self._status_table_arn is None:
            raise ValueError(
                f"the status table of {self._deployment.prefix!r} has no conventional name, and was not given: set "
                f"status_table_arn of OrchestratorCore.from_attributes, or use from_system in the core's account"
            )
        return self._status_table_arn
