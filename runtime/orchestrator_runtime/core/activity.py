"""What an activity does next: the one decision that the whole protocol turns on.

``decide`` takes a snapshot of an activity at its current stage and returns what to do. It knows no storage, no
queue and no clock of its own, so that every interleaving of the outside world can be played against it in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.records import (
    ActivityControl,
    Dispatch,
    ExpectedPlugin,
    Outcome,
    PluginRow,
    StagePlan,
)

CLAIM_EXPIRES_AFTER: Final = timedelta(seconds=30)
"""A dispatch that was claimed and not published for so long may be claimed again: its handler has died."""
DISPATCH_AGAIN_EVERY: Final = timedelta(minutes=3)
"""How often plugins are dispatched again while SNS may not deliver to their new or changed subscription yet."""

_MOST_FAILURES_NAMED: Final = 5
"""Failures in the message of a stage; it has to fit into an item, and into a task result of Step Functions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginFailure:
    """An expected plugin that ended in an error."""

    plugin: ExpectedPlugin
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitySnapshot:
    """An activity at its current stage, at one moment.

    Attributes:
        stage: The current stage.
        plan: What the stage waits for.
        pending: Indices of expected plugins without a terminal state.
        dispatch: The last dispatch of the stage.
        failures: The plugins that ended in an error.
        reported: Pending plugins that have reported in this attempt, with the time of their start if they reported it.
        outcome: How the stage ended, if that is stored.
        finished: How the activity ended, if that is stored.
        run_ended: Whether the run has ended.
        enforce_deadlines: Whether plugins that are over their deadline become errors.
        claim_expires_after: How long a claimed dispatch may take to be published.
    """

    stage: Stage
    plan: StagePlan
    pending: frozenset[int]
    dispatch: Dispatch
    failures: tuple[PluginFailure, ...] = ()
    reported: Mapping[int, datetime | None] = field(default_factory=dict)
    outcome: Outcome | None = None
    finished: Outcome | None = None
    run_ended: bool = False
    enforce_deadlines: bool = False
    claim_expires_after: timedelta = CLAIM_EXPIRES_AFTER

    @property
    def dispatched(self) -> list[int]:
        """Indices of the pending plugins that the last dispatch, or one before it, has invoked."""
        return [i for i in sorted(self.pending) if not self.stage.is_sequential or i <= self.dispatch.ordinal]


@dataclass(frozen=True, slots=True)
class DispatchPlugins:
    """Publish a message that invokes these plugins.

    Attributes:
        ordinal: Index of the plugin; 0 on a stage that invokes all at once.
        indices: The plugins.
    """

    ordinal: int
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class MarkError:
    """Turn a plugin that is over its deadline into an error that says so."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class CloseStage:
    """Store the stage's outcome."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class NextStage:
    """Leave the stage, which is complete, for the next one with something to do; if there is none, finish."""


@dataclass(frozen=True, slots=True)
class Finish:
    """Store the activity's outcome if it is not stored, and answer its task."""

    outcome: Outcome


Action = DispatchPlugins | MarkError | CloseStage | NextStage | Finish


def decide(activity: ActivitySnapshot, now: datetime) -> list[Action]:
    """Decide what to do with an activity.

    A stored outcome is acted upon again, whoever asks: the handler that stored it may have died before it could.
    Errors for overdue plugins come alone, because what they mean for the stage follows from the rows after that.

    Args:
        activity: The activity.
        now: The core's clock.

    Returns:
        Several ``MarkError``, or one other action, or nothing: then the activity waits.
    """
    if activity.finished is not None:
        return [Finish(activity.finished)]
    if activity.run_ended:
        return []
    if activity.outcome is not None:
        return [NextStage() if activity.outcome.state is State.COMPLETE else Finish(activity.outcome)]
    if activity.enforce_deadlines and (overdue := _overdue(activity, now)):
        return list(overdue)
    outcome = _outcome(activity)
    action = CloseStage(outcome) if outcome else _dispatch(activity, now)
    return [action] if action else []


def count_rows(
    plan: StagePlan,
    rows: Mapping[str, PluginRow],
    control: ActivityControl,
    outcome: Outcome | None,
    *,
    enforce_deadlines: bool,
    claim_expires_after: timedelta = CLAIM_EXPIRES_AFTER,
) -> ActivitySnapshot:
    """Make a snapshot from the rows of the stage's plugins; a plugin without a row of this attempt is pending."""
    stage, dispatch = _opened(control)
    pending: set[int] = set()
    failures: list[PluginFailure] = []
    reported: dict[int, datetime | None] = {}
    for index, plugin in enumerate(plan.plugins):
        if plugin.kept is not None:
            continue
        row = rows.get(plugin.name)
        if row is None or row.attempt != plan.attempt or row.state is State.NOT_STARTED:
            pending.add(index)
        elif not row.state.is_terminal:
            pending.add(index)
            reported[index] = row.started_at
        elif not row.state.is_done:
            failures.append(PluginFailure(plugin=plugin, message=row.message))
    return ActivitySnapshot(
        stage=stage,
        plan=plan,
        pending=frozenset(pending),
        dispatch=dispatch,
        failures=tuple(failures),
        reported=reported,
        outcome=outcome,
        finished=control.outcome,
        run_ended=control.run_ended,
        enforce_deadlines=enforce_deadlines,
        claim_expires_after=claim_expires_after,
    )


