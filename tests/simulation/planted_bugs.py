"""Versions of the core that are wrong, each in one way that the protocol's rules are there to prevent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import FunctionType
from typing import Any, TypeVar, cast

from orchestrator_runtime.contract import Ending, ReleaseRule, State
from orchestrator_runtime.core.begin import Verdict, decide_begin
from orchestrator_runtime.core.failure import Failure
from orchestrator_runtime.core.records import Control, Outcome, PluginRow, Release, Run, RunRef, StagePlan, StageRef
from orchestrator_runtime.core.stage import (
    Action,
    Close,
    MarkError,
    ReleasePlugins,
    StageSnapshot,
    count_rows,
    decide,
    read_tally,
)
from orchestrator_runtime.ports import Closed, Recorded, StageRecords, StatusStore
from orchestrator_runtime.protocol.advance_stage import AdvanceRequest, advance_stage
from orchestrator_runtime.protocol.begin_run import begin_run
from orchestrator_runtime.protocol.end_run import EndPorts, EndRequest, end_run
from orchestrator_runtime.protocol.record_result import record_results
from orchestrator_runtime.protocol.stage_effects import StagePorts
from tests.rules.memory_control import MemoryControlStore
from tests.rules.memory_status import MemoryStatusStore
from tests.simulation.core import Core
from tests.simulation.definitions import TIMEOUT, Retrier, activity_states

F = TypeVar("F", bound=Callable[..., Any])


def planted(flow: F, **wrong: object) -> F:
    """A copy of a flow, and of its module's functions, that uses something else by a name; the module does not."""
    original = cast("FunctionType", flow)
    names = dict(original.__globals__)
    for name, function in original.__globals__.items():
        if isinstance(function, FunctionType) and function.__globals__ is original.__globals__:
            copy = FunctionType(function.__code__, names, name, function.__defaults__, function.__closure__)
            copy.__kwdefaults__ = function.__kwdefaults__
            names[name] = copy
    names.update(wrong)
    return cast("F", names[original.__name__])


# Tokens and signals


class TokenOfAnyRank(MemoryControlStore):
    """A handler that was thought dead puts its old token over the new one."""

    def store_token(self, ref: StageRef, *, token: str, rank: str) -> Control | None:
        stored = self._of_attempt(ref)
        return (
            self._put(ref, replace(stored, token=token)) if stored else super().store_token(ref, token=token, rank=rank)
        )


class OutcomeSuppressesSignal(MemoryStatusStore):
    """Whoever finds an outcome written takes it for signalled."""

    def close_stage(self, ref: StageRef, outcome: Outcome, *, now: datetime) -> Closed | None:
        row = self.stages.get(ref.run.uid, ref.path)
        return None if row is not None and row.outcome else super().close_stage(ref, outcome, now=now)


@dataclass
class _ReadEarly:
    """A status table whose first answer about a stage is the one that was read before."""

    status: StatusStore
    records: StageRecords | None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.status, name)

    def load_stage(self, ref: StageRef) -> StageRecords:
        records, self.records = self.records, None
        return records or self.status.load_stage(ref)


def read_before_token(request: AdvanceRequest, ports: StagePorts) -> None:
    """The stage is read before the token is stored: what is closed in between is not heard."""
    early = _ReadEarly(ports.status, ports.status.load_stage(request.ref))
    advance_stage(request, replace(ports, status=cast("StatusStore", early)))


# Reports


class ReportOverTerminal(MemoryStatusStore):
    """A report is accepted although the plugin has ended."""

    def record(self, ref: StageRef, row: PluginRow, **other: Any) -> Recorded:
        self.plugins.items.pop((ref.run.uid, f"{ref.path}{row.name}/"), None)
        return super().record(ref, row, **other)


class ReportOfAnyAttempt(MemoryStatusStore):
    """A report is accepted although the row is of a later attempt."""

    def record(self, ref: StageRef, row: PluginRow, **other: Any) -> Recorded:
        path = f"{ref.path}{row.name}/"
        stored = self.plugins.get(ref.run.uid, path)
        if stored is not None and stored.attempt > row.attempt:
            self.plugins.put(ref.run.uid, path, row)
            return Recorded(accepted=True, row=row)
        return super().record(ref, row, **other)


