"""Search expressions of the dashboard, which find workflows and plugins of any app."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from orchestrator_runtime.contract import Dimension, Metric
from orchestrator_runtime.deployment import Deployment

FIVE_MINUTES: Final = Duration.minutes(5)
_MOST_DRAWN: Final = 10

Dimensions = tuple[Dimension, ...]


def search(deployment: Deployment, metric: Metric, dimensions: Dimensions, statistic: str) -> str:
    """Write the search for all metrics of a name that have just these dimensions, as CloudWatch reads it.

    It finds what was written within the last two weeks.
    """
    schema = ",".join([f'"{deployment.prefix}"', *dimensions])
    return f"SEARCH('{{{schema}}} MetricName=\"{metric}\"', '{statistic}')"


def each(
    deployment: Deployment,
    metric: Metric,
    dimensions: Dimensions,
    statistic: str,
    *,
    period: Duration = FIVE_MINUTES,
) -> cloudwatch.MathExpression:
    """One line for each workflow, stage or plugin, labelled with its names."""
    return _drawn(search(deployment, metric, dimensions, statistic), dimensions, period)


def most(
    deployment: Deployment,
    metric: Metric,
    dimensions: Dimensions,
    statistic: str,
    *,
    by: str = "MAX",
    period: Duration = FIVE_MINUTES,
) -> cloudwatch.MathExpression:
    """As ``each``, for the ten that have most; ``by`` is the function of CloudWatch to sort by."""
    found = search(deployment, metric, dimensions, statistic)
    return _drawn(f"SORT({found}, {by}, DESC, {_MOST_DRAWN})", dimensions, period)


def _drawn(expression: str, dimensions: Dimensions, period: Duration) -> cloudwatch.MathExpression:
    label = " ".join(f"${{PROP('Dim.{dimension}')}}" for dimension in dimensions)
    return cloudwatch.MathExpression(expression=expression, using_metrics={}, label=label, period=period)