def read_control(plan: StagePlan, control: ActivityControl) -> ActivitySnapshot:
    """Make a snapshot from the control item alone.

    A plugin leaves the pending set after its row is terminal, so that the set is never ahead of the rows: a stage
    whose pending set is empty is over. The failures' messages, and who has reported, take the rows.
    """
    stage, dispatch = _opened(control)
    return ActivitySnapshot(
        stage=stage,
        plan=plan,
        pending=control.pending,
        dispatch=dispatch,
        failures=tuple(PluginFailure(plugin=plan.plugins[index]) for index in sorted(control.failed)),
        finished=control.outcome,
        run_ended=control.run_ended,
    )


def due_after_dispatch(plan: StagePlan, indices: Collection[int], now: datetime) -> datetime:
    """The time at which the deadlines of plugins that are dispatched now have to be checked for the first time."""
    plugins = [plan.plugins[index] for index in indices]
    seconds = min(min(p.timeout_seconds, p.start_within_seconds or p.timeout_seconds) for p in plugins)
    due = now + timedelta(seconds=seconds)
    if any(plugin.settles_at is not None and plugin.settles_at > now for plugin in plugins):
        due = min(due, now + DISPATCH_AGAIN_EVERY)
    return due


def next_due(activity: ActivitySnapshot, now: datetime) -> datetime:
    """The earliest time at which something may have to be done for an activity that waits."""
    dispatch = activity.dispatch
    published_at = dispatch.published_at
    if published_at is None:
        return dispatch.claimed_at + activity.claim_expires_after
    times = []
    for index in activity.dispatched:
        times.append(_deadline(activity, index, published_at)[0])
        if index not in activity.reported:
            # It may start right after this, and its timeout counts from there.
            times.append(now + timedelta(seconds=activity.plan.plugins[index].timeout_seconds))
    if _unsettled(activity):
        times.append(published_at + DISPATCH_AGAIN_EVERY)
    return min(times, default=now + CLAIM_EXPIRES_AFTER)


def _opened(control: ActivityControl) -> tuple[Stage, Dispatch]:
    if control.stage is None or control.dispatch is None:
        raise ValueError("the activity has not opened: its run ended before that")
    return control.stage, control.dispatch


def _fatal(activity: ActivitySnapshot) -> list[PluginFailure]:
    return [f for f in activity.failures if f.plugin.mandatory or activity.plan.fail_on_optional_error]


def _outcome(activity: ActivitySnapshot) -> Outcome | None:
    if fatal := _fatal(activity):
        named = "; ".join(
            f"{f.plugin.name}: {f.message or 'reported an error without a message'}"
            for f in fatal[:_MOST_FAILURES_NAMED]
        )
        more = len(fatal) - _MOST_FAILURES_NAMED
        return Outcome(state=State.ERROR, message=f"{named}; and {more} more" if more > 0 else named)
    if not activity.pending:
        return Outcome(state=State.COMPLETE)
    return None


def _dispatch(activity: ActivitySnapshot, now: datetime) -> DispatchPlugins | None:
    last = activity.dispatch
    sequential = activity.stage.is_sequential
    ordinal = min(activity.pending) if sequential else 0
    if last.ordinal > ordinal:
        return None
    if last.ordinal < ordinal:
        return DispatchPlugins(ordinal, (ordinal,))
    unreported = tuple(i for i in activity.dispatched if i not in activity.reported)
    if last.published_at is None:
        # Whoever has reported was invoked. If everybody has, the message was published.
        indices = unreported or tuple(activity.dispatched)
        return DispatchPlugins(ordinal, indices) if now - last.claimed_at >= activity.claim_expires_after else None
    unsettled = _unsettled(activity)
    if unsettled and activity.enforce_deadlines and now - last.published_at >= DISPATCH_AGAIN_EVERY:
        return DispatchPlugins(ordinal, unsettled)
    return None


def _unsettled(activity: ActivitySnapshot) -> tuple[int, ...]:
    """Dispatched plugins without a row whose subscription may not have received the last message."""
    published_at = activity.dispatch.published_at
    return tuple(
        index
        for index in activity.dispatched
        if index not in activity.reported
        and published_at is not None
        and (settles_at := activity.plan.plugins[index].settles_at) is not None
        and settles_at > published_at
    )


def _overdue(activity: ActivitySnapshot, now: datetime) -> list[MarkError]:
    # A claim that was not confirmed may not have been published. It is claimed again, and no clock runs until then.
    published_at = activity.dispatch.published_at
    if published_at is None:
        return []
    errors: list[MarkError] = []
    for index in activity.dispatched:
        due, what = _deadline(activity, index, published_at)
        if due <= now:
            errors.append(MarkError(index, what))
    return errors


def _deadline(activity: ActivitySnapshot, index: int, published_at: datetime) -> tuple[datetime, str]:
    """When a dispatched plugin is overdue, and the reason in words."""
    plugin = activity.plan.plugins[index]
    started = activity.reported.get(index)
    since = started or max(published_at, plugin.settles_at or published_at)
    if started is None and plugin.start_within_seconds is not None:
        limit, what = plugin.start_within_seconds, "did not report a start"
    else:
        limit, what = plugin.timeout_seconds, "did not finish"
    verb = "started" if started else "dispatched"
    return since + timedelta(seconds=limit), f"{what} within {limit} s; {verb} at {since:%Y-%m-%dT%H:%M:%SZ}"
