"""Opens an activity: what its task in the workflow's state machine invokes, and invokes again after a timeout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from orchestrator_runtime.contract import ErrorName, Stage
from orchestrator_runtime.core.activity import CLAIM_EXPIRES_AFTER
from orchestrator_runtime.core.records import ActivityRef
from orchestrator_runtime.protocol.activity_work import ActivityWork
from orchestrator_runtime.protocol.closing import ActivityPorts

_NO_TIME: Final = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRequest:
    """One entry of an activity's task.

    Attributes:
        ref: The activity.
        token: The task token that this entry waits for.
        entered: When the state was entered.
        retry: How often this entry was retried.
    """

    ref: ActivityRef
    token: str
    entered: datetime
    retry: int

    @property
    def rank(self) -> str:
        """Orders the tokens of an activity as text; a handler that was given up on brings an earlier one."""
        return f"{self.ref.attempt:09d}.{int(self.entered.timestamp() * 1000):015d}.{self.retry:04d}"


def open_activity(request: OpenRequest, ports: ActivityPorts) -> None:
    """Open the activity on the attempt's first entry, and work it on every one.

    An activity without any matching plugin is answered at once.
    """
    ref, run_ref = request.ref, request.ref.run
    run = ports.status.get_run(run_ref.uid, run_ref.workflow)
    if run is None or run.ref.attempt != ref.attempt:
        reason = f"run {run_ref.uid!r} of {run_ref.workflow}: attempt {ref.attempt} is over, another has begun"
        ports.signals.fail(request.token, ErrorName.RUN_SUPERSEDED, reason)
        return
    if run.ended:
        reason = f"run {run_ref.uid!r} of {run_ref.workflow} has ended"
        ports.signals.fail(request.token, ErrorName.RUN_ENDED, reason)
        return
    registered = ports.registry.stages(ref.name, tuple(Stage))
    if not registered:
        reason = f"activity {ref.name!r} is not deployed: deploy it, or remove it from workflow {run_ref.workflow!r}"
        ports.signals.fail(request.token, ErrorName.UNKNOWN_ACTIVITY, reason)
        return
    work = ActivityWork(
        ref,
        ports,
        run=run,
        registered=registered,
        enforce_deadlines=True,
        # A retry means that the invocation before it has failed, and its claim with it.
        claim_expires_after=_NO_TIME if request.retry else CLAIM_EXPIRES_AFTER,
    )
    work.open(request.token, request.rank, first=not request.retry)
