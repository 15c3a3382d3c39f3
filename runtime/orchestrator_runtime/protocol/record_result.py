"""Takes plugins' reports, and Lambda's records of their calls: writes their rows, and moves their stages on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from orchestrator_runtime.contract import Handler
from orchestrator_runtime.core.happening import PluginStartedAgain, ReportRefused, plugin_ended
from orchestrator_runtime.core.records import ExpectedPlugin, PluginRow, Release, StagePlan, StageRef
from orchestrator_runtime.core.report_row import is_likely_first, row_of
from orchestrator_runtime.core.stage import Close, ReleasePlugins, count_rows, decide, read_tally
from orchestrator_runtime.ports import Journal
from orchestrator_runtime.protocol.attribution import ReceivedRecord, StageRegistrations
from orchestrator_runtime.protocol.received import Received, Starts, collapse
from orchestrator_runtime.protocol.stage_effects import StageEffects, StagePorts
from orchestrator_runtime.trace_ports import UNTRACED, Tracer

FindPlan = Callable[[StageRef], StagePlan | None]
"""Finds a stage's plan. A plan never changes, so what this remembers stays right."""


def record_results(
    batch: Iterable[Received | ReceivedRecord],
    ports: StagePorts,
    find_plan: FindPlan,
    tracer: Tracer = UNTRACED,
) -> list[str]:
    """Record a batch of reports: for each stage all rows first, then one decision.

    Args:
        batch: The reports and the invocation records, in the order received.
        ports: The world.
        find_plan: Finds a stage's plan.
        tracer: Traces the work on each stage. Default: nothing is traced.

    Returns:
        Ids of the messages that could not be dealt with and have to come again.
    """
    by_stage: dict[StageRef, list[Received | ReceivedRecord]] = {}
    for received in batch:
        if isinstance(received, ReceivedRecord) and received.record.report_to != ports.report_to:
            _refuse(ports.journal, received, "other-core", "the call was another core's, which shares the function")
        else:
            by_stage.setdefault(received.ref, []).append(received)
    again: list[str] = []
    for ref, reports in by_stage.items():
        try:
            # A batch holds reports of several runs: each is recorded in its own run's trace.
            sent_in = next((received.trace_header for received in reports if received.trace_header), None)
            with tracer.span(Handler.RECORD_RESULT.value, ref.about, continues=sent_in):
                _record_stage(StageRegistrations(ports.registry, ref), reports, ports, find_plan)
        except Exception as error:  # noqa: BLE001 - one stage's trouble must not hold up the others
            ports.journal.failed(error, uid=ref.run.uid, workflow=ref.run.workflow, activity=ref.activity)
            again += [received.id for received in reports]
    return again


def _record_stage(
    registrations: StageRegistrations,
    reports: list[Received | ReceivedRecord],
    ports: StagePorts,
    find_plan: FindPlan,
) -> None:
    ref = registrations.ref
    plan = find_plan(ref)
    if plan is None:
        for received in reports:
            _refuse(ports.journal, received, "unknown-run", "no such run, or the stage is not open in this attempt")
        return
    # The plan may be one that was remembered: only the control row says whether its attempt is the one under way.
    control = ports.control.get(ref)
    if control is None:
        for received in reports:
            _refuse(ports.journal, received, "other-attempt", "another attempt of the run has begun")
        return
    recorder = _Recorder(StageEffects(ports, ref, plan), registrations, control.release)
    closed: dict[int, PluginRow] = {}
    for received, starts in collapse(recorder.attribute(reports)):
        row = recorder.record(received, starts)
        index = plan.index_of(received.report.plugin)
        if row is not None and index is not None:
            closed[index] = row
    if closed:
        _move_on(recorder.effects, closed)


def _move_on(effects: StageEffects, closed: dict[int, PluginRow]) -> None:
    """Take plugins off the tally and do what follows; a stage closes on a recount, never on the tally alone."""
    ports, ref, plan = effects.ports, effects.ref, effects.plan
    control = effects.settle(closed)
    if control is None or not control.opened:
        return
    actions = decide(read_tally(plan, control), ports.clock())
    if any(isinstance(action, Close) for action in actions):
        if control.open and not control.failed & closed.keys():
            # A failure that another report brought: that one, when it comes again, or a wake closes the stage.
            # Recounting for each report after a failure would cost the square of the plugins' number.
            return
        records = ports.status.load_stage(ref)
        outcome = records.row.outcome if records.row else None
        snapshot = count_rows(plan, records.plugins, control, outcome, enforce_deadlines=False)
        actions = decide(snapshot, ports.clock())
    for action in actions:
        match action:
            case ReleasePlugins():
                run = ports.status.get_run(ref.run.uid, ref.run.workflow)
                if run is not None and run.ref == ref.run and not run.ended:
                    effects.release(action, run)
            case Close(stage_outcome):
                effects.close(stage_outcome)


