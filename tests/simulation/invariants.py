"""What must hold whatever happens, checked after each effect that could break it.

The checks look at what is stored, not at what a store's answer says, and keep a memory of
their own of how it was before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.contract import MAX_OUTPUTS_BYTES, Ending, ErrorName, Stage, State
from orchestrator_runtime.core.ended_execution import ExecutionStatus
from orchestrator_runtime.core.failure import Failure
from orchestrator_runtime.core.outputs import output_bytes, sure_bytes
from orchestrator_runtime.core.records import (
    ActivityControl,
    ActivityRef,
    Dispatch,
    ExpectedPlugin,
    Outcome,
    PluginRow,
    Run,
    RunRef,
    StagePlan,
    StageRef,
)
from orchestrator_runtime.json_text import compact_json
from tests.simulation.definitions import TIMEOUT
from tests.simulation.functions import Invocation
from tests.simulation.history_kept import HistoryKept
from tests.simulation.scenario import FORGED, UID, WORKFLOW
from tests.simulation.scheduler import moment
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.activity_task import Entry
    from tests.simulation.simulation import Simulation

_NEVER: Final = 1 << 60
_GRACE: Final = timedelta(seconds=45)
"""By which the clocks of the core's functions may differ."""
_PUT_OFF_FOR: Final = 180.0
"""Seconds for which an activity is not due after a check of it has failed, and until the next tick after that."""
_MUCH: Final = 26_100
"""Bytes that the largest output of the simulation takes in a message, at most."""
_STAGES: Final = list(Stage)
_RANK: Final = {State.NOT_STARTED: 0, State.IN_PROGRESS: 1}


