"""Records the reports of plugins and Lambda's invocation records, and works the activities that they are about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from orchestrator_runtime.contract import PROGRESS_EVERY_SECONDS, Handler
from orchestrator_runtime.core.happening import ReportRefused, plugin_ended
from orchestrator_runtime.core.incoming_report import IncomingReport, coalesce
from orchestrator_runtime.core.outputs import output_bytes, room_for, sure_bytes
from orchestrator_runtime.core.plan import holders, one_of_each_name
from orchestrator_runtime.core.records import ActivityControl, ExpectedPlugin, PluginRow, StagePlan, StageRef
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.report_row import OutputRefusedError, is_likely_first, no_room, output_text, row_of
from orchestrator_runtime.ports import Journal
from orchestrator_runtime.protocol.activity_work import ActivityWork
from orchestrator_runtime.protocol.closing import ActivityPorts
from orchestrator_runtime.protocol.report_memory import MOST_AT_ONCE, ReportMemory
from orchestrator_runtime.trace_ports import UNTRACED, Tracer

_TOO_OFTEN: Final = (
    f"the plugin reports progress more often than each {PROGRESS_EVERY_SECONDS} s, and {MOST_AT_ONCE} times at once: "
    "report it less often"
)

FindPlan = Callable[[StageRef], StagePlan | None]
"""Finds a stage's plan. A plan never changes, so it may be remembered."""


def record_results(
    batch: Iterable[IncomingReport],
    ports: ActivityPorts,
    find_plan: FindPlan,
    tracer: Tracer = UNTRACED,
    memory: ReportMemory | None = None,
) -> list[str]:
    """Record a batch of reports: for each stage all rows first, then one decision.

    Args:
        batch: The reports in the order received.
        ports: The world.
        find_plan: Finds a stage's plan.
        tracer: Traces the work on each stage. Default: nothing is traced.
        memory: What the batches before this one left. Default: nothing.

    Returns:
        Ids of the messages that could not be handled and have to be received again.
    """
    memory = ReportMemory() if memory is None else memory
    by_stage: dict[StageRef, list[IncomingReport]] = {}
    for report in batch:
        if report.record is not None and report.record.report_to != ports.report_to:
            _refuse(ports.journal, report, "other-core", "the invocation was another core's, which shares the function")
        else:
            by_stage.setdefault(report.ref, []).append(report)
    again: list[str] = []
    for ref, reports in by_stage.items():
        try:
            # A batch holds reports of several runs: each is recorded in its own run's trace.
            sent_in = next((report.trace_header for report in reports if report.trace_header), None)
            with tracer.span(Handler.RECORD_RESULT.value, ref.about, continues=sent_in):
                _record_stage(ref, reports, ports, find_plan, memory)
        except Exception as error:  # noqa: BLE001 - one stage's trouble must not delay the others
            ports.journal.failed(error, uid=ref.run.uid, workflow=ref.run.workflow, activity=ref.activity)
            again += [report.id for report in reports]
    return again


def _record_stage(
    ref: StageRef, reports: list[IncomingReport], ports: ActivityPorts, find_plan: FindPlan, memory: ReportMemory
) -> None:
    plan = find_plan(ref)
    if plan is None:
        _refuse_all(ports.journal, reports, "unknown-run", "no such run, or the stage is not open in this attempt")
        return
    # The plan may be a remembered one: only the control item says which attempt and stage is under way.
    control = ports.control.get(ref.of_activity)
    if control is None:
        _refuse_all(ports.journal, reports, "other-attempt", "another attempt of the run has begun")
        return
    if control.run_ended:
        _refuse_all(ports.journal, reports, "run-ended", "the run has ended")
        return
    recorder = _Recorder(ref, plan, control, ports, memory)
    finished: dict[int, PluginRow] = {}
    for report in coalesce(recorder.attribute(reports)):
        row = recorder.record(report)
        index = plan.index_of(report.plugin)
        if row is not None and index is not None:
            finished[index] = row
    if finished:
        _go_on(ref, plan, finished, ports)


