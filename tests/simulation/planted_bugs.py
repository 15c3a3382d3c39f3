"""Versions of the core that are wrong, each in one way that the protocol's rules are there to prevent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import FunctionType
from typing import Any, TypeVar, cast

from orchestrator_runtime.contract import Ending, State
from orchestrator_runtime.core.activity import (
    Action,
    ActivitySnapshot,
    CloseStage,
    DispatchPlugins,
    MarkError,
    count_rows,
    decide,
    next_due,
)
from orchestrator_runtime.core.begin import Verdict, decide_begin
from orchestrator_runtime.core.failure import Failure, RunCancelled, RunEnded
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.core.records import (
    ActivityControl,
    ActivityRef,
    ExpectedPlugin,
    Outcome,
    PluginRow,
    Run,
    RunRef,
    StageRef,
)
from orchestrator_runtime.core.report_row import output_text
from orchestrator_runtime.ports import Closed, Recorded
from orchestrator_runtime.protocol import activity_work
from orchestrator_runtime.protocol.activity_work import ActivityWork
from orchestrator_runtime.protocol.begin_run import begin_run
from orchestrator_runtime.protocol.check_deadlines import check_deadlines
from orchestrator_runtime.protocol.closing import EndPorts
from orchestrator_runtime.protocol.end_run import EndRequest, end_run
from orchestrator_runtime.protocol.open_activity import open_activity
from orchestrator_runtime.protocol.record_result import _Recorder, record_results
from tests.rules.memory_control import MemoryControlStore
from tests.rules.memory_status import MemoryStatusStore
from tests.simulation.core import Core

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


def working(**wrong: object) -> Core:
    """A core whose flows work activities with something else by a name."""
    names = {**vars(activity_work), **wrong}
    methods = {}
    for name, method in vars(ActivityWork).items():
        if isinstance(method, FunctionType):
            methods[name] = copy = FunctionType(method.__code__, names, name, method.__defaults__, method.__closure__)
            copy.__kwdefaults__ = method.__kwdefaults__
    wrong_work = type("WrongWork", (ActivityWork,), methods)
    return Core(
        open_activity=planted(open_activity, ActivityWork=wrong_work),
        record_results=planted(record_results, ActivityWork=wrong_work),
        check_deadlines=planted(check_deadlines, ActivityWork=wrong_work),
    )


# Tokens and task results


class TokenOfAnyRank(MemoryControlStore):
    """A handler that was thought dead puts its old token over the new one."""

    def store_token(self, ref: ActivityRef, *, token: str, rank: str, expires_at: int) -> bool:
        self.tokens.items.pop((ref.run.uid, ref.path), None)
        return super().store_token(ref, token=token, rank=rank, expires_at=expires_at)


class OutcomeSuppressesResult(MemoryControlStore):
    """A handler that finds the outcome stored takes the task for answered."""

    def finish(self, ref: StageRef, outcome: Outcome, *, stays_due: bool = False) -> ActivityControl | None:
        stored = self._of_attempt(ref.of_activity)
        done = stored is not None and stored.outcome is not None
        return None if done else super().finish(ref, outcome, stays_due=stays_due)


class OwnWriteUnknown(MemoryControlStore):
    """A write that the SDK repeats is taken for another handler's."""

    def store_token(self, ref: ActivityRef, *, token: str, rank: str, expires_at: int) -> bool:
        stored = self.tokens.get(ref.run.uid, ref.path)
        if stored is not None and stored.rank >= rank:
            return False
        return super().store_token(ref, token=token, rank=rank, expires_at=expires_at)


# The control item


class WritesOfAnyStage(MemoryControlStore):
    """The control item is written by handlers of whatever stage."""

    def _in_stage(self, ref: StageRef) -> ActivityControl | None:
        return self._of_attempt(ref.of_activity)


class DispatchRaisesDue(MemoryControlStore):
    """A dispatch sets the due time to its own deadline, whatever else is due before."""

    def claim(self, ref: StageRef, dispatch: Any, **other: Any) -> ActivityControl | None:
        return super().claim(ref, dispatch, **{**other, "due_before": None})

    def enter(self, ref: StageRef, **other: Any) -> ActivityControl | None:
        return super().enter(ref, **{**other, "due_before": None})


