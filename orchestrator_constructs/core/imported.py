"""A core that another app deploys, found by what it publishes in SSM."""

from __future__ import annotations

from functools import cached_property

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.core.base import CoreBase
from orchestrator_constructs.grants import allow_read_status, policy_scope
from orchestrator_constructs.placement import published_value
from orchestrator_runtime.contract import Handler, Stage
from orchestrator_runtime.deployment import CoreOutput, Deployment


class ImportedCore(CoreBase):
    """Looks up, in the stack that uses it, only what is used."""

    @classmethod
    def shared(cls, scope: Construct, deployment: Deployment) -> ImportedCore:
        """Import the core for something else that was imported into ``scope``, once for all of its kind."""
        child = f"Core-{deployment.system}-{deployment.stage}"
        existing = scope.node.try_find_child(child)
        return existing if isinstance(existing, cls) else cls(scope, child, deployment=deployment)

    @cached_property
    def status_table(self) -> dynamodb.ITable:
        """The table that people and tools read."""
        return dynamodb.Table.from_table_attributes(
            self,
            "Status",
            table_arn=self._output(CoreOutput.STATUS_TABLE_ARN, self),
            table_stream_arn=self._output(CoreOutput.STATUS_STREAM_ARN, self),
        )

    @cached_property
    def results_queue(self) -> sqs.IQueue:
        """The queue that plugins report to."""
        return sqs.Queue.from_queue_attributes(
            self,
            "Results",
            queue_arn=self._output(CoreOutput.RESULTS_QUEUE_ARN, self),
            queue_url=self._output(CoreOutput.RESULTS_QUEUE_URL, self),
        )

    def function_arn(self, handler: Handler, *, consumer: Construct) -> str:
        """The ARN of a function of the core for the stack of ``consumer``."""
        return self._output(CoreOutput(f"{handler}-arn"), consumer)

    def results_queue_arn(self, *, consumer: Construct) -> str:
        """Look up the results queue for the stack of ``consumer``."""
        return self._output(CoreOutput.RESULTS_QUEUE_ARN, consumer)

    def topic_arn(self, activity_name: str, position: Stage, *, consumer: Construct) -> str:
        """Look up the topic of a stage for the stack of ``consumer``."""
        return published_value(self._deployment.topic_parameter(activity_name, position), consumer=consumer)

    def grant_read_status(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a tool read the status of runs."""
        return allow_read_status(grantee, self._output(CoreOutput.STATUS_TABLE_ARN, policy_scope(grantee, self)))

    def _output(self, output: CoreOutput, consumer: Construct) -> str:
        return published_value(self._deployment.core_parameter(output), consumer=consumer)