class Invariants:
    """Watches one schedule."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._scheduler = simulation.scheduler
        self._status = simulation.status
        self._control = simulation.control
        self._steps = simulation.scenario.steps
        self._rows: dict[str, PluginRow] = {}
        self._terminal: dict[tuple[str, int], State] = {}
        self._outcomes: dict[StageRef, Outcome] = {}
        self._items: dict[str, ActivityControl] = {}
        self._finished: dict[ActivityRef, tuple[Outcome, int]] = {}
        self._run: Run | None = None
        self._history = HistoryKept(simulation.status)
        self._run_over: dict[int, int] = {}
        """The event in which an attempt ended, or another began."""
        self._end_done: dict[int, int] = {}
        """The event in which nothing of an attempt was in progress any more."""
        self._put_off_at = -_PUT_OFF_FOR
        self._writers: dict[ActivityRef, Invocation] = {}
        """The handler that wrote an activity's outcome, and came to its end undisturbed."""
        self._plans: dict[StageRef, StagePlan] = {}
        """The plan that was stored of each stage, also after a later attempt replaced it."""
        self._late_plans: set[StageRef] = set()
        """Stages whose plan was stored by a late handler, after the activity had passed them: they never opened."""
        self._answered: set[ActivityRef] = set()
        self._barred: set[ActivityRef] = set()
        self._claimed: dict[StageRef, set[str]] = {}
        self._dispatched: dict[StageRef, set[str]] = {}
        simulation.functions.on_finished = self._outcome_answered
        simulation.functions.on_returned = self._returned
        simulation.functions.watches.update(
            {
                "status.record": self._row_written,
                "status.reset_plugin": self._row_reset,
                "status.close_stage": self._stage_closed,
                "status.save_plan": self._plan_saved,
                "status.create_run": self._run_written,
                "status.take_over_run": self._run_written,
                "status.end_run": self._run_written,
                "status.finish_end": self._end_finished,
                "control.enter": self._item_entered,
                "control.claim": self._item_claimed,
                "control.settle": self._item_written,
                "control.take_room": self._item_written,
                "control.confirm": self._item_written,
                "control.postpone": self._item_postponed,
                "control.finish": self._item_finished,
                "control.answered": self._item_written,
                "control.end": self._item_ended,
                "publisher.publish": self._published,
            }
        )

    # Plugins

    def _row_written(
        self, invocation: Invocation, arguments: tuple[Any, ...], _options: Mapping[str, Any], _answer: Any
    ) -> None:
        ref, row = arguments[0], arguments[1]
        path = f"{ref.path}{row.name}/"
        if invocation.handler == "record_result" and self._status.plugins.items[UID, path][0] is not self._rows.get(
            path
        ):
            self._check_report(ref, row.name, invocation)
        self._look_at_row(path, invocation)
        self._check_outputs(ref, row, invocation)

    def _check_outputs(self, ref: StageRef, row: PluginRow, by: Invocation) -> None:
        """The outputs of a stage fit, and nothing that others return is in the way of a small one."""
        plan = self._plan(ref)
        if plan is None:
            return
        names = {plan.plugins[index].name for index in plan.unfinished}
        stored = self._status.stored_outputs.below(UID, ref.path)
        took = sum(output_bytes(f"{ref.key}/{name}", text) for name, text in stored.items() if name in names)
        if took > plan.output_budget:
            raise Violation("outputs fit", f"{ref.key} has {took} bytes of {plan.output_budget} by {by}")
        index = plan.index_of(row.name)
        if index is not None and (row.message or "").startswith("OutputTooLarge"):
            sure = sure_bytes(plan, index)
            if sure >= _MUCH:
                raise Violation("outputs fit", f"{ref.key}/{row.name} was sure of {sure} bytes: {row.message}")

    def _row_reset(
        self, invocation: Invocation, arguments: tuple[Any, ...], _options: Mapping[str, Any], _answer: Any
    ) -> None:
        self._look_at_row(f"{arguments[0].path}{arguments[1].name}/", invocation)

    def _check_report(self, ref: StageRef, name: str, by: Invocation) -> None:
        """A report was accepted: only in a run in progress, and of a plugin that was dispatched."""
        if self._end_done.get(ref.attempt, _NEVER) < by.started:
            raise Violation("an ended run takes no reports", f"{ref.key}/{name} by {by}")
        plan = self._plan(ref)
        expected = plan is not None and plan.index_of(name) is not None
        if expected and name not in self._claimed.get(ref, set()):
            raise Violation("only who was dispatched reports", f"{ref.key}/{name} by {by}")

    def _look_at_row(self, path: str, by: object) -> None:
        row = self._status.plugins.items[UID, path][0]
        before = self._rows.get(path)
        if row is before:
            return
        self._rows[path] = row
        self._history.row_written(path, before, row)
        if row.message == FORGED:
            raise Violation("only the known sender reports", f"{path} is {row.state} by a stranger's report")
        if before is not None:
            if row.attempt < before.attempt:
                raise Violation("attempts only go up", f"{path} went from {before.attempt} to {row.attempt} by {by}")
            if row.attempt == before.attempt:
                if before.state.is_terminal and row != before:
                    raise Violation(
                        "one terminal state", f"{path} was {before.state}, {before.message}; is {row.state} by {by}"
                    )
                if _RANK.get(row.state, 2) < _RANK.get(before.state, 2):
                    raise Violation("no state goes back", f"{path} went from {before.state} to {row.state} by {by}")
        if row.state.is_terminal:
            first = self._terminal.setdefault((path, row.attempt), row.state)
            if first is not row.state:
                raise Violation("one terminal state", f"{path} was {first} and is {row.state} in {row.attempt}")

    def _row(self, ref: StageRef, name: str) -> PluginRow | None:
        row = self._status.plugins.items.get((UID, f"{ref.path}{name}/"), (None, 0))[0]
        return row if row is not None and row.attempt == ref.attempt else None

    def _plan(self, ref: StageRef) -> StagePlan | None:
        plan = self._status.plans.items.get((UID, ref.path), (None, 0))[0]
        return plan if plan is not None and plan.attempt == ref.attempt else None

    # Stages

    def _check_opening(self, ref: StageRef, by: Invocation) -> None:
        """A stage opens after those before it are closed, and the activities of earlier steps have finished."""
        for earlier in _before(ref.stage):
            if not self._is_done(ref.of_activity.stage(earlier)):
                raise Violation("no stage opens early", f"{ref.key} opened by {by} before {earlier} is done")
        number = next(number for number, step in enumerate(self._steps) if ref.activity in step)
        for step in self._steps[:number]:
            for name in step:
                if not self._is_complete(ref.run.activity(name)):
                    raise Violation("no stage opens early", f"{ref.key} opened by {by} before {name} is done")

    def _plan_saved(
        self, invocation: Invocation, arguments: tuple[Any, ...], _options: Mapping[str, Any], _answer: Any
    ) -> None:
        ref: StageRef = arguments[0]
        plan = self._plan(ref)
        if plan is None or plan is not arguments[1]:
            return
        self._plans[ref] = plan
        item = self._item(ref.of_activity)
        passed = item is not None and (
            item.outcome or (item.stage is not None and item.stage not in _before(ref.stage))
        )
        if passed or invocation.answered or ref.of_activity in self._answered:
            self._late_plans.add(ref)

    def _is_done(self, ref: StageRef) -> bool:
        """Whether a stage is complete, or had nothing to do."""
        outcome = self._outcomes.get(ref)
        if self._plan(ref) is None or (outcome is None and ref in self._late_plans):
            return True
        return outcome is not None and outcome.state is State.COMPLETE

    def _is_complete(self, ref: ActivityRef) -> bool:
        """Whether an activity is complete, or had nothing to do."""
        item = self._item(ref)
        # An item without a stage only bars an ended run: it does not say what became of the activity.
        if item and item.stage and (item.outcome is None or item.outcome.state is not State.COMPLETE):
            return False
        return all(self._is_done(ref.stage(stage)) for stage in Stage)

    def _item(self, ref: ActivityRef) -> ActivityControl | None:
        item = self._control.rows.items.get((UID, ref.path), (None, 0))[0]
        return item if item is not None and item.attempt == ref.attempt else None

    def _stage_closed(
        self, invocation: Invocation, arguments: tuple[Any, ...], _options: Mapping[str, Any], _answer: Any
    ) -> None:
        ref = arguments[0]
        row = self._status.stages.items.get((UID, ref.path), (None, 0))[0]
        if row is None or row.attempt != ref.attempt or row.outcome is None:
            return
        before = self._outcomes.get(ref)
        if before is not None:
            if before != row.outcome:
                raise Violation("outcomes never change", f"{ref.key}: {before} became {row.outcome} by {invocation}")
            return
        self._outcomes[ref] = row.outcome
        self._check_join(ref, row.outcome, invocation)

    def _check_join(self, ref: StageRef, outcome: Outcome, by: Invocation) -> None:
        plan = self._plan(ref)
        fatal = [p.name for p in plan.plugins if self._is_fatal(ref, plan, p)] if plan else []
        if outcome.state is State.COMPLETE:
            if plan is None and ref.attempt in self._run_over:
                return  # a later attempt has opened the stage, and the handler of this one comes late
            if plan is None:
                raise Violation("no early join", f"{ref.key} closed without a plan by {by}")
            for plugin in plan.plugins:
                row = self._row(ref, plugin.name)
                if plugin.kept is None and (row is None or not row.state.is_terminal):
                    raise Violation("no early join", f"{ref.key} closed by {by} while {plugin.name} is pending")
            if fatal:
                raise Violation("errors count", f"{ref.key} is complete by {by}, and {fatal} failed")
        elif not fatal and ref.attempt not in self._run_over:
            raise Violation("no error without a reason", f"{ref.key} failed by {by}: {outcome.message}")

    def _is_fatal(self, ref: StageRef, plan: StagePlan, plugin: ExpectedPlugin) -> bool:
        row = self._row(ref, plugin.name)
        if row is None or plugin.kept is not None:
            return False
        failed = row.state.is_terminal and not row.state.is_done
        return failed and (plugin.mandatory or plan.fail_on_optional_error)

    def finished_before(self, ref: ActivityRef, event: int) -> Outcome | None:
        """The activity's outcome, if it was written before an event began."""
        outcome, written = self._finished.get(ref, (None, _NEVER))
        return outcome if written < event else None

    # Activities

    def _item_written(
        self, invocation: Invocation, arguments: tuple[Any, ...], _options: Mapping[str, Any], _answer: Any
    ) -> ActivityControl | None:
        """A write of the control item; returns the item as it was before."""
        ref: StageRef | ActivityRef = arguments[0]
        path = ref.of_activity.path if isinstance(ref, StageRef) else ref.path
        item = self._control.rows.items.get((UID, path), (None, 0))[0]
        before = self._items.get(path)
        if item is None or item is before:
            return before
        self._items[path] = item
        if item.due_at is not None:
            self._simulation.schedule.arm()
        what = f"{path} {item.stage} by {invocation}"
        if before is None or item.attempt > before.attempt:
            return before
        if item.attempt < before.attempt:
            raise Violation("attempts only go up", what)
        if before.outcome is not None and item.outcome != before.outcome:
            raise Violation("an activity finishes once", what)
        if before.outcome is not None and item.due_at and not before.due_at:
            raise Violation("what has finished is not due", what)
        if before.run_ended and not item.run_ended:
            raise Violation("a run ends once", what)
        if item.stage is not before.stage:
            if before.stage is None or item.stage not in before.stage.following:
                raise Violation("stages only go forward", f"{what}, which was in {before.stage}")
        elif isinstance(ref, StageRef) and ref.stage is not before.stage:
            raise Violation("a late handler changes no other stage", f"{what} for {ref.stage}")
        return before

    def _item_entered(
        self, invocation: Invocation, arguments: tuple[Any, ...], options: Mapping[str, Any], answer: Any
    ) -> None:
        before = self._item_written(invocation, arguments, options, answer)
        if answer is not None and answer is not before:
            ref: StageRef = arguments[0]
            self._check_opening(ref, invocation)
            self._check_dispatch(ref, before, options["dispatch"], invocation)

    def _item_claimed(
        self, invocation: Invocation, arguments: tuple[Any, ...], options: Mapping[str, Any], answer: Any
    ) -> None:
        before = self._item_written(invocation, arguments, options, answer)
        if answer is not None and answer is not before:
            self._check_dispatch(arguments[0], before, arguments[1], invocation)

    def _item_postponed(
        self, invocation: Invocation, arguments: tuple[Any, ...], options: Mapping[str, Any], answer: Any
    ) -> None:
        self._item_written(invocation, arguments, options, answer)
        if invocation.began < self._scheduler.now:
            # A check that stood still looks again a minute after it went on, whatever came due meanwhile.
            self._put_off_at = self._scheduler.now

    def _check_dispatch(
        self, ref: StageRef, before: ActivityControl | None, dispatch: Dispatch, by: Invocation
    ) -> None:
        """A dispatch was claimed: nothing is dispatched that is over, and it is due by its first deadline."""
        activity = ref.of_activity
        if activity in self._barred:
            raise Violation("nothing is dispatched in an ended run", f"{ref.key}, which was barred, by {by}")
        if self._run_over.get(ref.attempt, _NEVER) < by.started:
            raise Violation("nothing is dispatched in an ended run", f"{ref.key} by {by}, which came later")
        if self.finished_before(activity, by.started):
            raise Violation("nothing is dispatched in an activity that is over", f"{ref.key} by {by}")
        # A handler of an attempt that is over may come between a later attempt's plan and its item.
        item, plan = self._item(activity), self._plans.get(ref)
        if item is None or plan is None:
            raise Violation("a plan is stored before a dispatch", f"{ref.key} by {by}")
        indices = [dispatch.ordinal] if ref.stage.is_sequential else sorted(item.pending)
        self._late_plans.discard(ref)
        self._claimed.setdefault(ref, set()).update(plan.plugins[index].name for index in indices)
        for index in indices:
            row = self._row(ref, plan.plugins[index].name)
            if row is not None and row.state.is_terminal:
                continue
            due = dispatch.claimed_at + _first_limit(plan.plugins[index])
            if item.due_at is None or item.due_at > due:
                raise Violation("due by the first deadline", f"{ref.key} is due {item.due_at}, not {due}, by {by}")
        raised = before is not None and before.due_at and item.due_at and item.due_at > before.due_at
        if raised and before is not None and before.attempt == ref.attempt:
            raise Violation("only the check raises a due time", f"{ref.key} by {by}")

    def _item_finished(
        self, invocation: Invocation, arguments: tuple[Any, ...], options: Mapping[str, Any], answer: Any
    ) -> None:
        self._item_written(invocation, arguments, options, answer)
        ref: ActivityRef = arguments[0].of_activity
        item = self._item(ref)
        if item is None or item.outcome is None or ref in self._finished:
            return
        if item.due_at is not None and invocation.handler != "check_deadlines":
            raise Violation("what has finished is not due", f"{ref.name} by {invocation}")
        self._finished[ref] = item.outcome, self._scheduler.number
        invocation.finished = ref
        complete = item.outcome.state is State.COMPLETE
        if complete and not self._is_complete(ref):
            raise Violation("no early join", f"{ref.name} finished by {invocation} before its stages are done")
        if not complete and self._outcomes.get(arguments[0]) in (None, Outcome(state=State.COMPLETE)):
            failed = [outcome for of, outcome in self._outcomes.items() if of.of_activity == ref]
            if all(outcome.state is State.COMPLETE for outcome in failed):
                raise Violation("no error without a reason", f"{ref.name} failed by {invocation}")

    def _item_ended(
        self, invocation: Invocation, arguments: tuple[Any, ...], options: Mapping[str, Any], answer: Any
    ) -> None:
        self._item_written(invocation, arguments, options, answer)
        if answer is not None and answer.run_ended:
            self._barred.add(arguments[0])

    # Deadlines

    def _returned(self, invocation: Invocation) -> None:
        """A deadline check returned: what was overdue when it began is an error by now."""
        if invocation.handler != "check_deadlines":
            return
        if invocation.undisturbed:
            self.nothing_due(moment(invocation.began))
        else:
            self._put_off_at = self._scheduler.now

    def nothing_due(self, now: datetime) -> None:
        """No plugin of an activity in progress is over its deadline, unless its check was put off for a minute."""
        if self._scheduler.now - self._put_off_at < _PUT_OFF_FOR:
            return
        for (_, path), (item, _) in self._control.rows.items.items():
            if item.stage is None or item.dispatch is None or item.outcome or item.run_ended:
                continue
            if item.attempt in self._run_over or item.dispatch.published_at is None:
                continue
            ref = RunRef(UID, WORKFLOW, item.attempt).stage(path.split("/")[1], item.stage)
            plan = self._plan(ref)
            if plan is None or ref in self._outcomes:
                continue
            indices = [item.dispatch.ordinal] if ref.stage.is_sequential else sorted(item.pending)
            for index in indices:
                deadline = self._deadline(ref, plan.plugins[index], item.dispatch.published_at)
                if deadline is not None and deadline + _GRACE < now:
                    name = plan.plugins[index].name
                    raise Violation("a deadline is enforced", f"{ref.key}/{name}: {deadline}, and it is {now}")

    def _deadline(self, ref: StageRef, plugin: ExpectedPlugin, published_at: datetime) -> datetime | None:
        """When a plugin is overdue; ``None`` if it has ended."""
        row = self._row(ref, plugin.name)
        if row is not None and row.state.is_terminal:
            return None
        started = row.started_at if row is not None else None
        if started is not None:
            return started + timedelta(seconds=plugin.timeout_seconds)
        since = max(published_at, plugin.settles_at) if plugin.settles_at else published_at
        return since + timedelta(seconds=plugin.start_within_seconds or plugin.timeout_seconds)

    # Dispatches

    def _published(
        self, invocation: Invocation, arguments: tuple[Any, ...], _options: Mapping[str, Any], _answer: Any
    ) -> None:
        activity, stage, _ = arguments
        document = self._simulation.last_published
        carried = sum(output_bytes(key, compact_json(output)) for key, output in document["outputs"].items())
        if carried > MAX_OUTPUTS_BYTES:
            raise Violation("outputs fit", f"{activity}/{stage} is sent {carried} bytes of outputs by {invocation}")
        ref = RunRef(UID, WORKFLOW, document["attempt"]).stage(activity, stage)
        names = document["plugins"]
        self._dispatched.setdefault(ref, set()).update(names)
        plan = self._plan(ref)
        if plan is None:
            return  # a later attempt has opened the stage since this was claimed
        if not stage.is_sequential:
            return
        if len(names) != 1:
            raise Violation("one at a time", f"{ref.key} dispatched {names} by {invocation}")
        for plugin in plan.plugins:
            if plugin.name == names[0]:
                return
            if plugin.kept is None:
                row = self._row(ref, plugin.name)
                if row is None or not row.state.is_terminal:
                    raise Violation(
                        "one at a time", f"{ref.key} dispatched {names} by {invocation} before {plugin.name}"
                    )
                if self._is_fatal(ref, plan, plugin):
                    raise Violation("one at a time", f"{ref.key} dispatched {names} although {plugin.name} failed")

    # Signals

    def signalled(self, entry: Entry, error: str | None) -> None:
        """A task result is sent: it has to be the outcome that is stored."""
        ref = entry.ref
        if error in (ErrorName.RUN_ENDED, ErrorName.RUN_SUPERSEDED):
            if ref.attempt not in self._run_over:
                raise Violation("signals tell the truth", f"{ref.name} is answered {error}, and the run is in progress")
            return
        item = self._item(ref)
        if error is None:
            self._answered.add(ref)
        if item is not None and not item.run_ended and item.outcome is None:
            raise Violation("signals tell the truth", f"{ref.name} is answered without an outcome")
        complete = self._is_complete(ref) if item is None or item.outcome else error is not None
        if complete != (error is None) and ref.attempt not in self._run_over:
            raise Violation("signals tell the truth", f"{ref.name} is answered {error}")

    def checked(self, entry: Entry, invocation: Invocation) -> None:
        """A call of ``open_activity`` returned: an outcome from before it has to be answered by now."""
        if not invocation.undisturbed or not entry.task.is_waiting(entry):
            return
        entry.checked = True
        if self.finished_before(entry.ref, invocation.started):
            raise Violation("no lost token", f"{entry.ref.name} is over, and {entry.token} waits on after {invocation}")
        writer = self._writers.get(entry.ref)
        if writer is not None and entry.ref.attempt not in self._run_over:
            raise Violation("no lost token", f"{entry.ref.name} is over by {writer}, unanswered by {invocation}")

    def _outcome_answered(self, invocation: Invocation) -> None:
        """The handler that wrote an outcome is at its end: it saw the token, or who stored that sees the outcome."""
        ref = invocation.finished
        assert ref is not None
        if not invocation.undisturbed:
            # What a check leaves unanswered stays due, and the next check answers it.
            self._simulation.time_limits.unanswered += invocation.handler != "check_deadlines"
            return
        self._writers[ref] = invocation
        entry = self._simulation.entries.get(ref)
        if entry is None or not entry.checked or ref.attempt in self._run_over:
            return
        if entry.task.is_waiting(entry):
            raise Violation("no lost token", f"{ref.name} is over by {invocation}, and {entry.token} waits on")

    # Runs

    def _run_written(
        self, invocation: Invocation, _arguments: tuple[Any, ...], _options: Mapping[str, Any], _answer: Any
    ) -> None:
        run: Run = self._status.runs.items[UID, f"{WORKFLOW}/"][0]
        before = self._run
        if run is before:
            return
        self._run = run
        self._history.run_written(before, run)
        if before is None:
            return
        if run.ref.attempt == before.ref.attempt:
            if before.ended:
                raise Violation("a run ends once", f"{before.state} became {run.state} by {invocation}")
            if run.ended and not self._may_end(run, invocation):
                raise Violation("a run is ended by its execution", f"{run.execution} holds it, ended by {invocation}")
            if run.ended:
                self._run_over.setdefault(run.ref.attempt, self._scheduler.number)
                if run.state is State.COMPLETE:
                    self._end_done.setdefault(run.ref.attempt, self._scheduler.number)
                self._check_run(run)
            return
        if run.ref.attempt < before.ref.attempt:
            raise Violation("attempts only go up", f"the run went from {before.ref.attempt} to {run.ref.attempt}")
        if not before.ended and self._simulation.executions.is_running(before.execution):
            raise Violation("a run that runs is not taken over", f"{before.execution} runs, {invocation} took over")
        self._run_over.setdefault(before.ref.attempt, self._scheduler.number)
        self._simulation.time_limits.taken_over(run.ref.attempt)

    def _may_end(self, run: Run, invocation: Invocation) -> bool:
        match invocation.handler:
            case "cancel_run":
                return True
            case "sweep_runs":
                return not self._simulation.executions.is_running(run.execution)
        return run.execution == invocation.execution

    def _check_run(self, run: Run) -> None:
        if run.state is not State.COMPLETE:
            return
        for step in self._steps:
            for activity in step:
                if not self._is_complete(run.ref.activity(activity)):
                    raise Violation("a complete run is complete", f"{activity} is not")

    def _end_finished(
        self, _invocation: Invocation, arguments: tuple[Any, ...], _options: Mapping[str, Any], _answer: Any
    ) -> None:
        self._end_done.setdefault(arguments[0].attempt, self._scheduler.number)

    def activity_ended(self, ref: ActivityRef, failure: Failure | None) -> None:
        """An activity's state ended by itself."""
        if failure is not None and failure.error == TIMEOUT:
            raise Violation("a wait is no error", f"the state of {ref.name} failed because of its timeout")
        if failure is None and ref.attempt not in self._run_over and not self._is_complete(ref):
            raise Violation("no early join", f"the state of {ref.name} succeeded before its stages did")

    def execution_over(self, execution: str, status: ExecutionStatus) -> None:
        """An execution is over: it succeeds only if the run's row says that the run is complete."""
        run = self._run
        if run is None or run.execution != execution or status is not ExecutionStatus.SUCCEEDED:
            return
        if run.ending is not Ending.COMPLETED:
            raise Violation("row and execution agree", f"{execution} succeeded, and the run is {run.ending}")

    # In the end

    def settled(self) -> None:
        """Nothing is under way any more."""
        for _, path in self._status.plugins.items:
            self._look_at_row(path, "somebody unseen")
        for ref, outcome in self._outcomes.items():
            row = self._status.stages.items[UID, ref.path][0]
            if row.attempt == ref.attempt and row.outcome != outcome:
                raise Violation("outcomes never change", f"{ref.key}: {outcome} became {row.outcome}")
        run = self._run
        if run is None:
            return
        if not run.ended:
            raise Violation("every run ends", f"attempt {run.ref.attempt} is {run.state}, and nothing will happen")
        for (_, path), (item, _) in self._control.rows.items.items():
            if item.due_at is not None:
                raise Violation("what has ended is not due", f"{path} is due {item.due_at}")
        self._check_plugins(run)

    def _check_plugins(self, run: Run) -> None:
        """Whoever was called in the last attempt is in a terminal state; so is whoever a complete stage expected."""
        for ref, names in self._dispatched.items():
            plan = self._plan(ref)
            if ref.run != run.ref or plan is None:
                continue
            for plugin in plan.plugins:
                row = self._row(ref, plugin.name)
                if plugin.name in names and (row is None or not row.state.is_terminal):
                    raise Violation(
                        "whoever was called ends", f"{ref.key}/{plugin.name} is pending in a run that ended"
                    )
        for ref, outcome in self._outcomes.items():
            plan = self._plan(ref)
            if ref.run == run.ref and outcome.state is State.COMPLETE and plan is not None:
                expected = {plugin.name for plugin in plan.plugins if plugin.kept is None}
                forestalled = {name for of, name in self._simulation.plugins.forestalled if of == ref}
                if forgotten := expected - forestalled - self._dispatched.get(ref, set()):
                    raise Violation("nobody is forgotten", f"{ref.key}: {sorted(forgotten)} was never called")


def _before(stage: Stage) -> list[Stage]:
    return _STAGES[: _STAGES.index(stage)]


def _first_limit(plugin: ExpectedPlugin) -> timedelta:
    limits = [plugin.timeout_seconds]
    if plugin.start_within_seconds is not None:
        limits.append(plugin.start_within_seconds)
    return timedelta(seconds=min(limits))
