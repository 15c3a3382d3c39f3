"""What a stage does next: the one decision that the whole protocol turns on.

``decide`` sees a stage as it stands and says what to do. It knows no storage, no
queue and no clock of its own, so every interleaving of the outside world can be
played against it in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from orchestrator_runtime.contract import ReleaseRule, State
from orchestrator_runtime.core.records import Control, ExpectedPlugin, Outcome, PluginRow, Release, StagePlan

CLAIM_EXPIRES_AFTER: Final = timedelta(seconds=30)
"""A claim that was not confirmed for so long belongs to a handler that died; it may be claimed again."""


_MOST_FAILURES_TOLD: Final = 5
"""By name, in a stage's message; it has to fit into an item, and into what Step Functions passes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An expected plugin that ended in an error."""

    plugin: ExpectedPlugin
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSnapshot:
    """A stage as it stands at one moment.

    Attributes:
        plan: What the stage waits for.
        open: Indices of expected plugins without a terminal state.
        failures: Those that ended in an error.
        started_at: When those that reported a start did so, by index.
        release: How far the stage has released.
        outcome: How it ended, if that is written already.
        run_ended: Whether the run is over or another attempt of it has begun.
        enforce_deadlines: Whether a plugin over its deadline is to be turned into an error here.
    """

    plan: StagePlan
    open: frozenset[int]
    failures: tuple[Failure, ...] = ()
    started_at: Mapping[int, datetime] = field(default_factory=dict)
    release: Release | None = None
    outcome: Outcome | None = None
    run_ended: bool = False
    enforce_deadlines: bool = False


@dataclass(frozen=True, slots=True)
class ReleasePlugins:
    """Publish these plugins' names to the stage's topic."""

    ordinal: int
    plugins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MarkError:
    """Turn a plugin that is over its deadline into an error that says so."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Close:
    """Write the stage's outcome, if none is written, and signal it to the state machine."""

    outcome: Outcome


Action = ReleasePlugins | MarkError | Close


def decide(stage: StageSnapshot, now: datetime) -> list[Action]:
    """Say what is to be done for a stage.

    A written outcome is signalled again whoever asks: the handler that wrote it may
    have died before it could. Errors for overdue plugins come alone, because what
    they mean for the stage has to be decided from the rows as they are after that.

    Args:
        stage: The stage as it stands.
        now: The core's clock.

    Returns:
        Several ``MarkError``, or one ``Close``, or one ``ReleasePlugins``, or nothing: then the stage waits.
    """
    if stage.outcome is not None:
        return [Close(stage.outcome)]
    if stage.run_ended:
        return []
    if stage.enforce_deadlines and (overdue := _overdue(stage, now)):
        return list(overdue)
    if outcome := _outcome(stage):
        return [Close(outcome)]
    if release := _release(stage, now):
        return [release]
    return []


def count_rows(
    plan: StagePlan,
    rows: Mapping[str, PluginRow],
    control: Control,
    outcome: Outcome | None,
    *,
    enforce_deadlines: bool,
) -> StageSnapshot:
    """Count a stage from its plugins' rows; a plugin without a row of this attempt is not started."""
    still_open: set[int] = set()
    failures: list[Failure] = []
    started_at: dict[int, datetime] = {}
    for index, plugin in enumerate(plan.plugins):
        if plugin.kept is not None:
            continue
        row = rows.get(plugin.name)
        if row is None or row.attempt != plan.attempt:
            still_open.add(index)
            continue
        if not row.state.is_terminal:
            still_open.add(index)
            if row.started_at is not None:
                started_at[index] = row.started_at
        elif not row.state.is_done:
            failures.append(Failure(plugin=plugin, message=row.message))
    return StageSnapshot(
        plan=plan,
        open=frozenset(still_open),
        failures=tuple(failures),
        started_at=started_at,
        release=control.release,
        outcome=outcome,
        run_ended=control.ended,
        enforce_deadlines=enforce_deadlines,
    )


def read_tally(plan: StagePlan, control: Control) -> StageSnapshot:
    """See a stage through its running tally: cheap, and enough to release the next plugin.

    Closing takes a recount, so that no outcome rests on a tally alone.
    """
    return StageSnapshot(
        plan=plan,
        open=control.open,
        failures=tuple(Failure(plugin=plan.plugins[index]) for index in sorted(control.failed)),
        release=control.release,
        run_ended=control.ended,
    )


def _outcome(stage: StageSnapshot) -> Outcome | None:
    fatal = [f for f in stage.failures if f.plugin.mandatory or stage.plan.fail_on_optional_error]
    if fatal:
        told = "; ".join(
            f"{f.plugin.name}: {f.message or 'reported an error without a message'}"
            for f in fatal[:_MOST_FAILURES_TOLD]
        )
        more = len(fatal) - _MOST_FAILURES_TOLD
        return Outcome(state=State.ERROR, message=f"{told}; and {more} more" if more > 0 else told)
    if not stage.open:
        return Outcome(state=State.COMPLETE)
    return None


def _release(stage: StageSnapshot, now: datetime) -> ReleasePlugins | None:
    one_at_a_time = stage.plan.rule is ReleaseRule.ONE_AT_A_TIME
    ordinal = min(stage.open) if one_at_a_time else 0
    last = stage.release
    if last is not None:
        if last.ordinal > ordinal:
            return None
        waiting = last.confirmed_at is not None or now - last.claimed_at < CLAIM_EXPIRES_AFTER
        if last.ordinal == ordinal and waiting:
            return None
    indices = [ordinal] if one_at_a_time else sorted(stage.open)
    return ReleasePlugins(ordinal, tuple(stage.plan.plugins[index].name for index in indices))


def _overdue(stage: StageSnapshot, now: datetime) -> list[MarkError]:
    if stage.release is None:
        return []
    # An unconfirmed claim may not have been published. It is claimed again, and no clock runs for it until then.
    released_at = stage.release.confirmed_at
    errors: list[MarkError] = []
    for index in sorted(stage.open):
        if stage.plan.rule is ReleaseRule.ONE_AT_A_TIME and index > stage.release.ordinal:
            break
        plugin = stage.plan.plugins[index]
        started = stage.started_at.get(index)
        since = started or released_at
        if since is None:
            continue
        if started is None and plugin.start_within_seconds is not None:
            limit, what = plugin.start_within_seconds, "did not report a start"
        else:
            limit, what = plugin.timeout_seconds, "did not finish"
        if now - since >= timedelta(seconds=limit):
            verb = "started" if started else "released"
            errors.append(MarkError(index, f"{what} within {limit} s; {verb} at {since:%Y-%m-%dT%H:%M:%SZ}"))
    return errors
