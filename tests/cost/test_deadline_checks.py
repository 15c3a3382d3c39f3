"""Many activities that are due at the same time: each one is checked once, or left for the next invocation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.happening import PluginEnded
from orchestrator_runtime.core.records import PluginRow, RunRef
from orchestrator_runtime.protocol.check_deadlines import Checked
from orchestrator_runtime.protocol.open_activity import OpenRequest, open_activity
from tests.rules.calls import Epoch
from tests.rules.memory_status import Shelf
from tests.rules.world import ACTIVITY, WORKFLOW, World, plugin

MANY = 10_000
PER_INVOCATION = 900
"""Checks that one invocation has time for."""
START_WITHIN = 60


class Partitions(Shelf[PluginRow]):
    """Finds the rows of a run among those of many without a look at each."""

    def __init__(self, clock: Epoch) -> None:
        super().__init__(clock)
        self._of_uid: dict[str, Shelf[PluginRow]] = {}

    def put(self, uid: str, path: str, record: PluginRow, expires_at: int | None = None) -> None:
        super().put(uid, path, record, expires_at)
        self._of_uid.setdefault(uid, Shelf(self.clock)).put(uid, path, record, expires_at)

    def below(self, uid: str, prefix: str) -> dict[str, PluginRow]:
        return self._of_uid[uid].below(uid, prefix) if uid in self._of_uid else {}


def waiting(runs: int, *, timeout_seconds: int = 600) -> World:
    """So many runs, each with an activity that waits for a plugin."""
    world = World(plugin("Score"), start_within_seconds=START_WITHIN, timeout_seconds=timeout_seconds)
    world.status.plugins = Partitions(world.clock)
    for number in range(runs):
        ref = world.begin(f"execution-{number}", uid=uid(number))
        request = OpenRequest(ref=ref.activity(ACTIVITY), token=f"token-{number}", entered=world.clock(), retry=0)
        world.signals.alive.add(request.token)
        open_activity(request, world.ports)
    return world


def uid(number: int) -> str:
    return f"q-{number:05}"


def has_time_for(checks: int) -> Callable[[], bool]:
    """An invocation in which that many activities can be checked."""
    left = iter(range(checks))
    return lambda: next(left, None) is not None


def check_all(world: World) -> list[Checked]:
    """Invoke the check each minute until it leaves nothing."""
    invocations: list[Checked] = []
    while not invocations or invocations[-1].left:
        invocations.append(world.check_deadlines(has_time=has_time_for(PER_INVOCATION)))
        world.clock.forward(60)
        assert len(invocations) <= MANY // PER_INVOCATION + 1
    return invocations


def test_ten_thousand_overdue_activities_each_end_once() -> None:
    world = waiting(MANY)
    world.clock.forward(START_WITHIN)
    invocations = check_all(world)
    full, rest = divmod(MANY, PER_INVOCATION)
    assert invocations == [*[Checked(checked=PER_INVOCATION, left=True)] * full, Checked(checked=rest)]
    answers = Counter(signal.token for signal in world.signals.sent)
    assert answers == Counter(f"token-{number}" for number in range(MANY))
    assert all(signal.alive and signal.error == "PluginFailed" for signal in world.signals.sent)
    ended = Counter(ended.ref.run.uid for ended in world.journal.of(PluginEnded))
    assert ended == Counter(uid(number) for number in range(MANY))
    assert world.check_deadlines() == Checked()


def test_ten_thousand_activities_in_time_are_each_checked_once_and_due_later() -> None:
    """No activity that was checked is due again before every other one has had its turn."""
    world = waiting(MANY, timeout_seconds=86_400)
    started = PluginRow(name="Score", attempt=1, state=State.IN_PROGRESS, started_at=world.clock())
    for number in range(MANY):
        ref = RunRef(uid(number), WORKFLOW, 1).stage(ACTIVITY, Stage.PARALLEL)
        world.status.plugins.put(uid(number), f"{ref.path}Score/", started, expires_at=1 << 40)
    world.clock.forward(START_WITHIN)
    invocations = check_all(world)
    assert sum(each.checked for each in invocations) == MANY
    assert world.signals.sent == []
    due = [control.due_at for control, _ in world.control.rows.items.values()]
    assert len(due) == MANY
    assert all(at is not None and at >= world.clock() + timedelta(hours=23) for at in due)
