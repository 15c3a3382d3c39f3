"""Takes plugins' reports, and Lambda's records of their calls: writes their rows, and moves their stages on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from orchestrator_runtime.contract import MAX_NESTING, MAX_OUTPUT_BYTES, MAX_TEXT, State
from orchestrator_runtime.core.records import ExpectedPlugin, PluginRow, RunRef, StagePlan, StageRef
from orchestrator_runtime.core.stage import Close, ReleasePlugins, count_rows, decide, read_tally
from orchestrator_runtime.json_text import compact_json, is_too_deep
from orchestrator_runtime.models import Report
from orchestrator_runtime.ports import Journal
from orchestrator_runtime.protocol.attribution import ReceivedRecord, StageRegistrations
from orchestrator_runtime.protocol.stage_effects import StageEffects, StagePorts

FindPlan = Callable[[StageRef], StagePlan | None]
"""Finds a stage's plan. A plan never changes, so what this remembers stays right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A report as the queue delivered it.

    Attributes:
        id: The queue's id of the message.
        report: The report.
        sender: Who sent it, as the queue says: ``role id:session`` of an assumed role.
    """

    id: str
    report: Report
    sender: str | None = None

    @property
    def ref(self) -> StageRef:
        """The stage that it reports on."""
        run = RunRef(self.report.uid, self.report.workflow, self.report.attempt)
        return run.stage(self.report.activity, self.report.stage)

    @property
    def role_id(self) -> str | None:
        """The unique id of the sending role, where the queue tells it."""
        role_id, separator, _ = (self.sender or "").partition(":")
        return role_id if separator and role_id.startswith("AROA") else None


def record_results(
    batch: Iterable[Received | ReceivedRecord],
    ports: StagePorts,
    journal: Journal,
    find_plan: FindPlan,
) -> list[str]:
    """Record a batch of reports: for each stage all rows first, then one decision.

    Args:
        batch: The reports and the invocation records, in the order received.
        ports: The world.
        journal: Told of each report that is refused.
        find_plan: Finds a stage's plan.

    Returns:
        Ids of the messages that could not be dealt with and have to come again.
    """
    by_stage: dict[StageRef, list[Received | ReceivedRecord]] = {}
    for received in batch:
        if isinstance(received, ReceivedRecord) and received.record.report_to != ports.report_to:
            _refuse(journal, received, "other-core", "the call was another core's, which shares the function")
        else:
            by_stage.setdefault(received.ref, []).append(received)
    again: list[str] = []
    for ref, reports in by_stage.items():
        try:
            _record_stage(StageRegistrations(ports.registry, ref), reports, ports, journal, find_plan)
        except Exception as error:  # noqa: BLE001 - one stage's trouble must not hold up the others
            journal.failed(error, uid=ref.run.uid, workflow=ref.run.workflow, activity=ref.activity)
            again += [received.id for received in reports]
    return again


def _record_stage(
    registrations: StageRegistrations,
    reports: list[Received | ReceivedRecord],
    ports: StagePorts,
    journal: Journal,
    find_plan: FindPlan,
) -> None:
    ref = registrations.ref
    plan = find_plan(ref)
    if plan is None:
        for received in reports:
            _refuse(journal, received, "unknown-run", "no such run, or the stage is not open in this attempt")
        return
    # The plan may be one that was remembered: only the control row says whether its attempt is the one under way.
    if ports.control.get(ref) is None:
        for received in reports:
            _refuse(journal, received, "other-attempt", "another attempt of the run has begun")
        return
    recorder = _Recorder(StageEffects(ports, ref, plan), registrations, journal)
    closed: dict[int, PluginRow] = {}
    for received, started in _collapse(recorder.attribute(reports)):
        row = recorder.record(received, started=started)
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


def _collapse(reports: list[Received]) -> list[tuple[Received, bool]]:
    """Keep one report a plugin and sender, and say whether a start is among those it stands for.

    The first terminal one is kept, else the last; what it does not say itself, message and
    progress, it takes from those before it, as the row would if they came one by one.
    """
    kept: dict[tuple[str, str | None], tuple[Received, bool]] = {}
    for received in reports:
        key = (received.report.plugin, received.role_id)
        previous, started = kept.get(key, (None, False))
        started = started or received.report.state is State.IN_PROGRESS
        if previous is None:
            kept[key] = (received, started)
        elif previous.report.state.is_terminal:
            kept[key] = (previous, started)
        else:
            said = previous.report.model_dump(include={"message", "progress"}, exclude_none=True)
            own = received.report.model_dump(include={"message", "progress"}, exclude_none=True)
            kept[key] = (replace(received, report=received.report.model_copy(update={**said, **own})), started)
    return list(kept.values())


@dataclass(frozen=True, slots=True)
class _Recorder:
    """Records the reports on one stage."""

    effects: StageEffects
    registrations: StageRegistrations
    journal: Journal

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
                _refuse(self.journal, received, "unregistered", "no plugin of the stage has this subscription")
            elif plan.index_of(name) is not None and name not in received.record.released:
                # Its filter has no "plugins", so that it is called for others' turns as well.
                _refuse(self.journal, received, "not-released", "the call was not this plugin's turn")
            else:
                records.append(Received(id=received.id, report=received.report_of(name), sender=received.sender))
        return reports + records

    def record(self, received: Received, *, started: bool) -> PluginRow | None:
        """Write the plugin's row; return it if a terminal report finds it terminal, whoever made it so."""
        report, plan = received.report, self.effects.plan
        index = plan.index_of(report.plugin)
        expected = plan.plugins[index] if index is not None else None
        if not self._may_report(received, expected):
            return None
        if expected is not None and expected.kept is not None:
            _refuse(self.journal, received, "already-ended", f"an earlier attempt left it {expected.kept.value!r}")
            return None
        now = self.effects.ports.clock()
        row, output = _row_of(report, expected, now=now, started=started)
        recorded = self.effects.ports.status.record(
            self.effects.ref,
            row,
            expires_at=plan.expires_at,
            output=output,
            first=_is_likely_first(report, expected, started=started),
        )
        stored = recorded.row
        if not report.state.is_terminal:
            return None
        if stored.attempt != report.attempt:
            _refuse(self.journal, received, "other-attempt", f"the plugin is in attempt {stored.attempt}")
            return None
        if stored.state is not row.state:
            _refuse(self.journal, received, "already-ended", f"the plugin's state is {stored.state.value!r} already")
        return stored

    def _may_report(self, received: Received, expected: ExpectedPlugin | None) -> bool:
        """Whether the sender is who it says; the registry is read only where the plan does not answer that."""
        role_id = received.role_id
        if expected is not None and _may_send(role_id, expected.sender_role_ids):
            return True
        registered = self.registrations.named(received.report.plugin)
        if registered is None and expected is None:
            _refuse(self.journal, received, "unregistered", "no plugin of this name is registered to the stage")
            return False
        if registered is not None and _may_send(role_id, registered.sender_role_ids):
            return True
        _refuse(self.journal, received, "wrong-sender", "the report comes from another role than the plugin's")
        return False


