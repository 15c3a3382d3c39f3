"""``cancel_run``: whoever may invoke it sends any request."""

from __future__ import annotations

from random import Random
from typing import Any

from orchestrator_runtime.handlers.cancel_run import parse
from orchestrator_runtime.protocol.cancel_run import CancelPorts, CancelRefusedError, cancel_run
from orchestrator_runtime.stores.items import run_item
from tests.hostile.feeding import check_line
from tests.hostile.mutations import hostile_event
from tests.hostile.stored import check_storable
from tests.hostile.values import SECRET
from tests.rules.world import World, plugin


class CancelRun:
    name = "cancel_run"
    permanent = (ValueError, CancelRefusedError)

    def __init__(self) -> None:
        self._world = World()

    def make(self, random: Random) -> Any:
        self._world = World(plugin("Score"))
        self._world.begin()
        self._world.open()
        return hostile_event(random, {"uid": "q-1", "workflow": "NewBusiness", "reason": SECRET, "by": "arn:aws:iam"})

    def feed(self, event: Any) -> bool:
        world = self._world
        cancel_run(parse(event), CancelPorts(end=world.end_ports, executions=world.executions))
        check_storable(run_item(world.run))
        for cause in (world.executions.executions["one"].cause or "", *(signal.cause for signal in world.signals.sent)):
            check_line("the cause of an end", cause)
        return True

    def tables(self) -> object:
        return dict(self._world.status.runs.items)