# The join


class TallyIsACounter(MemoryControlStore):
    """Each terminal report counts one off, the same one again another."""

    def settle(self, ref: StageRef, *, closed: Collection[int], failed: Collection[int]) -> Control | None:
        stored = self._of_attempt(ref)
        if stored is not None:
            again = len(set(closed) - stored.open)
            closed = {*closed, *sorted(stored.open - {*closed})[:again]}
        return super().settle(ref, closed=closed, failed=failed)


class TallyForgetsFailures(MemoryControlStore):
    """The tally does not tell who failed."""

    def settle(self, ref: StageRef, *, closed: Collection[int], failed: Collection[int]) -> Control | None:
        return super().settle(ref, closed=closed, failed=())


def mark_and_close(stage: StageSnapshot, now: datetime) -> list[Action]:
    """Errors for overdue plugins, and what they mean for the stage, decided at once."""
    actions = decide(stage, now)
    overdue = [action for action in actions if isinstance(action, MarkError)]
    if any(stage.plan.plugins[action.index].mandatory for action in overdue):
        return [*actions, Close(Outcome(state=State.ERROR, message=overdue[0].reason))]
    return actions


def ignore_failures(stage: StageSnapshot, now: datetime) -> list[Action]:
    """A stage is complete when nobody is open."""
    return decide(replace(stage, failures=()), now)


def count_without_deadlines(*arguments: Any, enforce_deadlines: bool) -> StageSnapshot:
    """Nobody enforces deadlines."""
    return count_rows(*arguments, enforce_deadlines=False)


def count_rows_of_any_attempt(
    plan: StagePlan, rows: Mapping[str, PluginRow], *arguments: Any, enforce_deadlines: bool
) -> StageSnapshot:
    """What an earlier attempt left counts as done in this one."""
    taken = {name: replace(row, attempt=plan.attempt) for name, row in rows.items()}
    return count_rows(plan, taken, *arguments, enforce_deadlines=enforce_deadlines)


class OutcomeWrittenTwice(MemoryStatusStore):
    """Whoever closes last says how the stage ended."""

    def close_stage(self, ref: StageRef, outcome: Outcome, *, now: datetime) -> Closed | None:
        row = self.stages.get(ref.run.uid, ref.path)
        if row is not None and row.attempt == ref.attempt:
            self.stages.put(ref.run.uid, ref.path, replace(row, outcome=None))
        return super().close_stage(ref, outcome, now=now)


# Releases


class ClaimNeverExpires(MemoryControlStore):
    """A handler that died after its claim keeps it."""

    def claim(self, ref: StageRef, *, ordinal: int, now: datetime, stale_before: datetime) -> Release | None:
        return super().claim(ref, ordinal=ordinal, now=now, stale_before=now - timedelta(days=365))


class ClaimInEndedRun(MemoryControlStore):
    """A claim does not ask whether the run has ended."""

    def claim(self, ref: StageRef, *, ordinal: int, now: datetime, stale_before: datetime) -> Release | None:
        stored = self._of_attempt(ref)
        if stored is not None and stored.ended:
            self._put(ref, replace(stored, ended=False))
        return super().claim(ref, ordinal=ordinal, now=now, stale_before=stale_before)


def release_ahead(stage: StageSnapshot, now: datetime) -> list[Action]:
    """A sequential stage releases the one after as well."""
    actions = decide(stage, now)
    if stage.plan.rule is ReleaseRule.ONE_AT_A_TIME and len(stage.open) > 1:
        following = sorted(stage.open)[1]
        return [
            ReleasePlugins(following, (stage.plan.plugins[following].name,)) if isinstance(a, ReleasePlugins) else a
            for a in actions
        ]
    return actions


# Runs


class EndOfAnyExecution(MemoryStatusStore):
    """The end of a run is written over whatever stands there."""

    def end_run(
        self,
        ref: RunRef,
        *,
        execution: str,
        state: State,
        ending: Ending,
        message: str | None,
        now: datetime,
        by: str | None = None,
    ) -> bool:
        stored = self.runs.get(ref.uid, ref.path)
        assert stored is not None
        self.runs.put(ref.uid, ref.path, replace(stored, state=state, ending=ending, message=message, ended_at=now))
        return True


