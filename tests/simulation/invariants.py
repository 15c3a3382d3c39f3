"""What must hold whatever happens, checked after each effect that could break it.

The checks look at what is stored, not at what a store's answer says, and keep a memory of
their own of how it was before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.contract import ErrorName, ReleaseRule, Stage, State
from orchestrator_runtime.core.failure import Failure
from orchestrator_runtime.core.records import ExpectedPlugin, Outcome, PluginRow, Run, RunRef, StagePlan, StageRef
from tests.simulation.definitions import TIMEOUT
from tests.simulation.functions import Invocation
from tests.simulation.history_kept import HistoryKept
from tests.simulation.scenario import UID, WORKFLOW
from tests.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.simulation.activity_execution import Entry
    from tests.simulation.simulation import Simulation

_NEVER: Final = 1 << 60
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
        self._stage_attempts: dict[str, int] = {}
        self._outcomes: dict[StageRef, tuple[Outcome, int]] = {}
        self._run: Run | None = None
        self._history = HistoryKept(simulation.status)
        self._run_over: dict[int, int] = {}
        """The event in which an attempt ended, or another began."""
        self._writers: dict[StageRef, Invocation] = {}
        """Who wrote a stage's outcome, and came to its end undisturbed."""
        self._barred: set[StageRef] = set()
        self._released: dict[StageRef, set[str]] = {}
        simulation.functions.on_closed = self._outcome_told
        simulation.functions.watches.update(
            {
                "status.record": self._row_written,
                "status.reset_plugin": self._row_written,
                "status.close_stage": self._stage_closed,
                "status.open_stage": self._stage_opened,
                "status.create_run": self._run_written,
                "status.take_over_run": self._run_written,
                "status.end_run": self._run_written,
                "control.claim": self._claimed,
                "control.end_stage": self._stage_barred,
                "publisher.publish": self._published,
            }
        )

    # Plugins

    def _row_written(
        self, invocation: Invocation, arguments: tuple[Any, ...], _options: Mapping[str, Any], _answer: Any
    ) -> None:
        ref, row = arguments[0], arguments[1]
        self._look_at_row(f"{ref.path}{row.name}/", invocation)

    def _look_at_row(self, path: str, by: object) -> None:
        row = self._status.plugins.items[UID, path][0]
        before = self._rows.get(path)
        if row is before:
            return
        self._rows[path] = row
        self._history.row_written(path, before, row)
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

    def _stage_opened(
        self, invocation: Invocation, arguments: tuple[Any, ...], _options: Mapping[str, Any], _answer: Any
    ) -> None:
        ref = arguments[0]
        row = self._status.stages.items[UID, ref.path][0]
        before = self._stage_attempts.get(ref.path)
        if row.attempt == before:
            return
        if before is not None and row.attempt < before:
            raise Violation("attempts only go up", f"{ref.path} went from {before} to {row.attempt} by {invocation}")
        self._stage_attempts[ref.path] = row.attempt
        for earlier in self._earlier(ref):
            outcome = self._outcomes.get(earlier)
            if outcome is None or outcome[0].state is not State.COMPLETE:
                raise Violation(
                    "no stage opens early", f"{ref.key} opened by {invocation} before {earlier.key} is done"
                )

    def _earlier(self, ref: StageRef) -> list[StageRef]:
        """The stages that have to be complete right before this one."""
        stages = list(Stage)
        place = stages.index(ref.stage)
        if place:
            return [ref.run.stage(ref.activity, stages[place - 1])]
        number = next(number for number, step in enumerate(self._steps) if ref.activity in step)
        return [ref.run.stage(activity, Stage.POST) for activity in self._steps[number - 1]] if number else []

    def _stage_closed(
        self, invocation: Invocation, arguments: tuple[Any, ...], _options: Mapping[str, Any], _answer: Any
    ) -> None:
        ref = arguments[0]
        row = self._status.stages.items.get((UID, ref.path), (None, 0))[0]
        if row is None or row.attempt != ref.attempt or row.outcome is None:
            return
        before = self._outcomes.get(ref)
        if before is not None:
            if before[0] != row.outcome:
                raise Violation("outcomes never change", f"{ref.key}: {before[0]} became {row.outcome} by {invocation}")
            return
        self._outcomes[ref] = (row.outcome, self._scheduler.number)
        invocation.closed = ref
        self._check_join(ref, row.outcome, invocation)

    def _check_join(self, ref: StageRef, outcome: Outcome, by: Invocation) -> None:
        plan = self._plan(ref)
        fatal = [p.name for p in plan.plugins if self._is_fatal(ref, plan, p)] if plan else []
        if outcome.state is State.COMPLETE:
            if plan is None:
                raise Violation("no early join", f"{ref.key} closed without a plan by {by}")
            for plugin in plan.plugins:
                row = self._row(ref, plugin.name)
                if plugin.kept is None and (row is None or not row.state.is_terminal):
                    raise Violation("no early join", f"{ref.key} closed by {by} while {plugin.name} is open")
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

    def outcome_before(self, ref: StageRef, event: int) -> Outcome | None:
        """The stage's outcome, if it was written before an event began."""
        outcome, written = self._outcomes.get(ref, (None, _NEVER))
        return outcome if written < event else None

    # Releases

    def _stage_barred(
        self, _invocation: Invocation, arguments: tuple[Any, ...], _options: Mapping[str, Any], answer: Any
    ) -> None:
        if answer is not None:
            self._barred.add(arguments[0])

    def _claimed(
        self, invocation: Invocation, arguments: tuple[Any, ...], _options: Mapping[str, Any], answer: Any
    ) -> None:
        if answer is None:
            return
        ref = arguments[0]
        if ref in self._barred:
            raise Violation("nothing is released in an ended run", f"{ref.key}, which was barred, by {invocation}")
        if self._run_over.get(ref.attempt, _NEVER) < invocation.started:
            raise Violation("nothing is released in an ended run", f"{ref.key} by {invocation}, which came later")
        if self.outcome_before(ref, invocation.started):
            raise Violation("nothing is released in a stage that is over", f"{ref.key} by {invocation}")

    def _published(
        self, invocation: Invocation, arguments: tuple[Any, ...], _options: Mapping[str, Any], _answer: Any
    ) -> None:
        activity, stage, _ = arguments
        document = self._simulation.last_published
        ref = RunRef(UID, WORKFLOW, document["attempt"]).stage(activity, stage)
        names = document["plugins"]
        self._released.setdefault(ref, set()).update(names)
        plan = self._plan(ref)
        if plan is None:
            return  # a later attempt has opened the stage since this was claimed
        if plan.rule is ReleaseRule.ALL_AT_ONCE:
            return
        if len(names) != 1:
            raise Violation("one at a time", f"{ref.key} released {names} by {invocation}")
        for plugin in plan.plugins:
            if plugin.name == names[0]:
                return
            if plugin.kept is None:
                row = self._row(ref, plugin.name)
                if row is None or not row.state.is_terminal:
                    raise Violation("one at a time", f"{ref.key} released {names} by {invocation} before {plugin.name}")
                if self._is_fatal(ref, plan, plugin):
                    raise Violation("one at a time", f"{ref.key} released {names} although {plugin.name} failed")

    # Signals

    def signalled(self, entry: Entry, error: str | None) -> None:
        """A signal is sent: it has to tell the outcome that stands."""
        if error in (ErrorName.RUN_ENDED, ErrorName.RUN_SUPERSEDED):
            if entry.ref.attempt not in self._run_over:
                raise Violation("signals tell the truth", f"{entry.ref.key} was told {error}, and the run is alive")
            return
        outcome = self._outcomes.get(entry.ref)
        if outcome is None:
            raise Violation("signals tell the truth", f"{entry.ref.key} was signalled without an outcome")
        if (outcome[0].state is State.COMPLETE) != (error is None):
            raise Violation("signals tell the truth", f"{entry.ref.key} is {outcome[0].state}, signalled {error}")

    def checked(self, entry: Entry, invocation: Invocation) -> None:
        """A call of ``advance_stage`` returned: an outcome from before it has to be heard by now."""
        if not invocation.undisturbed or not entry.execution.is_waiting(entry):
            return
        entry.checked = True
        if self.outcome_before(entry.ref, invocation.started):
            raise Violation("no lost token", f"{entry.ref.key} is over, and {entry.token} waits on after {invocation}")
        writer = self._writers.get(entry.ref)
        if writer is not None and entry.ref.attempt not in self._run_over:
            raise Violation("no lost token", f"{entry.ref.key} is over by {writer}, unheard by {invocation}")

    def _outcome_told(self, invocation: Invocation) -> None:
        """Whoever wrote an outcome is done: it saw the token that waits, or whoever stored that sees the outcome."""
        ref = invocation.closed
        assert ref is not None
        self._writers[ref] = invocation
        entry = self._simulation.entries.get(ref)
        if entry is None or not entry.checked or ref.attempt in self._run_over:
            return
        if entry.execution.is_waiting(entry):
            raise Violation("no lost token", f"{ref.key} is over by {invocation}, and {entry.token} waits on")

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
                self._check_run(run)
            return
        if run.ref.attempt < before.ref.attempt:
            raise Violation("attempts only go up", f"the run went from {before.ref.attempt} to {run.ref.attempt}")
        if not before.ended and self._simulation.executions.is_running(before.execution):
            raise Violation("a run that runs is not taken over", f"{before.execution} runs, {invocation} took over")
        self._run_over.setdefault(before.ref.attempt, self._scheduler.number)

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
                for stage in Stage:
                    outcome = self._outcomes.get(run.ref.stage(activity, stage))
                    if outcome is None or outcome[0].state is not State.COMPLETE:
                        raise Violation("a complete run is complete", f"{activity}/{stage} is not")

    def activity_ended(self, ref: RunRef, activity: str, failure: Failure | None) -> None:
        """An activity's execution ended by itself."""
        if failure is not None and failure.error == TIMEOUT:
            raise Violation("a wait is no error", f"the execution of {activity} failed because a wait was over")
        if failure is None and any(
            (outcome := self._outcomes.get(ref.stage(activity, stage))) is None
            or outcome[0].state is not State.COMPLETE
            for stage in Stage
        ):
            raise Violation("no early join", f"the execution of {activity} succeeded before its stages did")

    # In the end

    def settled(self) -> None:
        """Nothing is under way any more."""
        for _, path in self._status.plugins.items:
            self._look_at_row(path, "somebody unseen")
        for ref, (outcome, _) in self._outcomes.items():
            row = self._status.stages.items[UID, ref.path][0]
            if row.attempt == ref.attempt and row.outcome != outcome:
                raise Violation("outcomes never change", f"{ref.key}: {outcome} became {row.outcome}")
        run = self._run
        if run is None:
            return
        if not run.ended:
            raise Violation("every run ends", f"attempt {run.ref.attempt} is {run.state}, and nothing will happen")
        self._check_plugins(run)

    def _check_plugins(self, run: Run) -> None:
        """Whoever was called in the last attempt is in a terminal state; so is whoever a complete stage expected."""
        for ref, names in self._released.items():
            plan = self._plan(ref)
            if ref.run != run.ref or plan is None:
                continue
            for plugin in plan.plugins:
                row = self._row(ref, plugin.name)
                if plugin.name in names and (row is None or not row.state.is_terminal):
                    raise Violation("whoever was called ends", f"{ref.key}/{plugin.name} is open in a run that ended")
        for ref, (outcome, _) in self._outcomes.items():
            plan = self._plan(ref)
            if ref.run == run.ref and outcome.state is State.COMPLETE and plan is not None:
                expected = {plugin.name for plugin in plan.plugins if plugin.kept is None}
                forestalled = {name for of, name in self._simulation.plugins.forestalled if of == ref}
                if forgotten := expected - forestalled - self._released.get(ref, set()):
                    raise Violation("nobody is forgotten", f"{ref.key}: {sorted(forgotten)} was never called")
