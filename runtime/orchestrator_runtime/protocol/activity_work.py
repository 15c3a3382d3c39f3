"""Works an activity: load, decide, perform, until it waits, has finished, or is another handler's.

Whoever has a reason to look at an activity works it: the task that opens it, a report, the deadline check. Each step
is safe to repeat, and to be cut off after: what one handler leaves half done, the next one that looks completes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from orchestrator_runtime.contract import ErrorName, Stage, State
from orchestrator_runtime.core.activity import (
    CLAIM_EXPIRES_AFTER,
    Action,
    ActivitySnapshot,
    CloseStage,
    DispatchPlugins,
    Finish,
    MarkError,
    NextStage,
    count_rows,
    decide,
    due_after_dispatch,
    read_control,
)
from orchestrator_runtime.core.failure import cause_of
from orchestrator_runtime.core.happening import (
    PluginsDispatched,
    plugin_ended,
)
from orchestrator_runtime.core.message import (
    DoesNotFitError,
    Message,
    address,
    earlier_outputs,
    has_earlier_stages,
    message_body,
)
from orchestrator_runtime.core.records import (
    ActivityControl,
    ActivityRef,
    Dispatch,
    Outcome,
    Run,
    StagePlan,
    StageRef,
)
from orchestrator_runtime.core.registration import StageRegistrations
from orchestrator_runtime.protocol.closing import ActivityPorts, close_stage, fail_stage, failed_row, failure_of
from orchestrator_runtime.protocol.planning import OpenStage, StageFailedError, SupersededError, plan_next


class ActivityWork:
    """The work of one handler on one activity.

    Args:
        ref: The activity.
        ports: The world.
        run: The run, if the handler has read it.
        plan: The current stage's plan, if the handler has read it.
        registered: The activity's registrations, if the handler has just read them.
        enforce_deadlines: Whether plugins that are over their deadline become errors.
        is_repeated: Whether the handler is invoked again should it die. Otherwise the activity stays due until its
            task has its answer.
        claim_expires_after: How long a claimed dispatch may take to be published. Zero where the handler knows that
            whoever claimed it has failed.
    """

    def __init__(
        self,
        ref: ActivityRef,
        ports: ActivityPorts,
        *,
        run: Run | None = None,
        plan: StagePlan | None = None,
        registered: Mapping[Stage, StageRegistrations] | None = None,
        enforce_deadlines: bool = False,
        is_repeated: bool = True,
        claim_expires_after: timedelta = CLAIM_EXPIRES_AFTER,
    ) -> None:
        self.ref = ref
        self._ports = ports
        self._run = run
        self._plan = plan
        self._registered = registered
        self._enforce_deadlines = enforce_deadlines
        self._is_repeated = is_repeated
        self._claim_expires_after = claim_expires_after

    # The loop

    def work(self, control: ActivityControl | None) -> ActivitySnapshot | None:
        """Decide and perform until nothing is left to do.

        Args:
            control: The activity's item as it was read.

        Returns:
            The activity as it waits; ``None`` if it has finished, or belongs to another attempt.
        """
        while control is not None and control.stage is not None:
            snapshot = self._load(control)
            if snapshot is None:
                return None
            actions = decide(snapshot, self._ports.clock())
            if not actions:
                return None if control.run_ended else snapshot
            control = self._perform(actions, snapshot, control)
        return None

    def settled(self, control: ActivityControl) -> None:
        """Go on after reports have been taken off the pending set.

        The control item is enough to close a complete stage and to dispatch the next plugin of a sequential one.
        Everything else is decided from the rows.
        """
        plan = self._plan
        if control.stage is None or plan is None:
            return
        snapshot = read_control(plan, control)
        match decide(snapshot, self._ports.clock()):
            case []:
                return
            case [DispatchPlugins(ordinal=ordinal) as action] if ordinal > snapshot.dispatch.ordinal:
                self.work(self._dispatch(action, snapshot, control))
            case [CloseStage(outcome)] if outcome.state is State.COMPLETE:
                self.work(self._close(outcome, snapshot, control))
            case [Finish(outcome)]:
                self._finish(control.stage, outcome)
            case _:
                self.work(control)

    def _load(self, control: ActivityControl) -> ActivitySnapshot | None:
        assert control.stage is not None  # noqa: S101 - the caller has looked
        records = self._ports.status.load_stage(self.ref.stage(control.stage))
        if records.plan is None:
            return None
        return count_rows(
            records.plan,
            records.plugins,
            control,
            records.outcome,
            enforce_deadlines=self._enforce_deadlines,
            claim_expires_after=self._claim_expires_after,
        )

    def _perform(
        self, actions: Sequence[Action], snapshot: ActivitySnapshot, control: ActivityControl
    ) -> ActivityControl | None:
        """Perform what was decided; return the item to decide on next."""
        errors = [action for action in actions if isinstance(action, MarkError)]
        for error in errors:
            self._mark_error(error, snapshot)
        if errors:
            return self._ports.control.get(self.ref)
        match actions[0]:
            case DispatchPlugins() as action:
                return self._dispatch(action, snapshot, control)
            case CloseStage(outcome):
                return self._close(outcome, snapshot, control)
            case NextStage():
                return self._enter_next(snapshot.stage, due_before=control.due_at, again=True)
            case Finish(outcome):
                stage = self.ref.stage(snapshot.stage)
                self._finish(snapshot.stage, outcome if control.outcome else failure_of(stage, outcome))
        return None

    # Opening a stage

    def open(self, token: str, rank: str, *, first: bool) -> None:
        """Open the activity for a task that waits, unless it is open, and work it.

        The token is stored before the item is read or created: a handler that stores an outcome after that finds the
        token, and the outcome of one that did so before is found by the read.

        Args:
            token: The task token.
            rank: Orders the tokens of the activity.
            first: Whether no invocation before this one has failed. Then an activity that no plugin matches is
                answered at once, without a write.
        """
        ports, run = self._ports, self._find_run()
        if run is None:
            return
        existing = ports.control.get(self.ref)
        try:
            opened = (
                plan_next(self.ref, None, run, self._ports, registered=self._registered, again=not first)
                if existing is None
                else None
            )
        except StageFailedError as failed:
            # Nothing was dispatched, so that no other handler answers.
            self._answer(token, failed.outcome)
            return
        except SupersededError:
            return
        if existing is None and opened is None and first:
            self._answer(token, Outcome(state=State.COMPLETE))
        elif ports.control.store_token(self.ref, token=token, rank=rank, expires_at=run.expires_at):
            control = self._enter(opened, run, None) if opened is not None else ports.control.get(self.ref)
            if opened is None and control is None:
                self._finish(None, Outcome(state=State.COMPLETE))
            elif control is not None and control.run_ended and control.outcome is None:
                ports.signals.fail(token, ErrorName.RUN_ENDED, f"run {self.ref.run.uid!r} has ended")
            else:
                self.work(control)

    def _enter_next(self, leaving: Stage, *, due_before: datetime | None, again: bool) -> ActivityControl | None:
        """Enter the first stage after ``leaving`` that has something to do, or finish the activity.

        The plan is stored first, then the activity moves to the stage together with the claim of its first dispatch,
        then the message is published. A handler that repeats this finds the plan, and the claim.

        Returns:
            The item to decide on next, if another handler has moved the activity.
        """
        run = self._find_run()
        if run is None:
            return None
        try:
            opened = plan_next(self.ref, leaving, run, self._ports, again=again)
        except StageFailedError as failed:
            self._finish(leaving, failed.outcome)
            return None
        except SupersededError:
            return None
        if opened is None:
            self._finish(leaving, Outcome(state=State.COMPLETE))
            return None
        return self._enter(opened, run, leaving, due_before)

    def _enter(
        self, opened: OpenStage, run: Run, leaving: Stage | None, due_before: datetime | None = None
    ) -> ActivityControl | None:
        ports, ref, plan = self._ports, opened.ref, opened.plan
        now = ports.clock()
        pending = sorted(plan.unfinished)
        indices = tuple(pending[:1] if ref.stage.is_sequential else pending)
        dispatch = Dispatch(ordinal=pending[0] if ref.stage.is_sequential else 0, claimed_at=now)
        message = self._message(opened, run, indices, now, leaving=leaving)
        if message is None:
            return None
        entered = ports.control.enter(
            ref,
            leaving=leaving,
            pending=pending,
            dispatch=dispatch,
            due_at=due_after_dispatch(plan, indices, now),
            due_before=due_before,
            expires_at=run.expires_at,
        )
        if entered is None:
            # Another handler was faster, or the due time has moved: its item says what is left to do.
            found = ports.control.get(self.ref)
            unchanged = found and not found.run_ended and (found.stage, found.due_at) == (leaving, due_before)
            return None if unchanged else found
        self._publish(ref, message, dispatch, plan, indices)
        return None

    # Dispatching

    def _dispatch(
        self, action: DispatchPlugins, snapshot: ActivitySnapshot, control: ActivityControl
    ) -> ActivityControl | None:
        """Claim a dispatch, publish it, confirm it.

        A handler that dies after the claim delays the plugins until the claim expires; one that dies after
        publishing causes a second delivery. Neither loses a plugin.
        """
        ports, plan = self._ports, snapshot.plan
        ref = self.ref.stage(snapshot.stage)
        run = self._find_run()
        if run is None:
            return None
        now = ports.clock()
        outputs = ports.status.outputs(run.ref) if has_earlier_stages(ref, run) else {}
        opened = OpenStage(ref, plan, earlier_outputs(ref, run, outputs))
        message = self._message(opened, run, action.indices, now, leaving=ref.stage)
        if message is None:
            return None
        dispatch = Dispatch(ordinal=action.ordinal, claimed_at=now)
        claimed = ports.control.claim(
            ref,
            dispatch,
            replacing=snapshot.dispatch,
            due_at=due_after_dispatch(plan, action.indices, now),
            due_before=control.due_at or now,
        )
        if claimed is None:
            found = ports.control.get(self.ref)
            return None if found == control else found
        self._publish(ref, message, dispatch, plan, action.indices)
        return None

    def _message(
        self, opened: OpenStage, run: Run, indices: Sequence[int], now: datetime, *, leaving: Stage | None
    ) -> Message | None:
        """The message that invokes plugins. If SNS does not take it, the stage and the activity fail: then ``None``."""
        ref, plan = opened.ref, opened.plan
        names = [plan.plugins[index].name for index in indices]
        try:
            body = message_body(ref, run.metadata, opened.outputs, report_to=self._ports.report_to, now=now)
            return address(ref, body, names, run.metadata, plan.attribute_keys)
        except DoesNotFitError as error:
            self._finish(leaving, fail_stage(ref, plan, str(error), self._ports))
            return None

    def _publish(
        self, ref: StageRef, message: Message, dispatch: Dispatch, plan: StagePlan, indices: Sequence[int]
    ) -> None:
        ports = self._ports
        ports.publisher.publish(ref.activity, ref.stage, message)
        ports.control.confirm(ref, dispatch, now=ports.clock())
        names = tuple(plan.plugins[index].name for index in indices)
        ports.journal.tell(PluginsDispatched(ref=ref, plugins=names, expected=len(plan.plugins)))

    # Closing a stage, finishing the activity

    def _mark_error(self, action: MarkError, snapshot: ActivitySnapshot) -> None:
        """Turn an overdue plugin into a named error, unless its report came first."""
        ports, plan = self._ports, snapshot.plan
        ref = self.ref.stage(snapshot.stage)
        row = failed_row(plan.plugins[action.index], plan.attempt, action.reason, now=ports.clock())
        recorded = ports.status.record(ref, row, expires_at=plan.expires_at)
        failed = [] if recorded.row.state.is_done else [action.index]
        ports.control.settle(ref, finished=[action.index], failed=failed)
        if recorded.accepted:
            ports.journal.tell(plugin_ended(ref, recorded.row, plan, snapshot.dispatch))

    def _close(self, outcome: Outcome, snapshot: ActivitySnapshot, control: ActivityControl) -> ActivityControl | None:
        """Store the stage's outcome, and act on the one that is stored."""
        ref = self.ref.stage(snapshot.stage)
        closed = close_stage(ref, snapshot.plan, outcome, self._ports)
        if closed is None:
            return None
        if closed.outcome.state is State.COMPLETE:
            return self._enter_next(ref.stage, due_before=control.due_at, again=not closed.first)
        self._finish(ref.stage, failure_of(ref, closed.outcome))
        return None

    def _finish(self, stage: Stage | None, outcome: Outcome) -> None:
        """Store the activity's outcome, and answer its task with the one that is stored.

        The token is read after the outcome is stored, and a token is stored before the outcome is read: one of two
        handlers sees the other. If the token has expired, a later one may have been stored meanwhile.
        """
        stored: Outcome | None = outcome
        if stage is not None:
            control = self._ports.control.finish(self.ref.stage(stage), outcome, stays_due=not self._is_repeated)
            stored = control.outcome if control else None
        if stored is None:
            return
        tried: str | None = None
        while (token := self._ports.control.get_token(self.ref)) is not None and token != tried:
            if self._answer(token, stored):
                break
            tried = token
        if not self._is_repeated:
            self._ports.control.answered(self.ref)

    def _answer(self, token: str, outcome: Outcome) -> bool:
        """Send the activity's outcome to its task."""
        if outcome.state is State.COMPLETE:
            return self._ports.signals.succeed(token, self.ref.run.as_document())
        return self._ports.signals.fail(token, ErrorName.PLUGIN_FAILED, cause_of(outcome.message or ""))

    def _find_run(self) -> Run | None:
        """The run, while this attempt of it is in progress."""
        run = self._run
        if run is None:
            run = self._run = self._ports.status.get_run(self.ref.run.uid, self.ref.run.workflow)
        return run if run is not None and run.ref == self.ref.run and not run.ended else None
