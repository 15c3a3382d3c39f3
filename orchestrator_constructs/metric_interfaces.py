"""The metrics of each construct, whether defined in this app or imported; Protocols, as in ``interfaces``."""

from __future__ import annotations

from typing import Protocol, Unpack

from aws_cdk import aws_cloudwatch as cloudwatch

from orchestrator_constructs.metrics import MetricProps


class IExecutionMetrics(Protocol):
    """The metrics of a workflow that Step Functions publishes."""

    def metric_started(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How many were started."""
        ...

    def metric_succeeded(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How many ended well."""
        ...

    def metric_failed(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How many failed."""
        ...

    def metric_timed_out(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How many took longer than their timeout."""
        ...

    def metric_aborted(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How many were stopped from outside."""
        ...

    def metric_duration(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How long they took, in milliseconds."""
        ...


class IRunMetrics(Protocol):
    """The metrics of runs: of a workflow, or of all workflows."""

    def metric_active_runs(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How many are in progress, counted anew each minute by ``WorkflowMonitoring``."""
        ...

    def metric_overdue_runs(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """How many of those take longer than expected, counted likewise."""
        ...

    def metric_runs_started(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count runs that began."""
        ...

    def metric_runs_resumed(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count attempts after a run's first."""
        ...

    def metric_runs_completed(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count runs whose work was done."""
        ...

    def metric_runs_failed(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count runs that failed."""
        ...

    def metric_runs_cancelled(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count runs that were cancelled."""
        ...

    def metric_runs_stopped(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count runs whose execution was stopped."""
        ...

    def metric_runs_timed_out(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count runs that took longer than their timeout."""
        ...

    def metric_run_duration(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Measure how long attempts took, however they ended, in milliseconds."""
        ...


class IStageMetrics(Protocol):
    """The metrics of a stage and of its plugins."""

    def metric_duration(self, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Measure how long the stage took, in milliseconds."""
        ...

    def metric_plugin_calls(self, plugin: str, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count a plugin's invocations that have ended."""
        ...

    def metric_plugin_errors(self, plugin: str, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count a plugin's invocations that ended in an error."""
        ...

    def metric_plugin_duration(self, plugin: str, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Measure how long a plugin's invocations took, in milliseconds."""
        ...

    def metric_plugin_time_to_start(self, plugin: str, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Measure the time from dispatch to start of a plugin, in milliseconds."""
        ...

    def metric_plugin_refused_reports(self, plugin: str, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        """Count reports that were refused, of a plugin that was expected."""
        ...
