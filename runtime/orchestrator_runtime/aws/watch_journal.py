"""Logs one JSON line with metrics for each workflow and for all together, and one line for each alert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from aws_lambda_powertools import Logger

from orchestrator_runtime.aws.journal import write_measures
from orchestrator_runtime.contract import RUN_DIMENSIONS, Dimension, Metric
from orchestrator_runtime.core.alert import Alert
from orchestrator_runtime.core.journal_line import JournalLine
from orchestrator_runtime.core.records import RunRef


class LoggedWatch:
    """Implements ``watch_ports.WatchJournal`` with Powertools: JSON lines, and metrics in the embedded metric format.

    Args:
        logger: Writes lines without metrics.
        namespace: Namespace of the metrics. Default: the one that Powertools reads from the environment.
        stream: Where lines with metrics are written. Default: standard output, which Lambda logs.
    """

    def __init__(self, logger: Logger, namespace: str | None = None, *, stream: TextIO | None = None) -> None:
        self._logger = logger
        self._namespace = namespace
        self._stream = stream

    def measured(self, workflow: str | None, counts: Mapping[Metric, int]) -> None:
        """See ``watch_ports.WatchJournal``."""
        line = JournalLine(
            message="runs in progress",
            keys={} if workflow is None else {Dimension.WORKFLOW: workflow},
            measures=counts,
            dimensions=((),) if workflow is None else (RUN_DIMENSIONS,),
        )
        write_measures(line, self._namespace, service=self._logger.service, stream=self._stream)

    def published(self, alert: Alert, ref: RunRef) -> None:
        """See ``watch_ports.WatchJournal``."""
        self._logger.info("alert published", extra={"kind": alert.kind.value, **ref.as_document()})

    def failed(self, error: Exception, **about: str) -> None:
        """See ``watch_ports.WatchJournal``."""
        self._logger.error("runs could not be watched", exc_info=error, extra={**about})