class DispatchKeepsDue(MemoryControlStore):
    """A dispatch leaves the due time as it is, though its deadline is earlier."""

    def claim(self, ref: StageRef, dispatch: Any, **other: Any) -> ActivityControl | None:
        return self._kept(ref, super().claim(ref, dispatch, **other), other["due_before"])

    def enter(self, ref: StageRef, **other: Any) -> ActivityControl | None:
        return self._kept(ref, super().enter(ref, **other), other["due_before"])

    def _kept(self, ref: StageRef, item: ActivityControl | None, due: datetime | None) -> ActivityControl | None:
        return item if item is None or due is None else self._put(ref.of_activity, replace(item, due_at=due))


class FinishLeavesDue(MemoryControlStore):
    """An activity that has finished stays in the index."""

    def finish(self, ref: StageRef, outcome: Outcome, *, stays_due: bool = False) -> ActivityControl | None:
        return super().finish(ref, outcome, stays_due=True)


class AnsweredStaysDue(MemoryControlStore):
    """An activity that a check has finished, and answered, stays in the index."""

    def answered(self, ref: ActivityRef) -> None:
        pass


class CheckFinishesAtOnce(MemoryControlStore):
    """A check takes what it finishes out of the index before it answers."""

    def finish(self, ref: StageRef, outcome: Outcome, *, stays_due: bool = False) -> ActivityControl | None:
        return super().finish(ref, outcome)


def due_an_hour_late(activity: ActivitySnapshot, now: datetime) -> datetime:
    """The check sets a due time that is later than a deadline."""
    return next_due(activity, now) + timedelta(hours=1)


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


class Lenient(_Recorder):
    """A report is accepted although the plugin was not dispatched."""

    def _problem_with_turn(self, index: int | None) -> tuple[str, str] | None:
        return None


class Trusting(_Recorder):
    """A report is accepted whoever sent it."""

    def _may_report(self, report: IncomingReport, expected: ExpectedPlugin | None) -> bool:
        return expected is not None or super()._may_report(report, expected)


class Roomy(_Recorder):
    """Each output is carried on, whatever others returned."""

    def _output_of(self, report: IncomingReport, index: int) -> str | None:
        return output_text(report, self.plan.max_output_bytes)


class EndHidden(MemoryControlStore):
    """A handler does not see that the run has ended."""

    def get(self, ref: ActivityRef) -> ActivityControl | None:
        item = super().get(ref)
        return replace(item, run_ended=False) if item is not None else None


# The join


class PendingIsACounter(MemoryControlStore):
    """Each terminal report counts one off, the same one again another."""

    def settle(self, ref: StageRef, *, finished: Collection[int], failed: Collection[int]) -> ActivityControl | None:
        stored = self._in_stage(ref)
        if stored is not None:
            again = len(set(finished) - stored.pending)
            finished = {*finished, *sorted(stored.pending - {*finished})[:again]}
        return super().settle(ref, finished=finished, failed=failed)


class PendingForgetsFailures(MemoryControlStore):
    """The control item does not say which plugins failed."""

    def settle(self, ref: StageRef, *, finished: Collection[int], failed: Collection[int]) -> ActivityControl | None:
        return super().settle(ref, finished=finished, failed=())


def close_when_overdue(activity: ActivitySnapshot, now: datetime) -> list[Action]:
    """A stage is closed because of an overdue plugin, before its row says so."""
    actions = decide(activity, now)
    overdue = [action for action in actions if isinstance(action, MarkError)]
    if any(activity.plan.plugins[action.index].mandatory for action in overdue):
        return [CloseStage(Outcome(state=State.ERROR, message=overdue[0].reason))]
    return actions


def ignore_failures(activity: ActivitySnapshot, now: datetime) -> list[Action]:
    """A stage is complete when nobody is pending."""
    return decide(replace(activity, failures=()), now)


def count_without_deadlines(*arguments: Any, **other: Any) -> ActivitySnapshot:
    """Nobody enforces deadlines."""
    return count_rows(*arguments, **{**other, "enforce_deadlines": False})


def count_without_expiry(*arguments: Any, **other: Any) -> ActivitySnapshot:
    """A handler that died after its claim keeps it."""
    return count_rows(*arguments, **{**other, "claim_expires_after": timedelta(days=365)})


class OutcomeWrittenTwice(MemoryStatusStore):
    """The handler that closes last decides how the stage ended."""

    def close_stage(self, ref: StageRef, outcome: Outcome, **other: Any) -> Closed | None:
        row = self.stages.get(ref.run.uid, ref.path)
        if row is not None and row.attempt == ref.attempt:
            del self.stages.items[ref.run.uid, ref.path]
        return super().close_stage(ref, outcome, **other)


# Dispatches


