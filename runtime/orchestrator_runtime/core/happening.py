"""Domain events: what happens to runs, stages and plugins. The handler that causes an event logs it once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from orchestrator_runtime.contract import Ending, State
from orchestrator_runtime.core.records import Dispatch, PluginRow, RunRef, StagePlan, StageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """An attempt of a run started."""

    ref: RunRef
    execution: str

    @property
    def resumed(self) -> bool:
        """Whether it resumes an earlier attempt."""
        return self.ref.attempt > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """An attempt of a run ended."""

    ref: RunRef
    ending: Ending
    took: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginsDispatched:
    """The message that invokes plugins of a stage was published.

    Attributes:
        ref: The stage.
        plugins: Names of the plugins.
        expected: Number of plugins that the stage expects, including these.
    """

    ref: StageRef
    plugins: tuple[str, ...]
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginUnreachable:
    """SNS cannot invoke a plugin: its filter policy names metadata keys that do not travel as message attributes.

    Only a subscription that no construct made has such a filter policy.

    Attributes:
        ref: The stage.
        plugin: Name of the plugin.
        detail: The keys and what to do, as a sentence.
    """

    ref: StageRef
    plugin: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageClosed:
    """A stage closed."""

    ref: StageRef
    state: State
    took: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginEnded:
    """A plugin's row became terminal, by its report or because its deadline passed.

    Attributes:
        ref: The stage.
        plugin: Name of the plugin.
        state: Its terminal state.
        took: Time since its start, or since its dispatch if it reported no start; ``None`` if neither is known.
        to_start: Time from its dispatch to its start; ``None`` if either is unknown.
    """

    ref: StageRef
    plugin: str
    state: State
    took: timedelta | None = None
    to_start: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRefused:
    """A plugin's report was refused, or several alike that came together.

    Attributes:
        reason: One word.
        detail: One sentence for people.
        about: The run, stage and plugin that the report names; none of its content.
        expected: Whether the stage expects the plugin. Only then is its name one of few, and fit for a metric.
        count: How many were refused.
    """

    reason: str
    detail: str
    about: Mapping[str, str | int] = field(default_factory=dict)
    expected: bool = False
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """The registry was compared with the subscriptions of SNS.

    Attributes:
        checked: Number of subscriptions compared.
        repairs: Number of repairs made.
        problems: Number of problems that people have to solve.
        whole: Whether every stage was compared and every possible repair was made.
    """

    checked: int
    repairs: int
    problems: int
    whole: bool


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """An event for a custom resource did not come from CloudFormation, and nobody was answered.

    Attributes:
        reason: Why; never the response URL, whose signature is a secret.
        stack_id: The stack that the event names, if the rest of it is well formed.
    """

    reason: str
    stack_id: str = ""


Happening = (
    RunStarted
    | RunEnded
    | PluginsDispatched
    | PluginUnreachable
    | StageClosed
    | PluginEnded
    | ReportRefused
    | Reconciled
    | RequestRefused
)

_NO_TIME: Final = timedelta()


def plugin_ended(ref: StageRef, row: PluginRow, plan: StagePlan, dispatch: Dispatch | None) -> PluginEnded:
    """Makes the event that a plugin ended, with its durations from its row and the stage's last dispatch."""
    ended = row.ended_at or row.updated_at
    dispatched = _dispatched_at(ref, row.name, plan, dispatch)
    since = row.started_at or dispatched
    return PluginEnded(
        ref=ref,
        plugin=row.name,
        state=row.state,
        took=max(ended - since, _NO_TIME) if ended and since else None,
        to_start=max(row.started_at - dispatched, _NO_TIME) if row.started_at and dispatched else None,
    )


def _dispatched_at(ref: StageRef, name: str, plan: StagePlan, dispatch: Dispatch | None) -> datetime | None:
    if dispatch is None or (index := plan.index_of(name)) is None:
        return None
    if ref.stage.is_sequential and index != dispatch.ordinal:
        # The last dispatch is another plugin's.
        return None
    return dispatch.published_at or dispatch.claimed_at
