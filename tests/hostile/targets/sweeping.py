"""``sweep_runs``: events of Step Functions bring the input and the cause of an execution as they are."""

from __future__ import annotations

from random import Random
from typing import Any

from orchestrator_runtime.handlers.sweep_runs import serve
from orchestrator_runtime.stores.items import run_item
from tests.hostile.documents import EXECUTION, run_input, status_event
from tests.hostile.mutations import hostile_event, hostile_text
from tests.hostile.stored import check_storable
from tests.hostile.values import SECRET, encode
from tests.rules.world import World, plugin


class SweepRuns:
    name = "sweep_runs"
    permanent = (ValueError,)

    def __init__(self) -> None:
        self._world = World()

    def make(self, random: Random) -> Any:
        self._world = World(plugin("Score"))
        self._world.begin(execution=EXECUTION)
        self._world.open()
        cause = hostile_text(random, {"Error": "PluginFailed", "Cause": SECRET})
        valid = status_event(random.choice(("ABORTED", "FAILED", "TIMED_OUT", "SUCCEEDED")), encode(run_input()), cause)
        if random.random() < 0.5:
            return hostile_event(random, valid)
        valid["detail"]["input"] = hostile_text(random, run_input())
        return valid

    def feed(self, event: Any) -> bool:
        ended = [*serve(event, self._world.sweep_ports)]
        check_storable(run_item(self._world.run))
        return bool(ended)

    def tables(self) -> object:
        return dict(self._world.status.runs.items)
