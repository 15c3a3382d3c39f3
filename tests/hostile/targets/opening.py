"""``open_activity``: an activity in a state machine of a team's own is given any reference of a run."""

from __future__ import annotations

from random import Random
from typing import Any

from orchestrator_runtime.core.begin import RunRefusedError
from orchestrator_runtime.handlers.open_activity import parse
from orchestrator_runtime.protocol.open_activity import open_activity
from orchestrator_runtime.stores.items import item_of, key_of
from tests.hostile.documents import open_event
from tests.hostile.feeding import BrokenPromiseError
from tests.hostile.mutations import hostile_event
from tests.hostile.stored import check_storable
from tests.rules.world import World, plugin

_ENTRIES_OF_A_WORLD = 50
_REFERENCE = ("uid", "workflow", "attempt")


class OpenActivity:
    name = "open_activity"
    permanent = (RunRefusedError,)

    def __init__(self) -> None:
        self._world = World()
        self._entries = 0

    def make(self, random: Random) -> Any:
        if self._entries % _ENTRIES_OF_A_WORLD == 0:
            self._world = World(plugin("Score"), plugin("Other"))
            self._world.begin()
        self._entries += 1
        valid = open_event()
        # The rest is what the state machine itself passes.
        given = hostile_event(random, {key: valid[key] for key in _REFERENCE})
        if not isinstance(given, dict):
            return None
        return {**valid, **{key: given.get(key) for key in _REFERENCE}}

    def feed(self, event: Any) -> bool:
        open_activity(parse(event), self._world.ports)
        control = self._world.control
        for shelf in (self._world.status.plans, control.rows, control.tokens):
            if any((uid, path.partition("/")[0]) != ("q-1", "NewBusiness") for uid, path in shelf.items):
                raise BrokenPromiseError("something was stored for a run that does not exist")
        for (uid, path), (token, expires_at) in control.tokens.items.items():
            values = {"attempt": token.attempt, "token": token.token, "rank": token.rank, "expires_at": expires_at}
            check_storable({**key_of(uid, path), **item_of(values)})
        return True

    def tables(self) -> object:
        status, control = self._world.status, self._world.control
        return [dict(shelf.items) for shelf in (status.runs, status.stages, status.plans, control.rows, control.tokens)]
