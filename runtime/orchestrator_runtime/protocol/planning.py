"""Plans the stages of an activity as they open: whom each expects, and what becomes of earlier attempts' rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.happening import PluginUnreachable
from orchestrator_runtime.core.message import DoesNotFitError, earlier_outputs, has_earlier_stages, message_body
from orchestrator_runtime.core.outputs import with_budget
from orchestrator_runtime.core.plan import make_plan, match_registrations, sort_leftovers
from orchestrator_runtime.core.records import ActivityRef, Outcome, PluginRow, Run, StagePlan, StageRef
from orchestrator_runtime.core.registration import StageRegistrations
from orchestrator_runtime.protocol.closing import ActivityPorts, close_stage, fail_stage


@dataclass(frozen=True, slots=True)
class OpenStage:
    """A stage that has something to do: its plan, and the outputs of earlier stages that its plugins receive."""

    ref: StageRef
    plan: StagePlan
    outputs: Mapping[str, Any]


class StageFailedError(Exception):
    """A stage cannot be opened; it is closed with this outcome of the activity."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


class SupersededError(Exception):
    """A later attempt has opened the stage."""


def plan_next(
    ref: ActivityRef,
    leaving: Stage | None,
    run: Run,
    ports: ActivityPorts,
    *,
    registered: Mapping[Stage, StageRegistrations] | None = None,
    again: bool = False,
) -> OpenStage | None:
    """Plan the stages that follow until one has something to do. A stage that no plugin matches costs no write.

    Args:
        ref: The activity.
        leaving: The stage that is complete; ``None`` if the activity opens.
        run: The run.
        ports: The world.
        registered: The activity's registrations. Default: they are read, for the stages that follow.
        again: Whether a handler before this one may have stored a plan that the registrations do not lead to any more.

    Raises:
        StageFailedError: A plan is too large to be stored.
        SupersededError: A later attempt has opened the stage.
    """
    stages = tuple(Stage) if leaving is None else leaving.following
    if not stages:
        return None
    if registered is None:
        registered = ports.registry.stages(ref.name, stages)
    outputs: dict[str, Any] | None = None
    for stage in map(ref.stage, stages):
        of_stage = registered.get(stage.stage)
        if of_stage is None or (not of_stage.registrations and run.ref.attempt == 1 and not again):
            continue
        if outputs is None and of_stage.registrations and has_earlier_stages(stage, run):
            outputs = dict(ports.status.outputs(run.ref))
        planned = _plan_stage(stage, of_stage, run, outputs or {}, ports, again=again)
        if planned is not None and planned.plan.unfinished:
            return planned
        if planned is not None:
            # An earlier attempt has finished everything that the stage expects.
            close_stage(stage, planned.plan, Outcome(state=State.COMPLETE), ports)
    return None


def _plan_stage(
    ref: StageRef,
    of_stage: StageRegistrations,
    run: Run,
    outputs: dict[str, Any],
    ports: ActivityPorts,
    *,
    again: bool,
) -> OpenStage | None:
    """Store whom the stage expects, and bring the rows of earlier attempts into this one.

    Of the outputs, those of plugins that the stage does not expect any more are taken out.
    """
    now = ports.clock()
    earlier = earlier_outputs(ref, run, outputs)
    body = message_body(ref, run.metadata, earlier, report_to=ports.report_to, now=now)
    matched = match_registrations(of_stage.registrations, ref.run, run.metadata, body)
    for registration in matched.unreachable:
        detail = matched.why_unreachable(registration)
        ports.journal.tell(PluginUnreachable(ref=ref, plugin=registration.name, detail=detail))
    records = ports.status.load_stage(ref) if ref.attempt > 1 else None
    rows = records.plugins if records else {}
    plan = records.plan if records else None
    if again and records is None and not matched.expected:
        plan = ports.status.get_plan(ref)
    if plan is None and (matched.expected or rows):
        plan = make_plan(
            matched.expected,
            rows,
            of_stage.settings,
            attempt=ref.attempt,
            opened_at=now,
            expires_at=run.expires_at,
            attribute_keys=matched.attribute_keys,
        )
        for row in sort_leftovers(plan, rows).forget:
            outputs.pop(f"{ref.key}/{row.name}", None)
        if plan.plugins:
            plan = _store(ref, with_budget(plan, ref, run, outputs), ports)
    if plan is None:
        return None
    _settle_leftovers(ref, plan, rows, ports)
    return OpenStage(ref, plan, earlier) if plan.plugins else None


def _store(ref: StageRef, plan: StagePlan, ports: ActivityPorts) -> StagePlan:
    """Store a plan; the one that is stored first in an attempt counts."""
    try:
        stored = ports.status.save_plan(ref, plan)
    except DoesNotFitError as error:
        raise StageFailedError(fail_stage(ref, plan, str(error), ports)) from None
    if stored is None:
        raise SupersededError
    return stored


def _settle_leftovers(ref: StageRef, plan: StagePlan, rows: Mapping[str, PluginRow], ports: ActivityPorts) -> None:
    """Bring what earlier attempts left into this one, before anything is dispatched."""
    status, expires_at = ports.status, plan.expires_at
    leftovers = sort_leftovers(plan, rows)
    for row in leftovers.keep:
        status.keep_plugin(ref, row, expires_at=expires_at)
    for row in leftovers.forget:
        status.keep_plugin(ref, row, expires_at=expires_at, output=False)
    now = ports.clock()
    for row in leftovers.reset:
        status.reset_plugin(ref, row, State.NOT_STARTED, now=now, expires_at=expires_at)
    for row in leftovers.drop:
        status.reset_plugin(ref, row, State.DO_NOT_RUN, now=now, expires_at=expires_at)
