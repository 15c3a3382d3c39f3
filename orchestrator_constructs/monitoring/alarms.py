"""The alarms of a deployment. The description of each says what it means, what to do, and where to read more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from orchestrator_constructs.core.core import OrchestratorCore
from orchestrator_constructs.monitoring.options import MonitoringAlarms
from orchestrator_constructs.validation import whole_seconds
from orchestrator_runtime.contract import Handler

_MINUTE: Final = Duration.minutes(1)
_FIVE_MINUTES: Final = Duration.minutes(5)
_HOUR: Final = Duration.hours(1)
_AS_LONG_AS_IT_IS_RETRIED: Final = 3
"""Periods of five minutes."""


class SystemAlarms(Construct):
    """Defines the chosen alarms, without actions."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        core: OrchestratorCore,
        functions: Mapping[Handler, lambda_.IFunction],
        chosen: MonitoringAlarms,
    ) -> None:
        """Define the alarms.

        Args:
            scope: The monitoring.
            id: The construct's id in its scope.
            core: The core that is watched.
            functions: Its functions, and the one that watches runs.
            chosen: Which alarms there are, and their thresholds.
        """
        super().__init__(scope, id)
        self._core = core
        self._alarms: list[cloudwatch.Alarm] = []
        self._define_of_runs(chosen)
        self._define_of_functions(chosen, functions)
        self._define_of_deadlines(chosen, functions[Handler.CHECK_DEADLINES])
        self._define_of_plugins(chosen)

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """The alarms that are defined here."""
        return list(self._alarms)

    def _define_of_runs(self, chosen: MonitoringAlarms) -> None:
        what_to_do = (
            "Which: the query 'failed runs'. Why: orchestrator status WORKFLOW UID. When the cause is fixed: "
            "orchestrator retry WORKFLOW UID"
        )
        failed = self._core.metric_runs_failed(period=_FIVE_MINUTES)
        self._define("FailedRuns", "failed-runs", failed, chosen.failed_runs, f"Runs failed. {what_to_do}")
        timed_out = self._core.metric_runs_timed_out(period=_FIVE_MINUTES)
        self._define(
            "TimedOutRuns",
            "timed-out-runs",
            timed_out,
            chosen.timed_out_runs,
            f"Runs took longer than their workflow's timeout, and were stopped. {what_to_do}",
        )
        self._define(
            "OverdueRuns",
            "overdue-runs",
            self._core.metric_overdue_runs(period=_MINUTE),
            chosen.overdue_runs,
            "Runs take longer than their workflow expects. The alerts topic has a message for each, with what it waits "
            "for. Details: orchestrator status WORKFLOW UID",
        )

    def _define_of_functions(self, chosen: MonitoringAlarms, functions: Mapping[Handler, lambda_.IFunction]) -> None:
        for handler, function in functions.items():
            id = "".join(part.capitalize() for part in handler.split("-"))  # noqa: A001
            # A refused start is an error of begin_run, and the caller receives it.
            if handler is not Handler.BEGIN_RUN:
                self._define(
                    f"{id}Errors",
                    f"errors-{handler}",
                    function.metric_errors(period=_FIVE_MINUTES),
                    chosen.function_errors,
                    f"{handler} failed. Its log has the cause. Most invocations are retried; messages that failed for "
                    "good are in a dead-letter queue: orchestrator redrive",
                )
            self._define(
                f"{id}Throttles",
                f"throttles-{handler}",
                function.metric_throttles(period=_FIVE_MINUTES),
                chosen.throttles,
                f"{handler} is throttled for longer than Step Functions retries. Raise the account's concurrent "
                "executions, or the prop reserved_concurrency; then, for runs that failed: "
                "orchestrator retry WORKFLOW UID",
                periods=_AS_LONG_AS_IT_IS_RETRIED,
            )

    def _define_of_deadlines(self, chosen: MonitoringAlarms, check_deadlines: lambda_.IFunction) -> None:
        self._define(
            "DeadlineChecks",
            "deadline-checks",
            check_deadlines.metric_invocations(period=_FIVE_MINUTES),
            1 if chosen.deadline_checks else None,
            f"{Handler.CHECK_DEADLINES} has not run for five minutes: deadlines of plugins are not enforced, and lost "
            "invocations are not repeated. See whether its EventBridge rule is disabled, the function is throttled or "
            "its reserved concurrency is 0. The first invocation after that handles all that is due",
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            missing_data=cloudwatch.TreatMissingData.BREACHING,
        )

    def _define_of_plugins(self, chosen: MonitoringAlarms) -> None:
        age = chosen.results_age
        self._define(
            "ResultsAge",
            "results-age",
            self._core.results_queue.metric_approximate_age_of_oldest_message(
                period=_MINUTE, statistic=cloudwatch.Stats.MAXIMUM
            ),
            None if age is None else whole_seconds("results_age of MonitoringAlarms", age),
            "Reports wait in the results queue (age in seconds). See whether record-result fails or is throttled: the "
            "dashboard, its log, and the prop reserved_concurrency",
            periods=3,
        )
        self._define(
            "RegistrationProblems",
            "registration-problems",
            self._core.metric_registration_problems(period=_HOUR),
            chosen.registration_problems,
            "The registry and the subscriptions differ in a way that the reconciliation cannot repair. What, and what "
            "to do: orchestrator plugins doctor",
            periods=2,
            # It is published once an hour; a late reconciliation is not a repair.
            breaching=1,
        )

    def _define(
        self,
        id: str,  # noqa: A002
        name: str,
        metric: cloudwatch.IMetric,
        threshold: int | None,
        what_to_do: str,
        *,
        periods: int = 1,
        breaching: int | None = None,
        comparison: cloudwatch.ComparisonOperator = (cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD),
        missing_data: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        if threshold is None:
            return
        deployment = self._core.deployment
        alarm = cloudwatch.Alarm(
            self,
            id,
            alarm_name=f"{deployment.prefix}-{name}",
            alarm_description=(
                f"{what_to_do} (--system {deployment.system} --stage {deployment.stage}). "
                f"See docs/operations.md, {name}."
            ),
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            datapoints_to_alarm=breaching,
            comparison_operator=comparison,
            treat_missing_data=missing_data,
        )
        self._alarms.append(alarm)
