"""``advance_stage``: an activity in a state machine of a team's own is given any reference of a run."""

from __future__ import annotations

from random import Random
from typing import Any

from orchestrator_runtime.core.begin import RunRefusedError
from orchestrator_runtime.handlers.advance_stage import parse
from orchestrator_runtime.protocol.advance_stage import advance_stage
from orchestrator_runtime.stores.items import item_of, key_of
from tests.hostile.documents import advance_event
from tests.hostile.feeding import BrokenPromiseError
from tests.hostile.mutations import hostile_event
from tests.hostile.stored import check_storable
from tests.rules.world import World, plugin

_ENTRIES_OF_A_WORLD = 50
_REFERENCE = ("uid", "workflow", "attempt")


class AdvanceStage:
    name = "advance_stage"
    permanent = (RunRefusedError,)

    def __init__(self) -> None:
        self._world = World()
        self._entries = 0

    def make(self, random: Random) -> Any:
        if self._entries % _ENTRIES_OF_A_WORLD == 0:
            self._world = World(plugin("Score"), plugin("Other"))
            self._world.begin()
        self._entries += 1
        valid = advance_event()
        # The rest is said by the activity's own state machine.
        given = hostile_event(random, {key: valid[key] for key in _REFERENCE})
        if not isinstance(given, dict):
            return None
        return {**valid, **{key: given.get(key) for key in _REFERENCE}}

    def feed(self, event: Any) -> bool:
        request = parse(event)
        advance_stage(request, self._world.ports)
        # A token is stored before anything is read, by the protocol's rules; nothing else is written for no run.
        if any(
            (uid, path.partition("/")[0]) != ("q-1", "NewBusiness") for uid, path in self._world.status.stages.items
        ):
            raise BrokenPromiseError("a stage was opened of a run that there is not")
        for (uid, path), (row, expires_at) in self._world.control.rows.items.items():
            values = {"attempt": row.attempt, "token": row.token, "rank": request.rank, "expires_at": expires_at}
            check_storable({**key_of(uid, path), **item_of(values)})
        return True

    def tables(self) -> object:
        status, control = self._world.status, self._world.control
        return [dict(shelf.items) for shelf in (status.runs, status.stages, status.plans, control.rows)]
