"""The log line of each domain event, with the metrics that the line carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from orchestrator_runtime.contract import (
    MAX_TEXT,
    PLUGIN_DIMENSIONS,
    RUN_DIMENSIONS,
    STAGE_DIMENSIONS,
    Dimension,
    Ending,
    LogMessage,
    Metric,
    State,
)
from orchestrator_runtime.core.happening import (
    Happening,
    PluginEnded,
    PluginsDispatched,
    PluginUnreachable,
    Reconciled,
    ReportRefused,
    RequestRefused,
    RunEnded,
    RunStarted,
    StageClosed,
)
from orchestrator_runtime.foreign_text import shown

DimensionSet = tuple[Dimension, ...]

_MOST_NAMED: Final = 5
"""Plugin names in one line; a stage may have hundreds of plugins."""
_NONE: Final[DimensionSet] = ()
_RUN: Final = (_NONE, RUN_DIMENSIONS)
_STAGE: Final = (STAGE_DIMENSIONS,)
_PLUGIN: Final = (PLUGIN_DIMENSIONS,)
_COUNTED_AS: Final = {
    Ending.COMPLETED: Metric.RUNS_COMPLETED,
    Ending.FAILED: Metric.RUNS_FAILED,
    Ending.CANCELLED: Metric.RUNS_CANCELLED,
    Ending.STOPPED: Metric.RUNS_STOPPED,
    Ending.TIMED_OUT: Metric.RUNS_TIMED_OUT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLine:
    """One line of a log.

    Attributes:
        message: The event; a constant text.
        keys: Identify the run, stage or plugin.
        warns: Whether the level is ``WARNING``.
        measures: Values of the metrics; durations are milliseconds.
        dimensions: Dimension sets of each metric, made of ``keys``. Empty: the line carries no metric.
    """

    message: str
    keys: Mapping[str, Any]
    warns: bool = False
    measures: Mapping[Metric, float] = field(default_factory=dict)
    dimensions: tuple[DimensionSet, ...] = ()


def line_of(happening: Happening) -> JournalLine:
    """Makes the log line of an event."""
    match happening:
        case RunStarted() | RunEnded():
            return _of_run(happening)
        case PluginEnded() | PluginUnreachable():
            return _of_plugin(happening)
        case ReportRefused():
            return _of_report(happening)
        case Reconciled():
            return _of_registry(happening)
        case RequestRefused():
            return _of_request(happening)
        case _:
            return _of_stage(happening)


def _of_run(happening: RunStarted | RunEnded) -> JournalLine:
    match happening:
        case RunStarted(ref=ref, execution=execution, resumed=resumed):
            return JournalLine(
                message="run resumed" if resumed else "run started",
                keys={**ref.as_document(), "execution": execution},
                measures={Metric.RUNS_RESUMED if resumed else Metric.RUNS_STARTED: 1},
                dimensions=_RUN,
            )
        case RunEnded(ref=ref, ending=ending, took=took):
            return JournalLine(
                warns=ending is not Ending.COMPLETED,
                message=LogMessage.RUN_ENDED,
                keys={**ref.as_document(), "ending": ending.value},
                measures={_COUNTED_AS[ending]: 1, Metric.RUN_DURATION: _milliseconds(took)},
                dimensions=_RUN,
            )


def _of_stage(happening: PluginsDispatched | StageClosed) -> JournalLine:
    ref = happening.ref
    match happening:
        case PluginsDispatched(plugins=plugins, expected=expected):
            # The plan has the names of all plugins. A dispatch of some of them names those.
            named = {"plugins": plugins[:_MOST_NAMED]} if len(plugins) < expected else {}
            keys = {**ref.about, "dispatched": len(plugins), "expected": expected, **named}
            return JournalLine(message="plugins dispatched", keys=keys)
        case StageClosed(state=state, took=took):
            return JournalLine(
                warns=state is not State.COMPLETE,
                message="stage closed",
                keys={**ref.about, "state": state.value},
                measures={Metric.STAGE_DURATION: _milliseconds(took)},
                dimensions=_STAGE,
            )


def _of_plugin(happening: PluginEnded | PluginUnreachable) -> JournalLine:
    keys = {**happening.ref.about, "plugin": happening.plugin}
    match happening:
        case PluginEnded(state=state, took=took, to_start=to_start):
            durations = {Metric.PLUGIN_DURATION: took, Metric.PLUGIN_TIME_TO_START: to_start}
            return JournalLine(
                warns=not state.is_done,
                message=LogMessage.PLUGIN_ENDED,
                keys={**keys, "state": state.value},
                measures={
                    Metric.PLUGIN_ERRORS: int(not state.is_done),
                    **{metric: _milliseconds(length) for metric, length in durations.items() if length is not None},
                },
                dimensions=_PLUGIN,
            )
        case PluginUnreachable(detail=detail):
            return JournalLine(
                warns=True, message="plugin cannot be invoked", keys={**keys, "detail": shown(detail, MAX_TEXT)}
            )


def _of_report(refused: ReportRefused) -> JournalLine:
    return JournalLine(
        warns=True,
        message=LogMessage.REPORT_REFUSED,
        keys={**refused.about, "reason": refused.reason, "detail": shown(refused.detail, MAX_TEXT)},
        measures={Metric.REFUSED_REPORTS: refused.count},
        dimensions=(_NONE, PLUGIN_DIMENSIONS) if refused.expected else (_NONE,),
    )


def _of_registry(reconciled: Reconciled) -> JournalLine:
    keys = {"checked": reconciled.checked, "repairs": reconciled.repairs, "problems": reconciled.problems}
    if not reconciled.whole:
        # The number of problems is known in part only, so it is no metric.
        return JournalLine(message="reconciled", keys=keys)
    return JournalLine(
        warns=reconciled.problems > 0,
        message="reconciled",
        keys=keys,
        measures={Metric.REGISTRATION_PROBLEMS: reconciled.problems},
        dimensions=(_NONE,),
    )


def _of_request(refused: RequestRefused) -> JournalLine:
    keys = {"stack_id": refused.stack_id} if refused.stack_id else {}
    return JournalLine(
        warns=True,
        message="request refused",
        keys={**keys, "reason": refused.reason},
        measures={Metric.REFUSED_REQUESTS: 1},
        dimensions=(_NONE,),
    )


def _milliseconds(took: timedelta) -> int:
    return round(took.total_seconds() * 1000)
