"""Opens a stage, and recounts one that is open: what the state machine's task enters, again and again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestrator_runtime.contract import ErrorName, State
from orchestrator_runtime.core.happening import StageWaits
from orchestrator_runtime.core.message import DoesNotFitError, earlier_outputs, message_body
from orchestrator_runtime.core.plan import (
    StageOptions,
    expected_registrations,
    keys_to_send,
    make_plan,
    sort_leftovers,
)
from orchestrator_runtime.core.records import Control, Outcome, Run, StageRef
from orchestrator_runtime.core.stage import Close, MarkError, ReleasePlugins, count_rows, decide
from orchestrator_runtime.ports import StageRecords
from orchestrator_runtime.protocol.stage_effects import StageEffects, StagePorts, close_stage

_RUN_ENDED: Final = Outcome(state=State.ERROR, message="the run ended before the stage did")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceRequest:
    """One entry of a stage's task.

    Attributes:
        ref: The stage.
        options: The stage's settings.
        token: The token that this entry waits on.
        entered: When the state was entered.
        retry: How often this entry was retried.
    """

    ref: StageRef
    options: StageOptions
    token: str
    entered: datetime
    retry: int

    @property
    def rank(self) -> str:
        """Orders the tokens of a stage as text; a handler thought dead brings an earlier one."""
        return f"{self.ref.attempt:09d}.{int(self.entered.timestamp() * 1000):015d}.{self.retry:04d}"


def advance_stage(request: AdvanceRequest, ports: StagePorts) -> None:
    """Open the stage on the attempt's first entry, recount it on every one.

    The token is stored before anything is read: whoever writes an outcome after that
    finds it, and whoever wrote one before is found by the reads below.
    """
    ref = request.ref
    control = ports.control.store_token(ref, token=request.token, rank=request.rank)
    run = ports.status.get_run(ref.run.uid, ref.run.workflow)
    if run is None or run.ref.attempt != ref.attempt:
        reason = f"run {ref.run.uid!r} of {ref.run.workflow}: attempt {ref.attempt} is over, another has begun"
        ports.signals.fail(request.token, ErrorName.RUN_SUPERSEDED, reason)
        return
    if run.ended:
        reason = f"run {ref.run.uid!r} of {ref.run.workflow} has ended"
        close_stage(ref, _RUN_ENDED, ports)
        ports.signals.fail(request.token, ErrorName.RUN_ENDED, reason)
        return
    if control is None:
        return
    records = ports.status.load_stage(ref)
    try:
        effects = StageEffects(ports, ref, records.plan) if records.plan else _make_plan(request, run, records, ports)
    except DoesNotFitError as error:
        # Nobody was called yet, and another try would find the same.
        close_stage(ref, Outcome(state=State.ERROR, message=str(error)), ports)
        ports.signals.fail(request.token, ErrorName.PLUGIN_FAILED, f"{ref.key}: {error}")
        return
    if effects is None:
        # A later attempt has begun since the run's row was read.
        return
    if not control.opened:
        _settle_leftovers(effects, records)
        control = ports.control.open(ref, indices=effects.plan.unfinished, expires_at=run.expires_at)
        if control is not None and control.ended:
            # The run ended after its row was read, and found no row of this stage to close.
            effects.close(_RUN_ENDED)
            return
        if control is not None and control.release is not None:
            # Another handler opened the stage meanwhile: its release must not be judged by rows older than it.
            records = ports.status.load_stage(ref)
    _work(effects, run, records, control)


def _work(effects: StageEffects, run: Run, records: StageRecords, control: Control | None) -> None:
    """Decide and perform until the stage waits, is closed, or belongs to another attempt."""
    ports, ref = effects.ports, effects.ref
    while control is not None:
        snapshot = count_rows(
            effects.plan,
            records.plugins,
            control,
            records.row.outcome if records.row else None,
            enforce_deadlines=True,
        )
        _heal_tally(effects, records, control, snapshot.open)
        actions = decide(snapshot, ports.clock())
        for action in actions:
            match action:
                case MarkError():
                    effects.mark_error(action, control.release)
                case ReleasePlugins():
                    effects.release(action, run)
                case Close(outcome):
                    effects.close(outcome)
        if not actions and control.release is not None:
            waits_for = tuple(effects.plan.plugins[index].name for index in sorted(snapshot.open))
            ports.journal.tell(StageWaits(ref=ref, open=waits_for))
        if not any(isinstance(action, MarkError) for action in actions):
            return
        control = ports.control.get(ref)
        records = ports.status.load_stage(ref)


def _make_plan(request: AdvanceRequest, run: Run, records: StageRecords, ports: StagePorts) -> StageEffects | None:
    ref = request.ref
    now = ports.clock()
    ports.status.open_stage(ref, now=now, expires_at=run.expires_at)
    registrations = ports.registry.registrations(ref.activity, ref.stage)
    outputs = earlier_outputs(ref, run, ports.status.outputs(ref.run)) if registrations else {}
    body = message_body(ref, run.metadata, outputs, report_to=ports.report_to, now=now)
    plan = make_plan(
        expected_registrations(registrations, ref.run, run.metadata, body),
        records.plugins,
        request.options,
        attempt=ref.attempt,
        expires_at=run.expires_at,
        attribute_keys=keys_to_send(registrations),
    )
    stands = ports.status.save_plan(ref, plan)
    return StageEffects(ports, ref, stands, outputs) if stands else None


def _settle_leftovers(effects: StageEffects, records: StageRecords) -> None:
    """Bring what earlier attempts left into this one, before anything is released."""
    status, ref, expires_at = effects.ports.status, effects.ref, effects.plan.expires_at
    leftovers = sort_leftovers(effects.plan, records.plugins)
    for row in leftovers.keep:
        status.keep_plugin(ref, row, expires_at=expires_at)
    now = effects.ports.clock()
    for row in leftovers.reset:
        status.reset_plugin(ref, row, State.NOT_STARTED, now=now, expires_at=expires_at)
    for row in leftovers.drop:
        status.reset_plugin(ref, row, State.DO_NOT_RUN, now=now, expires_at=expires_at)


def _heal_tally(effects: StageEffects, records: StageRecords, control: Control, still_open: frozenset[int]) -> None:
    """Take off the tally what the rows say is closed: its handler died between the two."""
    if closed := control.open - still_open:
        plugins = effects.plan.plugins
        effects.settle({index: records.plugins[plugins[index].name] for index in closed})
