"""Metrics of a deployment, named by convention, so that an alarm in another stack locks nothing."""

from __future__ import annotations

from typing import TypedDict, Unpack

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct


class MetricProps(TypedDict, total=False):
    """How a metric is read and drawn: those of ``aws_cloudwatch.MetricOptions`` that every metric has."""

    color: str
    label: str
    period: Duration
    statistic: str
    unit: cloudwatch.Unit


def core_metric(
    scope: Construct,
    name: str,
    *,
    namespace: str,
    service: str,
    **props: Unpack[MetricProps],
) -> cloudwatch.Metric:
    """Name a metric that a function of a core counts.

    Args:
        scope: The core.
        name: The metric's name.
        namespace: The deployment's prefix.
        service: The handler that counts it.
        **props: How it is read and drawn. Default: the sum of five minutes.
    """
    chosen: MetricProps = {"statistic": cloudwatch.Stats.SUM, **props}
    return cloudwatch.Metric(
        namespace=namespace, metric_name=name, dimensions_map={"service": service}, **chosen
    ).attach_to(scope)


def machine_metric(scope: Construct, name: str, machine_arn: str, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
    """Name a metric that Step Functions counts for a state machine.

    Args:
        scope: The workflow or activity.
        name: The metric's name, such as ``ExecutionsFailed``.
        machine_arn: The state machine.
        **props: How it is read and drawn. Default: the sum of five minutes.
    """
    chosen: MetricProps = {"statistic": cloudwatch.Stats.SUM, **props}
    return cloudwatch.Metric(
        namespace="AWS/States", metric_name=name, dimensions_map={"StateMachineArn": machine_arn}, **chosen
    ).attach_to(scope)


class ExecutionMetrics(Construct):
    """What a workflow and an activity have in common: a state machine whose executions are counted."""

    def _machine_by_name(self) -> str:
        raise NotImplementedError

    def metric_started(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count what was started. Default: the sum of five minutes."""
        return machine_metric(self, "ExecutionsStarted", self._machine_by_name(), **props)

    def metric_succeeded(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count what ended well. Default: the sum of five minutes."""
        return machine_metric(self, "ExecutionsSucceeded", self._machine_by_name(), **props)

    def metric_failed(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count what failed. Default: the sum of five minutes."""
        return machine_metric(self, "ExecutionsFailed", self._machine_by_name(), **props)

    def metric_timed_out(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count what took longer than its timeout. Default: the sum of five minutes."""
        return machine_metric(self, "ExecutionsTimedOut", self._machine_by_name(), **props)

    def metric_aborted(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count what was stopped from outside. Default: the sum of five minutes."""
        return machine_metric(self, "ExecutionsAborted", self._machine_by_name(), **props)

    def metric_duration(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Measure how long it took, in milliseconds. Default: the average of five minutes."""
        chosen: MetricProps = {"statistic": cloudwatch.Stats.AVERAGE, **props}
        return machine_metric(self, "ExecutionTime", self._machine_by_name(), **chosen)
