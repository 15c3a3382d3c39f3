"""Logs each domain event as one JSON line, with its metrics in CloudWatch's embedded metric format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TextIO

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from orchestrator_runtime.contract import PLUGIN_DIMENSIONS, Metric
from orchestrator_runtime.core.happening import Happening
from orchestrator_runtime.core.journal_line import JournalLine, line_of
from orchestrator_runtime.json_text import log_line

_MILLISECONDS: Final = frozenset(
    {Metric.RUN_DURATION, Metric.STAGE_DURATION, Metric.PLUGIN_DURATION, Metric.PLUGIN_TIME_TO_START}
)


class LoggedJournal:
    """Implements ``ports.Journal`` with Powertools: JSON lines, and metrics in the embedded metric format.

    Args:
        logger: Writes lines without metrics, and errors.
        namespace: Namespace of the metrics. Default: the one that Powertools reads from the environment.
        measure_plugins: Whether each plugin has metrics of its own; if not, lines of plugins carry none.
        stream: Where lines with metrics are written. Default: standard output, which Lambda logs.
    """

    def __init__(
        self,
        logger: Logger,
        namespace: str | None = None,
        *,
        measure_plugins: bool = True,
        stream: TextIO | None = None,
    ) -> None:
        self._logger = logger
        self._namespace = namespace
        self._measure_plugins = measure_plugins
        self._stream = stream

    def tell(self, happening: Happening) -> None:
        """See ``ports.Journal``."""
        line = line_of(happening)
        if not self._measure_plugins:
            line = replace(line, dimensions=tuple(each for each in line.dimensions if each != PLUGIN_DIMENSIONS))
        if not line.dimensions:
            write = self._logger.warning if line.warns else self._logger.info
            write(line.message, extra=dict(line.keys))
        else:
            write_measures(line, self._namespace, service=self._logger.service, stream=self._stream)

    def failed(self, error: Exception, **about: str | int) -> None:
        """See ``ports.Journal``."""
        self._logger.error("failed and will be retried", exc_info=error, extra={**about})


def write_measures(
    line: JournalLine, namespace: str | None = None, *, service: str, stream: TextIO | None = None
) -> None:
    """Writes a line with metrics in the embedded metric format.

    Args:
        line: The line; it has at least one dimension set.
        namespace: Namespace of the metrics. Default: the one that Powertools reads from the environment.
        service: The handler that writes the line: a key, not a dimension.
        stream: Where the line is written. Default: standard output.
    """
    # One instance for each line, as dimensions differ between lines; an empty service is no dimension.
    metrics = AmazonCloudWatchEMFProvider(namespace=namespace, service="")
    first, *others = [_values(dimensions, line.keys) for dimensions in line.dimensions]
    for name, value in first.items():
        metrics.add_dimension(name, value)
    for values in others:
        metrics.add_dimensions(**values)
    for metric, measured in line.measures.items():
        unit = MetricUnit.Milliseconds if metric in _MILLISECONDS else MetricUnit.Count
        metrics.add_metric(metric, unit, measured)
    embedded = metrics.serialize_metric_set()
    # Keys for people come first.
    readable = {"level": "WARNING" if line.warns else "INFO", "message": line.message, "service": service, **line.keys}
    print(log_line({**readable, **embedded}), file=stream)


def _values(dimensions: tuple[str, ...], keys: Mapping[str, Any]) -> dict[str, str]:
    return {str(dimension): str(keys[dimension]) for dimension in dimensions}
