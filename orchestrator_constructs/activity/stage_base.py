"""What every stage has, defined here or imported, because it follows from its names."""

from __future__ import annotations

from typing import Unpack

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from orchestrator_constructs.interfaces import IOrchestratorCore
from orchestrator_constructs.metrics import MetricProps, StageMetrics, measured
from orchestrator_constructs.validation import check_name
from orchestrator_runtime.contract import Dimension, Metric, Stage


class StageBase(StageMetrics, Construct):
    """Where a stage belongs. Each kind of stage finds its topic in a way of its own."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        core: IOrchestratorCore,
        activity_name: str,
        position: Stage,
    ) -> None:
        super().__init__(scope, id)
        self._core = core
        self._activity_name = activity_name
        self._position = position

    @property
    def core(self) -> IOrchestratorCore:
        """The core that the activity belongs to."""
        return self._core

    @property
    def activity_name(self) -> str:
        """The activity's name."""
        return self._activity_name

    @property
    def position(self) -> Stage:
        """``pre``, ``parallel`` or ``post``."""
        return self._position

    def _measured(self, metric: Metric, plugin: str | None = None, **props: Unpack[MetricProps]) -> cloudwatch.Metric:
        dimensions = {Dimension.ACTIVITY: self._activity_name, Dimension.STAGE: self._position.value}
        if plugin is not None:
            check_name("plugin", plugin)
            dimensions[Dimension.PLUGIN] = plugin
        return measured(self, metric, self._core.deployment, dimensions, **props)