class ClaimInEndedRun(MemoryControlStore):
    """A dispatch does not ask whether the run has ended."""

    def claim(self, ref: StageRef, dispatch: Any, **other: Any) -> ActivityControl | None:
        self._reopen(ref)
        return super().claim(ref, dispatch, **other)

    def enter(self, ref: StageRef, **other: Any) -> ActivityControl | None:
        self._reopen(ref)
        return super().enter(ref, **other)

    def _reopen(self, ref: StageRef) -> None:
        stored = self._of_attempt(ref.of_activity)
        if stored is not None and stored.run_ended:
            self._put(ref.of_activity, replace(stored, run_ended=False))


def dispatch_ahead(activity: ActivitySnapshot, now: datetime) -> list[Action]:
    """A sequential stage dispatches the one after as well."""
    actions = decide(activity, now)
    if activity.stage.is_sequential and len(activity.pending) > 1:
        following = sorted(activity.pending)[1]
        return [DispatchPlugins(following, (following,)) if isinstance(a, DispatchPlugins) else a for a in actions]
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


def end_without_activities(request: EndRequest, ports: EndPorts) -> Failure | None:
    """A failed run leaves its activities as they are."""

    @dataclass
    class NoActivities:
        control: Any

        def end(self, ref: ActivityRef, *, expires_at: int) -> None:
            return None

    return end_run(request, replace(ports, control=cast("Any", NoActivities(ports.control))))


def end_whatever_the_row_says(request: EndRequest, ports: EndPorts) -> Failure | None:
    """The last state succeeds although the run was cancelled."""
    try:
        return end_run(request, ports)
    except (RunCancelled, RunEnded):
        return None


def take_over_without_asking(stored: Run, **other: Any) -> Verdict:
    """Whoever holds the run is taken for dead."""
    return decide_begin(stored, **{**other, "holder_is_running": False})


PLANTED: Mapping[str, Core] = {
    "a token is stored whatever its rank": Core(control=TokenOfAnyRank),
    "a stored outcome suppresses the task result": Core(control=OutcomeSuppressesResult),
    "a repeated write is another's": Core(control=OwnWriteUnknown),
    "the control item is written by any stage": Core(control=WritesOfAnyStage),
    "a dispatch raises the due time": Core(control=DispatchRaisesDue),
    "a dispatch does not lower the due time": Core(control=DispatchKeepsDue),
    "what has finished stays due": Core(control=FinishLeavesDue),
    "what was answered stays due": Core(control=AnsweredStaysDue),
    "a check forgets what it has finished before it answers": Core(control=CheckFinishesAtOnce),
    "the check sets a due time after a deadline": Core(
        check_deadlines=planted(check_deadlines, next_due=due_an_hour_late)
    ),
    "a report is accepted on a terminal row": Core(status=ReportOverTerminal),
    "a report of an earlier attempt is accepted": Core(status=ReportOfAnyAttempt),
    "a report is accepted in an ended run": Core(control=EndHidden),
    "a report of a plugin that was not dispatched is accepted": Core(
        record_results=planted(record_results, _Recorder=Lenient)
    ),
    "the pending set is a counter": Core(control=PendingIsACounter),
    "the pending set forgets failures": Core(control=PendingForgetsFailures),
    "a stranger's report is accepted": Core(record_results=planted(record_results, _Recorder=Trusting)),
    "an output takes no room": Core(record_results=planted(record_results, _Recorder=Roomy)),
    "a stage closes before the row of an overdue plugin says so": working(decide=close_when_overdue),
    "failures do not count": working(decide=ignore_failures),
    "nobody enforces deadlines": working(count_rows=count_without_deadlines),
    "an outcome is written over": Core(status=OutcomeWrittenTwice),
    "a claim never expires": working(count_rows=count_without_expiry),
    "an activity of an ended run dispatches": Core(control=ClaimInEndedRun),
    "two are dispatched at once": working(decide=dispatch_ahead),
    "a run's end is written over": Core(status=EndOfAnyExecution),
    "a resume forgets the attempt before": Core(status=AttemptForgotten),
    "any execution ends a run": Core(end_run=end_for_anyone),
    "the end of a run leaves its activities": Core(end_run=end_without_activities),
    "an execution succeeds over a cancelled run": Core(end_run=end_whatever_the_row_says),
    "nothing is found by a sweep": Core(sweep_runs=lambda _: ()),
    "a run that runs is taken over": Core(begin_run=planted(begin_run, decide_begin=take_over_without_asking)),
}