class AttemptForgotten(MemoryStatusStore):
    """A run is resumed, and nothing keeps how the attempt before began and ended."""

    def take_over_run(self, run: Run, *, previous: Run) -> bool:
        taken = super().take_over_run(run, previous=previous)
        self.past_attempts.items.clear()
        return taken


def end_for_anyone(request: EndRequest, ports: EndPorts) -> Failure | None:
    """An execution that was refused ends the run all the same."""
    run = ports.status.get_run(request.uid or "", request.workflow)
    return end_run(replace(request, execution=run.execution) if run else request, ports)


def end_without_stages(request: EndRequest, ports: EndPorts) -> Failure | None:
    """A failed run leaves its stages as they are."""

    @dataclass
    class NoStages:
        control: Any

        def end_stages(self, ref: RunRef) -> Mapping[Any, Control]:
            return {}

    return end_run(request, replace(ports, control=cast("Any", NoStages(ports.control))))


def take_over_without_asking(stored: Run, **other: Any) -> Verdict:
    """Whoever holds the run is taken for dead."""
    return decide_begin(stored, **{**other, "holder_is_running": False})


def _retry_timeouts() -> Core:
    """The wait's end is retried, and not led through the choice."""
    retrier = Retrier(frozenset({TIMEOUT}), 2, 4, 3)
    return Core(
        activity={
            stage: replace(
                states,
                waits=tuple((age, replace(wait, retriers=(*wait.retriers, retrier))) for age, wait in states.waits),
            )
            for stage, states in activity_states().items()
        }
    )


PLANTED: Mapping[str, Core] = {
    "a token is stored whatever its rank": Core(control=TokenOfAnyRank),
    "a stored outcome suppresses the signal": Core(status=OutcomeSuppressesSignal),
    "the stage is read before the token is stored": Core(advance_stage=read_before_token),
    "a wait's end is retried": _retry_timeouts(),
    "a report is accepted on a terminal row": Core(status=ReportOverTerminal),
    "a report of an earlier attempt is accepted": Core(status=ReportOfAnyAttempt),
    "the tally is a counter": Core(control=TallyIsACounter),
    "the tally forgets failures": Core(control=TallyForgetsFailures),
    "the tally is a counter, and closes without a recount": Core(
        control=TallyIsACounter,
        record_results=planted(
            record_results,
            count_rows=lambda plan, _rows, control, outcome, **_: replace(read_tally(plan, control), outcome=outcome),
        ),
    ),
    "errors and the close are decided together": Core(advance_stage=planted(advance_stage, decide=mark_and_close)),
    "failures do not count": Core(
        advance_stage=planted(advance_stage, decide=ignore_failures),
        record_results=planted(record_results, decide=ignore_failures),
    ),
    "nobody enforces deadlines": Core(advance_stage=planted(advance_stage, count_rows=count_without_deadlines)),
    "rows of an earlier attempt count": Core(
        advance_stage=planted(advance_stage, count_rows=count_rows_of_any_attempt)
    ),
    "an outcome is written over": Core(status=OutcomeWrittenTwice),
    "a claim never expires": Core(control=ClaimNeverExpires),
    "an ended run's stage may be claimed": Core(control=ClaimInEndedRun),
    "two are released at once": Core(
        advance_stage=planted(advance_stage, decide=release_ahead),
        record_results=planted(record_results, decide=release_ahead),
    ),
    "a run's end is written over": Core(status=EndOfAnyExecution),
    "a resume forgets the attempt before": Core(status=AttemptForgotten),
    "any execution ends a run": Core(end_run=end_for_anyone),
    "the end of a run leaves its stages open": Core(end_run=end_without_stages),
    "nothing is found by a sweep": Core(sweep_runs=lambda _: ()),
    "a run that runs is taken over": Core(begin_run=planted(begin_run, decide_begin=take_over_without_asking)),
}