@dataclass(frozen=True, slots=True)
class _Recorder:
    """Records the reports on one stage."""

    effects: StageEffects
    registrations: StageRegistrations
    release: Release | None

    @property
    def journal(self) -> Journal:
        return self.effects.ports.journal

    def attribute(self, batch: Iterable[Received | ReceivedRecord]) -> list[Received]:
        """Say which plugin each record is of; what the plugins say themselves comes before what Lambda says of them."""
        reports: list[Received] = []
        records: list[Received] = []
        plan = self.effects.plan
        for received in batch:
            if isinstance(received, Received):
                reports.append(received)
                continue
            name = self.registrations.plugin_of(received.record, plan)
            if name is None:
                self._refuse(received, "unregistered", "no plugin of the stage has this subscription")
            elif plan.index_of(name) is not None and name not in received.record.released:
                # Its filter has no "plugins", so that it is called for others' turns as well.
                self._refuse(received, "not-released", "the call was not this plugin's turn")
            else:
                records.append(Received(id=received.id, report=received.report_of(name), sender=received.sender))
        return reports + records

    def record(self, received: Received, starts: Starts) -> PluginRow | None:
        """Write the plugin's row; return it if a terminal report finds it terminal, whoever made it so."""
        report, plan = received.report, self.effects.plan
        index = plan.index_of(report.plugin)
        expected = plan.plugins[index] if index is not None else None
        if not self._may_report(received, expected):
            return None
        if expected is not None and expected.kept is not None:
            self._refuse(received, "already-ended", f"an earlier attempt left it {expected.kept.value!r}")
            return None
        now = self.effects.ports.clock()
        released_at = self.release.claimed_at if self.release else None
        started_at = starts.started_at(now, ended=report.state.is_terminal, released_at=released_at)
        row, output = row_of(report, expected, now=now, started_at=started_at)
        recorded = self.effects.ports.status.record(
            self.effects.ref,
            row,
            expires_at=plan.expires_at,
            output=output,
            first=is_likely_first(report, expected, start_told=starts.told, shown=starts.shown),
        )
        stored = recorded.row
        if recorded.accepted:
            self._tell(stored, starts.again(stored.started_at, here=started_at))
        if not report.state.is_terminal:
            return None
        if stored.attempt != report.attempt:
            self._refuse(received, "other-attempt", f"the plugin is in attempt {stored.attempt}")
            return None
        if stored.state is not row.state:
            self._refuse(received, "already-ended", f"the plugin's state is {stored.state.value!r} already")
        return stored

    def _refuse(self, received: Received | ReceivedRecord, reason: str, detail: str) -> None:
        expected = isinstance(received, Received) and self.effects.plan.index_of(received.report.plugin) is not None
        _refuse(self.journal, received, reason, detail, expected=expected)

    def _tell(self, row: PluginRow, again: int) -> None:
        ref = self.effects.ref
        if again:
            self.journal.tell(PluginStartedAgain(ref=ref, plugin=row.name, times=again))
        if row.state.is_terminal:
            self.journal.tell(plugin_ended(ref, row, self.effects.plan, self.release))

    def _may_report(self, received: Received, expected: ExpectedPlugin | None) -> bool:
        """Whether the sender is who it says; the registry is read only where the plan does not answer that."""
        role_id = received.role_id
        if expected is not None and _may_send(role_id, expected.sender_role_ids):
            return True
        registered = self.registrations.named(received.report.plugin)
        if registered is None and expected is None:
            self._refuse(received, "unregistered", "no plugin of this name is registered to the stage")
            return False
        if registered is not None and _may_send(role_id, registered.sender_role_ids):
            return True
        self._refuse(received, "wrong-sender", "the report comes from another role than the plugin's")
        return False


def _may_send(role_id: str | None, sender_role_ids: Collection[str]) -> bool:
    """Whether a role may report, where both it and those that may are known."""
    return role_id is None or not sender_role_ids or role_id in sender_role_ids


def _refuse(
    journal: Journal, received: Received | ReceivedRecord, reason: str, detail: str, *, expected: bool = False
) -> None:
    about = received.ref.about
    if isinstance(received, Received):
        about["plugin"] = received.report.plugin
    else:
        about["subscription_arn"] = received.record.subscription_arn
        about["function_arn"] = received.record.function_arn
    journal.tell(ReportRefused(reason=reason, detail=detail, about=about, expected=expected))
