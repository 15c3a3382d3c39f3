"""How a happening is told: one line, with what is counted and measured by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from orchestrator_runtime.contract import (
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
    PluginStartedAgain,
    Reconciled,
    ReportRefused,
    RunEnded,
    RunStarted,
    StageClosed,
    StageReleased,
    StageWaits,
)

DimensionSet = tuple[Dimension, ...]

_MOST_NAMED: Final = 5
"""Plugins by name in one line; a stage may have hundreds."""
_OF_ALL: Final[DimensionSet] = ()
_RUN: Final = (_OF_ALL, RUN_DIMENSIONS)
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
        message: What happened; the same text each time.
        keys: To whom.
        warns: Whether it is something that should not be.
        measures: What is counted or measured by it; durations are milliseconds.
        dimensions: By which of the keys, one set of them for each metric that is made.
    """

    message: str
    keys: Mapping[str, Any]
    warns: bool = False
    measures: Mapping[Metric, float] = field(default_factory=dict)
    dimensions: tuple[DimensionSet, ...] = ()


def line_of(happening: Happening) -> JournalLine:
    """Tell a happening in a line."""
    match happening:
        case RunStarted() | RunEnded():
            return _of_run(happening)
        case PluginEnded() | PluginStartedAgain():
            return _of_plugin(happening)
        case ReportRefused():
            return _of_report(happening)
        case Reconciled():
            return _of_registry(happening)
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


def _of_stage(happening: StageReleased | StageWaits | StageClosed) -> JournalLine:
    ref = happening.ref
    match happening:
        case StageReleased(plugins=plugins, expected=expected):
            # Of all at once the names are in the plan; of some, they are what the line is read for.
            named = {"plugins": plugins[:_MOST_NAMED]} if len(plugins) < expected else {}
            keys = {**ref.about, "released": len(plugins), "expected": expected, **named}
            return JournalLine(message="stage released", keys=keys)
        case StageWaits(open=still_open):
            return JournalLine(
                message=LogMessage.STAGE_WAITS,
                keys={**ref.about, "open": len(still_open), "plugins": still_open[:_MOST_NAMED]},
                measures={Metric.STAGE_WAITS: 1},
                dimensions=_STAGE,
            )
        case StageClosed(state=state, took=took):
            return JournalLine(
                warns=state is not State.COMPLETE,
                message="stage closed",
                keys={**ref.about, "state": state.value},
                measures={Metric.STAGE_DURATION: _milliseconds(took)},
                dimensions=_STAGE,
            )


def _of_plugin(happening: PluginEnded | PluginStartedAgain) -> JournalLine:
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
        case PluginStartedAgain(times=times):
            return JournalLine(
                warns=True,
                message="plugin started again",
                keys=keys,
                measures={Metric.PLUGIN_RETRIES: times},
                dimensions=_PLUGIN,
            )


def _of_report(refused: ReportRefused) -> JournalLine:
    return JournalLine(
        warns=True,
        message=LogMessage.REPORT_REFUSED,
        keys={**refused.about, "reason": refused.reason, "detail": refused.detail},
        measures={Metric.REFUSED_REPORTS: 1},
        dimensions=(_OF_ALL, PLUGIN_DIMENSIONS) if refused.expected else (_OF_ALL,),
    )


def _of_registry(reconciled: Reconciled) -> JournalLine:
    keys = {"checked": reconciled.checked, "repairs": reconciled.repairs, "problems": reconciled.problems}
    if not reconciled.whole:
        # It says nothing of how many problems there are in all.
        return JournalLine(message="reconciled", keys=keys)
    return JournalLine(
        warns=reconciled.problems > 0,
        message="reconciled",
        keys=keys,
        measures={Metric.REGISTRATION_PROBLEMS: reconciled.problems},
        dimensions=(_OF_ALL,),
    )


def _milliseconds(took: timedelta) -> int:
    return round(took.total_seconds() * 1000)
