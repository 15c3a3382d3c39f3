"""The dashboard of a deployment: whether runs go well, and if not, whose fault it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from orchestrator_constructs.core.core import OrchestratorCore
from orchestrator_constructs.monitoring.cost import HOUR, INCLUDED, estimates
from orchestrator_constructs.monitoring.expressions import FIVE_MINUTES, each, most
from orchestrator_runtime.contract import (
    PLUGIN_DIMENSIONS,
    RUN_DIMENSIONS,
    STAGE_DIMENSIONS,
    DeadLetters,
    Handler,
    Metric,
)

_COLUMNS: Final = 24
_THIRD: Final = _COLUMNS // 3
_HALF: Final = _COLUMNS // 2
_DAY: Final = Duration.days(1)
_MAXIMUM: Final = cloudwatch.Stats.MAXIMUM
_SUM: Final = cloudwatch.Stats.SUM
_P50, _P90, _P99 = (cloudwatch.Stats.percentile(part) for part in (50, 90, 99))
_MILLISECONDS: Final = cloudwatch.YAxisProps(label="milliseconds", min=0, show_units=False)
_COUNT: Final = cloudwatch.YAxisProps(label="count", min=0, show_units=False)


class SystemDashboard(Construct):
    """Defines the dashboard ``{system}-{stage}``."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        core: OrchestratorCore,
        functions: Mapping[Handler, lambda_.IFunction],
        alarms: Sequence[cloudwatch.IAlarm],
    ) -> None:
        """Define the dashboard.

        Args:
            scope: The monitoring.
            id: The construct's id in its scope.
            core: The core that is watched.
            functions: Its functions, and the one that watches.
            alarms: All that there are.
        """
        super().__init__(scope, id)
        self._core = core
        self._functions = functions
        self._dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=core.deployment.prefix,
            default_interval=Duration.hours(12),
            period_override=cloudwatch.PeriodOverride.INHERIT,
        )
        self._dashboard.add_widgets(cloudwatch.TextWidget(markdown=self._what_to_do(), width=_COLUMNS, height=3))
        if alarms:
            self._dashboard.add_widgets(
                cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=_COLUMNS, height=5)
            )
        for row in (
            self._now(),
            *self._runs(),
            *self._stages_and_plugins(),
            *self._functions_rows(),
            self._cost(),
        ):
            self._dashboard.add_widgets(*row)

    def _what_to_do(self) -> str:
        deployment = self._core.deployment
        options = f"--system {deployment.system} --stage {deployment.stage}"
        return (
            f"# {deployment.prefix}\n"
            f"A run that failed or is overdue: `orchestrator status WORKFLOW UID {options}`, then "
            f"`orchestrator retry WORKFLOW UID {options}`. "
            f"Dead letters: `orchestrator redrive {options}`. "
            f"Registrations: `orchestrator plugins doctor {options}`.\n\n"
            f"Which runs: [Logs Insights](#logsV2:logs-insights), saved queries, folder `{deployment.prefix}`. "
            "What each alarm means, and what to do: `docs/operations.md`."
        )

    def _now(self) -> list[cloudwatch.IWidget]:
        core = self._core
        return [
            cloudwatch.SingleValueWidget(
                title="Now",
                metrics=[
                    core.metric_active_runs(label="runs in progress"),
                    core.metric_overdue_runs(label="overdue"),
                    core.metric_registration_problems(period=Duration.hours(1), label="registration problems"),
                ],
                width=_HALF,
                height=3,
            ),
            cloudwatch.SingleValueWidget(
                title="In a day",
                metrics=[
                    core.metric_runs_started(period=_DAY, label="started"),
                    core.metric_runs_completed(period=_DAY, label="completed"),
                    core.metric_runs_failed(period=_DAY, label="failed"),
                ],
                width=_HALF,
                height=3,
            ),
        ]

    def _runs(self) -> list[list[cloudwatch.IWidget]]:
        core, deployment = self._core, self._core.deployment
        ends = [
            core.metric_runs_completed(label="completed"),
            core.metric_runs_failed(label="failed"),
            core.metric_runs_timed_out(label="timed out"),
            core.metric_runs_cancelled(label="cancelled"),
            core.metric_runs_stopped(label="stopped"),
        ]
        begins = [core.metric_runs_started(label="started"), core.metric_runs_resumed(label="resumed")]
        return [
            [
                _graph("Runs in progress", [each(deployment, Metric.ACTIVE_RUNS, RUN_DIMENSIONS, _MAXIMUM)]),
                _graph("Overdue runs", [each(deployment, Metric.OVERDUE_RUNS, RUN_DIMENSIONS, _MAXIMUM)]),
                _graph("Runs that began and ended", [*begins, *ends]),
            ],
            [
                _graph("Runs started", [each(deployment, Metric.RUNS_STARTED, RUN_DIMENSIONS, _SUM)]),
                _graph("Runs completed", [each(deployment, Metric.RUNS_COMPLETED, RUN_DIMENSIONS, _SUM)]),
                _graph("Runs failed", [each(deployment, Metric.RUNS_FAILED, RUN_DIMENSIONS, _SUM)]),
            ],
            [
                _graph(
                    f"Duration of runs, {statistic}",
                    [each(deployment, Metric.RUN_DURATION, RUN_DIMENSIONS, statistic)],
                    axis=_MILLISECONDS,
                )
                for statistic in (_P50, _P90, _P99)
            ],
        ]

    def _stages_and_plugins(self) -> list[list[cloudwatch.IWidget]]:
        core, deployment = self._core, self._core.deployment

        def top(metric: Metric, statistic: str, by: str) -> list[cloudwatch.IMetric]:
            return [most(deployment, metric, PLUGIN_DIMENSIONS, statistic, by=by)]

        queue = core.results_queue
        return [
            [
                _wide(
                    "Duration of stages, p90: the ten longest",
                    [most(deployment, Metric.STAGE_DURATION, STAGE_DIMENSIONS, _P90)],
                    axis=_MILLISECONDS,
                ),
                _wide(
                    "Time of plugins to start, p90", top(Metric.PLUGIN_TIME_TO_START, _P90, "MAX"), axis=_MILLISECONDS
                ),
            ],
            [
                _wide("Slowest plugins, p90", top(Metric.PLUGIN_DURATION, _P90, "MAX"), axis=_MILLISECONDS),
                _wide("Most failing plugins", top(Metric.PLUGIN_ERRORS, _SUM, "SUM")),
            ],
            [
                _wide(
                    "Refused reports",
                    [core.metric_refused_reports(label="all"), *top(Metric.REFUSED_REPORTS, _SUM, "SUM")],
                ),
                _wide(
                    "Results queue",
                    [
                        queue.metric_approximate_number_of_messages_visible(label="waiting", statistic=_MAXIMUM),
                        queue.metric_approximate_number_of_messages_not_visible(
                            label="being recorded", statistic=_MAXIMUM
                        ),
                    ],
                    right=[queue.metric_approximate_age_of_oldest_message(label="age", statistic=_MAXIMUM)],
                ),
            ],
        ]

    def _functions_rows(self) -> list[list[cloudwatch.IWidget]]:
        dead, functions = self._core.parts.dead_letters, self._functions.items()
        return [
            [
                _wide(
                    "Dead letters",
                    [
                        dead.of(kind).metric_approximate_number_of_messages_visible(
                            label=kind.value, statistic=_MAXIMUM
                        )
                        for kind in DeadLetters
                    ],
                ),
                _wide(
                    "Functions: duration, p99",
                    [function.metric_duration(label=name.value, statistic=_P99) for name, function in functions],
                    axis=_MILLISECONDS,
                ),
            ],
            [
                _wide("Functions: errors", [function.metric_errors(label=name.value) for name, function in functions]),
                _wide(
                    "Functions: throttles",
                    [function.metric_throttles(label=name.value) for name, function in functions],
                ),
            ],
        ]

    def _cost(self) -> list[cloudwatch.IWidget]:
        return [
            cloudwatch.GraphWidget(
                title="Cost of the core, an estimate",
                left=estimates(self._core, self._functions),
                left_y_axis=cloudwatch.YAxisProps(label="dollars an hour", min=0, show_units=False),
                width=2 * _THIRD,
                height=7,
                stacked=True,
                period=HOUR,
            ),
            cloudwatch.TextWidget(markdown=INCLUDED, width=_THIRD, height=7),
        ]


def _graph(
    title: str,
    metrics: Sequence[cloudwatch.IMetric],
    *,
    axis: cloudwatch.YAxisProps = _COUNT,
    right: Sequence[cloudwatch.IMetric] = (),
    width: int = _THIRD,
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        left=list(metrics),
        left_y_axis=axis,
        right=list(right),
        right_y_axis=cloudwatch.YAxisProps(label="seconds", min=0, show_units=False) if right else None,
        width=width,
        height=6,
        period=FIVE_MINUTES,
    )


def _wide(
    title: str,
    metrics: Sequence[cloudwatch.IMetric],
    *,
    axis: cloudwatch.YAxisProps = _COUNT,
    right: Sequence[cloudwatch.IMetric] = (),
) -> cloudwatch.GraphWidget:
    return _graph(title, metrics, axis=axis, right=right, width=_HALF)