def _go_on(ref: StageRef, plan: StagePlan, finished: dict[int, PluginRow], ports: ActivityPorts) -> None:
    """Take plugins off the pending set, and work the activity."""
    failed = {index for index, row in finished.items() if not row.state.is_done}
    work = ActivityWork(ref.of_activity, ports, plan=plan)
    control = ports.control.settle(ref, finished=finished.keys(), failed=failed)
    if control is not None:
        work.settled(control)
        return
    # The activity has left the stage. Whoever moved it may have died before it published, or answered the task.
    control = ports.control.get(ref.of_activity)
    if control is not None and (control.outcome or (control.dispatch and control.dispatch.published_at is None)):
        work.work(control)


@dataclass
class _Recorder:
    """Records the reports on one stage."""

    ref: StageRef
    plan: StagePlan
    control: ActivityControl
    ports: ActivityPorts
    memory: ReportMemory

    def attribute(self, batch: Iterable[IncomingReport]) -> list[IncomingReport]:
        """Find the plugin of each invocation record; the plugins' own reports come before Lambda's records."""
        reports: list[IncomingReport] = []
        records: list[IncomingReport] = []
        for report in batch:
            if report.record is None:
                reports.append(report)
                continue
            name = self._plugin_of(report.record.subscription_arn)
            if name is None:
                self._refuse(report, "unregistered", "no plugin of the stage has this subscription")
            elif self.plan.index_of(name) is not None and name not in report.record.dispatched:
                # Its filter has no "plugins", so that messages to other plugins invoke it as well.
                self._refuse(report, "not-dispatched", "the invocation was not this plugin's turn")
            else:
                records.append(replace(report, plugin=name))
        return reports + records

    def record(self, report: IncomingReport) -> PluginRow | None:
        """Write the plugin's row; return it if a terminal report finds it terminal, whoever made it so."""
        index = self.plan.index_of(report.plugin)
        expected = self.plan.plugins[index] if index is not None else None
        if not self._may_report(report, expected):
            return None
        if expected is not None and expected.kept is not None:
            self._refuse(report, "already-ended", f"an earlier attempt left it {expected.kept.value!r}")
            return None
        now = self.ports.clock()
        if problem := self._problem_with_turn(index) or self._problem_with_pace(report, now):
            self._refuse(report, *problem)
            return None
        dispatch = self.control.dispatch if self.control.stage is self.ref.stage else None
        started_at = report.start(now, dispatched_at=dispatch.claimed_at if dispatch else None)
        output = problem_with_output = None
        if index is not None:  # what a plugin returns that nobody expected is given to nobody
            try:
                output = self._output_of(report, index)
            except OutputRefusedError as refused:
                problem_with_output = str(refused)
        row = row_of(report, expected, now=now, started_at=started_at, problem=problem_with_output)
        recorded = self.ports.status.record(
            self.ref,
            row,
            expires_at=self.plan.expires_at,
            output=output,
            first=is_likely_first(report, expected),
        )
        stored = recorded.row
        if recorded.accepted and stored.state.is_terminal:
            self.ports.journal.tell(plugin_ended(self.ref, stored, self.plan, dispatch))
        if not report.state.is_terminal:
            return None
        if stored.attempt != self.ref.attempt:
            self._refuse(report, "other-attempt", f"the plugin is in attempt {stored.attempt}")
            return None
        if stored.state is not row.state:
            self._refuse(report, "already-ended", f"the plugin's state is {stored.state.value!r} already")
        return stored

    def _output_of(self, report: IncomingReport, index: int) -> str | None:
        """The output that is carried on, once it has its room in messages.

        Room is taken before the row is written: a handler that dies in between is repeated, and finds it taken.

        Raises:
            OutputRefusedError: It cannot be carried on.
        """
        text = output_text(report, self.plan.max_output_bytes)
        if text is None:
            return None
        size = output_bytes(f"{self.ref.key}/{report.plugin}", text)
        if size <= sure_bytes(self.plan, index):
            return text
        control: ActivityControl | None = self.control
        while control is not None and control.stage is self.ref.stage and control.outputs.get(index, 0) < size:
            room = room_for(self.plan, index, control.outputs)
            if size > room:
                raise no_room(size, room)
            outputs = {**control.outputs, index: size}
            stored = self.ports.control.take_room(self.ref, outputs, seen=control.outputs)
            # Where another handler took room meanwhile, its item says what is left.
            control = stored or self.ports.control.get(self.ref.of_activity)
            self.control = control or self.control
        return text

    def _problem_with_turn(self, index: int | None) -> tuple[str, str] | None:
        """Why a plugin has nothing to report now: it was not dispatched, or nobody waits for its stage any more."""
        control, stage = self.control, self.ref.stage
        if index is None:
            if control.stage is stage and control.outcome is None:
                return None
            return "stage-closed", "the plugin is not expected in this run, and its stage is closed"
        if control.stage is not None and stage in control.stage.following:
            return "not-dispatched", "the stage is not open in this attempt"
        dispatch = control.dispatch
        if control.stage is stage and stage.is_sequential and (dispatch is None or index > dispatch.ordinal):
            return "not-dispatched", "the plugin has not been dispatched in this attempt"
        return None

    def _problem_with_pace(self, report: IncomingReport, now: datetime) -> tuple[str, str] | None:
        """Why progress is not recorded. How a plugin ended always is."""
        if report.state.is_terminal or self.memory.takes_progress(self.ref, report.plugin, now):
            return None
        return "too-often", _TOO_OFTEN

    def _plugin_of(self, subscription_arn: str) -> str | None:
        """The plugin that a subscription invokes. The plan knows those that it expects, whatever was changed since."""
        if name := self.plan.invoked_through(subscription_arn):
            return name
        found = self.ports.registry.get(self.ref.activity, self.ref.stage, subscription_arn)
        if found is None:
            return None
        others = [each for each in self._registered(found.name) if each.subscription_arn != subscription_arn]
        # What has the name of another plugin is not that plugin.
        return found.name if found in holders([*others, found]) else None

    def _may_report(self, report: IncomingReport, expected: ExpectedPlugin | None) -> bool:
        """Whether the sender may report for the plugin; the registry is read only if the plan does not say."""
        if expected is not None and report.may_be_of(expected.sender_role_ids):
            return True
        registered = next(iter(one_of_each_name(self._registered(report.plugin))), None)
        if registered is None and expected is None:
            self._refuse(report, "unregistered", "no plugin of this name is registered to the stage")
            return False
        if registered is not None and report.may_be_of(registered.sender_role_ids):
            return True
        self._refuse(report, "wrong-sender", "the report comes from another sender than the plugin's role")
        return False

    def _registered(self, name: str) -> Sequence[Registration]:
        """The registrations under a name: of its managed plugin, or else those that no construct made."""
        ref, registry = self.ref, self.ports.registry
        if managed := registry.named(ref.activity, ref.stage, name):
            return managed
        plain = self.memory.plain_registrations(ref, registry, self.ports.clock())
        return [each for each in plain if each.name == name]

    def _refuse(self, report: IncomingReport, reason: str, detail: str) -> None:
        expected = bool(report.plugin) and self.plan.index_of(report.plugin) is not None
        _refuse(self.ports.journal, report, reason, detail, expected=expected)


def _refuse(journal: Journal, report: IncomingReport, reason: str, detail: str, *, expected: bool = False) -> None:
    about = report.ref.about
    if report.record is None or report.plugin:
        about["plugin"] = report.plugin
    if report.record is not None:
        about["subscription_arn"] = report.record.subscription_arn
        about["function_arn"] = report.record.function_arn
    journal.tell(ReportRefused(reason=reason, detail=detail, about=about, expected=expected, count=report.count))


def _refuse_all(journal: Journal, reports: Iterable[IncomingReport], reason: str, detail: str) -> None:
    for report in coalesce(reports):
        _refuse(journal, report, reason, detail)
