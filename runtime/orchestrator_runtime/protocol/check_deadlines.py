"""Checks the deadlines of activities in progress, on a schedule.

The control table's index lists the activities whose due time has come. Each is loaded, decided and performed as by
any other handler, with deadlines enforced, and gets its next due time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from orchestrator_runtime.core.activity import next_due
from orchestrator_runtime.core.records import DueActivity, RunRef
from orchestrator_runtime.ports import DueActivities
from orchestrator_runtime.protocol.activity_work import ActivityWork
from orchestrator_runtime.protocol.closing import ActivityPorts
from orchestrator_runtime.protocol.end_run import end_activity

TRY_AGAIN_AFTER: Final = timedelta(minutes=1)
"""An activity whose check failed is due again after this, so that it does not keep the others from their turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPorts:
    """What a deadline check needs of the world.

    Attributes:
        activity: What the work on an activity needs.
        due: The index of due activities.
        has_time: Whether there is time to check one more activity in this invocation.
    """

    activity: ActivityPorts
    due: DueActivities
    has_time: Callable[[], bool]


@dataclass(slots=True)
class Checked:
    """The result of a deadline check.

    Attributes:
        checked: How many activities were checked.
        failed: How many of them raised an error; they are checked again a minute later.
        left: Whether time ran out while activities were still due. The next invocation continues with them.
    """

    checked: int = 0
    failed: int = 0
    left: bool = False


def check_deadlines(ports: CheckPorts) -> Checked:
    """Check the activities that are due, the earliest due time first, as long as there is time.

    What is left over keeps its due time, and comes first in the next invocation.
    """
    result = Checked()
    for due in ports.due.due(ports.activity.clock()):
        if not ports.has_time():
            result.left = True
            break
        result.checked += 1
        try:
            _check(due, ports)
        except Exception as error:  # noqa: BLE001 - one activity's trouble must not delay the others
            result.failed += 1
            ports.activity.journal.failed(error, uid=due.uid, workflow=due.workflow, activity=due.activity)
            _put_off(due, ports)
    return result


def _check(due: DueActivity, ports: CheckPorts) -> None:
    activity = ports.activity
    control = activity.control.find(due.uid, due.workflow, due.activity)
    if control is None or control.due_at is None or control.due_at > activity.clock():
        return  # The index lags behind the item.
    ref = RunRef(due.uid, due.workflow, control.attempt).activity(due.activity)
    run = activity.status.get_run(due.uid, due.workflow)
    if run is None or run.ref != ref.run or run.ended:
        expires_at = run.expires_at if run else int((activity.clock() + timedelta(days=1)).timestamp())
        ended = activity.control.end(ref, expires_at=expires_at)
        if ended is not None and run is not None and run.ref == ref.run:
            end_activity(ref, ended, "the run has ended", activity)
        elif ended is not None:
            activity.control.answered(ref)  # Nobody waits for the task of an attempt that another has followed.
        return
    work = ActivityWork(ref, activity, run=run, enforce_deadlines=True, is_repeated=False)
    waiting = work.work(control)
    current = activity.control.get(ref)
    if current is None or current.stage is None or current.due_at is None or current.due_at > activity.clock():
        return
    if waiting is None or waiting.stage is not current.stage or waiting.dispatch != current.dispatch:
        # It moved on in this check: what it waits for now takes another look.
        waiting = work.work(current)
        current = activity.control.get(ref)
    if waiting is None or current is None:
        return
    # A dispatch by another handler meanwhile has a due time of its own, which comes at the next check.
    if (waiting.stage, waiting.dispatch) == (current.stage, current.dispatch):
        now = activity.clock()
        due_at = max(next_due(waiting, now), now + timedelta(seconds=1))
        activity.control.postpone(ref.stage(waiting.stage), due_at=due_at, seen=current)


def _put_off(due: DueActivity, ports: CheckPorts) -> None:
    try:
        control = ports.activity.control.find(due.uid, due.workflow, due.activity)
        if control is not None and control.stage is not None:
            ref = RunRef(due.uid, due.workflow, control.attempt).stage(due.activity, control.stage)
            due_at = ports.activity.clock() + TRY_AGAIN_AFTER
            ports.activity.control.postpone(ref, due_at=due_at, seen=control)
    except Exception as error:  # noqa: BLE001 - it keeps its due time
        ports.activity.journal.failed(error, uid=due.uid, workflow=due.workflow, activity=due.activity)
