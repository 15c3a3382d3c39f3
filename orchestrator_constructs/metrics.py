"""Metrics of a deployment, named by convention, so that an alarm in another stack locks nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from orchestrator_runtime.contract import Dimension, Metric
from orchestrator_runtime.deployment import Deployment

if TYPE_CHECKING:
    from orchestrator_constructs.interfaces import IActivityStage


class MetricProps(TypedDict, total=False):
    """How a metric is read and drawn: those of ``aws_cloudwatch.MetricOptions`` that every metric has."""

    color: str
    label: str
    period: Duration
    statistic: str
    unit: cloudwatch.Unit


_GAUGES: Final = frozenset({Metric.ACTIVE_RUNS, Metric.OVERDUE_RUNS, Metric.REGISTRATION_PROBLEMS})
_DURATIONS: Final = frozenset(
    {Metric.RUN_DURATION, Metric.STAGE_DURATION, Metric.PLUGIN_DURATION, Metric.PLUGIN_TIME_TO_START}
)


def default_statistic(metric: Metric) -> str:
    """The default statistic of a metric: the maximum of a gauge, the median of a duration, or the sum."""
    if metric in _GAUGES:
        return cloudwatch.Stats.MAXIMUM
    return cloudwatch.Stats.percentile(50) if metric in _DURATIONS else cloudwatch.Stats.SUM


def measured(
    scope: Construct,
    metric: Metric,
    deployment: Deployment,
    dimensions: Mapping[Dimension, str],
    **props: Unpack[MetricProps],
) -> cloudwatch.Metric:
    """Name a metric that the functions of a core write.

    Args:
        scope: What is measured.
        metric: What of it.
        deployment: The deployment; its prefix is the namespace.
        dimensions: The dimensions of the metric.
        **props: How it is read and drawn. Default: ``default_statistic`` of five minutes.
    """
    chosen: MetricProps = {"statistic": default_statistic(metric), **props}
    return cloudwatch.Metric(
        namespace=deployment.prefix,
        metric_name=metric.value,
        dimensions_map={dimension.value: value for dimension, value in dimensions.items()} or None,
        **chosen,
    ).attach_to(scope)


def machine_metric(scope: Construct, name: str, machine_arn: str, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
    """Name a metric that Step Functions counts for a state machine.

    Args:
        scope: The workflow.
        name: The metric's name, such as ``ExecutionsFailed``.
        machine_arn: The state machine.
        **props: How it is read and drawn. Default: the sum of five minutes.
    """
    chosen: MetricProps = {"statistic": cloudwatch.Stats.SUM, **props}
    return cloudwatch.Metric(
        namespace="AWS/States", metric_name=name, dimensions_map={"StateMachineArn": machine_arn}, **chosen
    ).attach_to(scope)


class ExecutionMetrics(Construct):
    """The metrics of a workflow that Step Functions publishes: they count executions of its state machine.

    A refused start is an execution, too, but not a run. Metrics with ``run`` in their name, such as
    ``metric_runs_failed``, count runs; the core publishes them.
    """

    def _machine_by_name(self) -> str:
        raise NotImplementedError

    def metric_started(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count executions that were started. Default: the sum of five minutes."""
        return machine_metric(self, "ExecutionsStarted", self._machine_by_name(), **props)

    def metric_succeeded(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count executions that succeeded. Default: the sum of five minutes."""
        return machine_metric(self, "ExecutionsSucceeded", self._machine_by_name(), **props)

    def metric_failed(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count executions that failed. Default: the sum of five minutes."""
        return machine_metric(self, "ExecutionsFailed", self._machine_by_name(), **props)

    def metric_timed_out(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count executions that took longer than their timeout. Default: the sum of five minutes."""
        return machine_metric(self, "ExecutionsTimedOut", self._machine_by_name(), **props)

    def metric_aborted(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count executions that were stopped. Default: the sum of five minutes."""
        return machine_metric(self, "ExecutionsAborted", self._machine_by_name(), **props)

    def metric_duration(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Measure how long executions took, in milliseconds. Default: the average of five minutes."""
        chosen: MetricProps = {"statistic": cloudwatch.Stats.AVERAGE, **props}
        return machine_metric(self, "ExecutionTime", self._machine_by_name(), **chosen)


class RunMetrics:
    """The metrics of runs that the core publishes: of a workflow, or of all workflows."""

    def _measured(self, metric: Metric, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        raise NotImplementedError

    def metric_active_runs(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How many are in progress, counted anew by ``WorkflowMonitoring``. Default: the most of five minutes."""
        return self._measured(Metric.ACTIVE_RUNS, **props)

    def metric_overdue_runs(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How many of those take longer than expected, counted likewise. Default: the most of five minutes."""
        return self._measured(Metric.OVERDUE_RUNS, **props)

    def metric_runs_started(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count runs that began. Default: the sum of five minutes."""
        return self._measured(Metric.RUNS_STARTED, **props)

    def metric_runs_resumed(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count attempts after a run's first. Default: the sum of five minutes."""
        return self._measured(Metric.RUNS_RESUMED, **props)

    def metric_runs_completed(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count runs whose work was done. Default: the sum of five minutes."""
        return self._measured(Metric.RUNS_COMPLETED, **props)

    def metric_runs_failed(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count runs that failed. Default: the sum of five minutes."""
        return self._measured(Metric.RUNS_FAILED, **props)

    def metric_runs_cancelled(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count runs that were cancelled. Default: the sum of five minutes."""
        return self._measured(Metric.RUNS_CANCELLED, **props)

    def metric_runs_stopped(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count runs whose execution was stopped. Default: the sum of five minutes."""
        return self._measured(Metric.RUNS_STOPPED, **props)

    def metric_runs_timed_out(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count runs that took longer than their timeout. Default: the sum of five minutes."""
        return self._measured(Metric.RUNS_TIMED_OUT, **props)

    def metric_run_duration(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Measure how long attempts took, however they ended, in milliseconds. Default: the median of five minutes."""
        return self._measured(Metric.RUN_DURATION, **props)


class StageMetrics:
    """The metrics that the core publishes of a stage and, unless ``plugin_metrics`` is off, of its plugins."""

    def _measured(self, metric: Metric, plugin: str | None = None, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        raise NotImplementedError

    def metric_duration(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Measure how long the stage took, in milliseconds. Default: the median of five minutes."""
        return self._measured(Metric.STAGE_DURATION, **props)

    def metric_plugin_calls(self, plugin: str, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count a plugin's invocations that have ended. Default: the sample count of five minutes."""
        chosen: MetricProps = {"statistic": cloudwatch.Stats.SAMPLE_COUNT, **props}
        return self._measured(Metric.PLUGIN_ERRORS, plugin, **chosen)

    def metric_plugin_errors(self, plugin: str, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count a plugin's invocations that ended in an error. Default: the sum of five minutes."""
        return self._measured(Metric.PLUGIN_ERRORS, plugin, **props)

    def metric_plugin_duration(self, plugin: str, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Measure how long a plugin's invocations took, in milliseconds. Default: the median of five minutes."""
        return self._measured(Metric.PLUGIN_DURATION, plugin, **props)

    def metric_plugin_time_to_start(self, plugin: str, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Measure the time from dispatch to start of a plugin, in milliseconds. Default: the median of five minutes."""
        return self._measured(Metric.PLUGIN_TIME_TO_START, plugin, **props)

    def metric_plugin_refused_reports(self, plugin: str, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count reports that were refused, of a plugin that was expected. Default: the sum of five minutes."""
        return self._measured(Metric.REFUSED_REPORTS, plugin, **props)


class PluginMetrics:
    """The metrics that the core publishes of a plugin, unless ``plugin_metrics`` is off."""

    _stage: IActivityStage
    _name: str

    def metric_calls(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count invocations that have ended. Default: the sample count of five minutes."""
        return self._stage.metric_plugin_calls(self._name, **props)

    def metric_errors(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count invocations that ended in an error. Default: the sum of five minutes."""
        return self._stage.metric_plugin_errors(self._name, **props)

    def metric_duration(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Measure how long invocations took, in milliseconds. Default: the median of five minutes."""
        return self._stage.metric_plugin_duration(self._name, **props)

    def metric_time_to_start(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Measure the time from dispatch to start, in milliseconds. Default: the median of five minutes."""
        return self._stage.metric_plugin_time_to_start(self._name, **props)

    def metric_refused_reports(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count reports that were refused, of a plugin that was expected. Default: the sum of five minutes."""
        return self._stage.metric_plugin_refused_reports(self._name, **props)
