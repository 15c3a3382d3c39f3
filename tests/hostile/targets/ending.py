"""``end_run``: what a ``Catch`` hands on quotes whatever a plugin, or a state of a team's own, said."""

from __future__ import annotations

from random import Random
from typing import Any

from orchestrator_runtime.core.failure import MAX_ERROR
from orchestrator_runtime.handlers.end_run import parse
from orchestrator_runtime.protocol.end_run import end_run
from orchestrator_runtime.stores.items import run_item
from tests.hostile.documents import failed_event
from tests.hostile.feeding import check_line
from tests.hostile.mutations import hostile_event, hostile_text
from tests.hostile.stored import check_storable
from tests.rules.world import World, plugin

_MOST_CAUSE = 32_768
"""Characters that Step Functions keeps of a cause."""


class EndRun:
    name = "end_run"
    permanent = ()

    def __init__(self) -> None:
        self._world = World()

    def make(self, random: Random) -> Any:
        valid = failed_event()
        self._world = World(plugin("Score"))
        self._world.begin(execution=valid["execution"])
        self._world.open()
        # Error and cause are texts, whatever these say; the uid is what the execution was started with.
        inner = hostile_text(random, {"Error": "PluginFailed", "Cause": hostile_text(random, {"errorMessage": "x"})})
        uid = hostile_event(random, {"uid": "q-1"})
        error = {"Error": random.choice(("PluginFailed", "States.TaskFailed")), "Cause": inner[:_MOST_CAUSE]}
        return {**valid, "error": error, "uid": uid.get("uid") if isinstance(uid, dict) else None}

    def feed(self, event: Any) -> bool:
        world = self._world
        request = parse(event)
        failure = end_run(request, world.end_ports)
        if failure is not None:
            check_line("the error of a failure", failure.error, MAX_ERROR)
            check_line("the cause of a failure", failure.cause)
        for signal in world.signals.sent:
            check_line("the cause of a failure", signal.cause)
        if request.uid != "q-1":
            return False
        check_storable(run_item(world.run))
        return True

    def tables(self) -> object:
        return dict(self._world.status.runs.items)