def _may_send(role_id: str | None, sender_role_ids: Collection[str]) -> bool:
    """Whether a role may report, where both it and those that may are known."""
    return role_id is None or not sender_role_ids or role_id in sender_role_ids


def _is_likely_first(report: Report, expected: ExpectedPlugin | None, *, started: bool) -> bool:
    reports_start = expected is not None and expected.start_within_seconds is not None
    return report.progress is None and (started or not reports_start)


def _row_of(
    report: Report, expected: ExpectedPlugin | None, *, now: datetime, started: bool
) -> tuple[PluginRow, str | None]:
    state, message, output = report.state, report.message, None
    if report.output is not None and state is State.COMPLETE:
        try:
            output = _output_text(report.output)
        except ValueError as problem:
            state, message = State.ERROR, str(problem)
    mandatory = expected.mandatory if expected else False
    if state is State.ERROR and not mandatory:
        state = State.OPTIONAL_TASK_ERROR
    row = PluginRow(
        name=report.plugin,
        attempt=report.attempt,
        state=state,
        mandatory=mandatory,
        expected=expected is not None,
        message=message[:MAX_TEXT] if message else None,
        progress=report.progress,
        started_at=now if started else None,
        updated_at=now,
    )
    return (replace(row, ended_at=now) if state.is_terminal else row), output


def _output_text(output: object) -> str:
    if is_too_deep(output):
        raise ValueError(
            f"OutputTooDeep: the output has more than {MAX_NESTING} levels of lists and objects, which later "
            "plugins could not read: nest less"
        )
    try:
        text = compact_json(output)
    except ValueError:
        raise ValueError("OutputNotJson: the output holds an endless number or half a character") from None
    if (size := len(text.encode())) > MAX_OUTPUT_BYTES:
        raise ValueError(
            f"OutputTooLarge: the output is {size:,} bytes, at most {MAX_OUTPUT_BYTES:,} are carried on: "
            "return less, or keep it elsewhere and return a reference"
        )
    return text


def _refuse(journal: Journal, received: Received | ReceivedRecord, reason: str, detail: str) -> None:
    ref = received.ref
    about: dict[str, str | int] = {
        "uid": ref.run.uid,
        "workflow": ref.run.workflow,
        "activity": ref.activity,
        "stage": str(ref.stage),
        "attempt": ref.attempt,
    }
    if isinstance(received, Received):
        about["plugin"] = received.report.plugin
    else:
        about["subscription_arn"] = received.record.subscription_arn
        about["function_arn"] = received.record.function_arn
    journal.refused(reason, detail, **about)
