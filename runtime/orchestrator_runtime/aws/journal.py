"""One log line for each thing that happened, and a count of what was refused."""

from __future__ import annotations

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit


class LoggedJournal:
    """Implements ``ports.Journal`` with Powertools: JSON lines, and metrics in the embedded format."""

    def __init__(self, logger: Logger, metrics: Metrics) -> None:
        self._logger = logger
        self._metrics = metrics

    def refused(self, reason: str, detail: str, **about: str | int) -> None:
        """See ``ports.Journal``."""
        self._logger.warning("report refused", extra={"reason": reason, "detail": detail, **about})
        self._metrics.add_metric(name="RefusedReports", unit=MetricUnit.Count, value=1)

    def failed(self, error: Exception, **about: str | int) -> None:
        """See ``ports.Journal``."""
        self._logger.error("report to be tried again", exc_info=error, extra={**about})

    def publish(self) -> None:
        """Write the metrics that were counted, if any were."""
        if self._metrics.metric_set:
            self._metrics.flush_metrics()
