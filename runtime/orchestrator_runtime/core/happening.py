"""What happens to runs, stages and plugins and is worth a line in a log: told once, by whoever made it happen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from orchestrator_runtime.contract import Ending, ReleaseRule, State
from orchestrator_runtime.core.records import PluginRow, Release, RunRef, StagePlan, StageRef


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run began; resumed, if an earlier attempt of it was there."""

    ref: RunRef
    execution: str

    @property
    def resumed(self) -> bool:
        """Whether it is not the first attempt."""
        return self.ref.attempt > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """An attempt of a run came to its end, in one way or another."""

    ref: RunRef
    ending: Ending
    took: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReleased:
    """Plugins were called.

    Attributes:
        ref: The stage.
        plugins: Their names.
        expected: How many the stage waits for, these among them.
    """

    ref: StageRef
    plugins: tuple[str, ...]
    expected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageWaits:
    """A stage was counted again, and there was nothing to do but wait for these."""

    ref: StageRef
    open: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageClosed:
    """A stage came to its end."""

    ref: StageRef
    state: State
    took: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginEnded:
    """A plugin's row became terminal, by its own report or because it was over its deadline.

    Attributes:
        ref: The stage.
        plugin: Its name.
        state: Its state.
        took: From its start, or from its release where it reported none; ``None`` where neither is known.
        to_start: From its release to its start; ``None`` where either is not known.
    """

    ref: StageRef
    plugin: str
    state: State
    took: timedelta | None = None
    to_start: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginStartedAgain:
    """A plugin reported that it started, and had done so before in this attempt."""

    ref: StageRef
    plugin: str
    times: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRefused:
    """A report was not taken over.

    Attributes:
        reason: In one word.
        detail: In a sentence, for people.
        about: Whose it says that it is; never what it says.
        expected: Whether the plugin is one that the stage waits for: only then its name is known to be one of few.
    """

    reason: str
    detail: str
    about: Mapping[str, str | int] = field(default_factory=dict)
    expected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """The registry was compared with what is subscribed.

    Attributes:
        checked: How many subscriptions were looked at.
        repairs: How much was repaired.
        problems: How much only people can put right.
        whole: Whether every stage was looked at, and all was repaired that could be.
    """

    checked: int
    repairs: int
    problems: int
    whole: bool


Happening = (
    RunStarted
    | RunEnded
    | StageReleased
    | StageWaits
    | StageClosed
    | PluginEnded
    | PluginStartedAgain
    | ReportRefused
    | Reconciled
)

_NO_TIME: Final = timedelta()


def plugin_ended(ref: StageRef, row: PluginRow, plan: StagePlan, release: Release | None) -> PluginEnded:
    """Tell that a plugin has ended, and how long it took, from its row and the stage's last release."""
    ended = row.ended_at or row.updated_at
    released = _released_at(row.name, plan, release)
    since = row.started_at or released
    return PluginEnded(
        ref=ref,
        plugin=row.name,
        state=row.state,
        took=max(ended - since, _NO_TIME) if ended and since else None,
        to_start=max(row.started_at - released, _NO_TIME) if row.started_at and released else None,
    )


def _released_at(name: str, plan: StagePlan, release: Release | None) -> datetime | None:
    if release is None or (index := plan.index_of(name)) is None:
        return None
    if plan.rule is ReleaseRule.ONE_AT_A_TIME and index != release.ordinal:
        # Another has been released since.
        return None
    return release.confirmed_at or release.claimed_at
