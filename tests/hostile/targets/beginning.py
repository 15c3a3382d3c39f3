"""``begin_run``: whoever may start an execution gives it any input."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

from orchestrator_runtime.aws.journal import LoggedJournal
from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.begin import RunRefusedError
from orchestrator_runtime.core.message import message_body
from orchestrator_runtime.handlers.begin_run import parse
from orchestrator_runtime.handlers.environment import logger
from orchestrator_runtime.json_text import compact_json
from orchestrator_runtime.models import PluginMessage
from orchestrator_runtime.protocol.begin_run import BeginPorts, begin_run
from orchestrator_runtime.stores.items import run_item
from tests.hostile.documents import EXECUTION, QUEUE, begin_event, run_input
from tests.hostile.feeding import BrokenPromiseError
from tests.hostile.mutations import hostile_event
from tests.hostile.stored import check_storable
from tests.rules.world import World

_RUNS_OF_A_WORLD = 50


class BeginRun:
    name = "begin_run"
    permanent = (RunRefusedError,)

    def __init__(self) -> None:
        self._world = World()

    def make(self, random: Random) -> Any:
        if len(self._world.status.runs.items) > _RUNS_OF_A_WORLD:
            self._world = World()
        given = hostile_event(random, run_input())
        # Several executions of the same run: what was started before is resumed, or refused for its metadata.
        return None if given is None else begin_event(given) | {"execution": f"{EXECUTION}-{random.randrange(3)}"}

    def feed(self, event: Any) -> bool:
        world = self._world
        ports = BeginPorts(
            journal=LoggedJournal(logger, "hostile"),
            status=world.status,
            executions=world.executions,
            retention=timedelta(days=90),
            clock=world.clock,
        )
        ref = begin_run(parse(event), ports)
        run = world.status.get_run(ref.uid, ref.workflow)
        if run is None:
            raise BrokenPromiseError("the run has begun, and has no row")
        check_storable(run_item(run))
        stage = ref.stage("Rate", Stage.PARALLEL)
        body = message_body(stage, run.metadata, {}, report_to=QUEUE, now=world.clock())
        # A run that begins must be one whose plugins can read what they are called with.
        PluginMessage.model_validate_json(compact_json({**body, "plugins": ["Score"]}))
        return True

    def tables(self) -> object:
        return dict(self._world.status.runs.items)
