"""``record_result``: whoever may send to the results queue sends any text, and Lambda sends what functions return."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

from orchestrator_runtime.aws.journal import LoggedJournal
from orchestrator_runtime.core.happening import Happening, ReportRefused
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.handlers.environment import logger
from orchestrator_runtime.handlers.record_result import parse
from orchestrator_runtime.models import PluginMessage
from orchestrator_runtime.protocol.open_activity import OpenRequest, open_activity
from orchestrator_runtime.protocol.record_result import record_results
from orchestrator_runtime.stores.items import item_of, plugin_item
from tests.hostile.documents import QUEUE, TOPIC, invocation_record, plugin_message, report
from tests.hostile.feeding import BrokenPromiseError, check_line
from tests.hostile.mutations import hostile_text
from tests.hostile.stored import check_storable
from tests.hostile.values import Raw, encode
from tests.rules.world import World, plugin

_BATCHES_OF_A_WORLD = 20
_TIMES: tuple[object, ...] = (
    *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "1970-01-01T00:00:00Z", "2026-11-24T09:30:00Z"),
    *("2026-11-24T09:30:00.000001-00:01", "2026-11-24T15:15:00+05:45", "2026-11-24 09:30:00Z", "2026-11-24T24:00:00Z"),
    *("2026-11-24T09:30:00", "2026-11-24", "09:30:00Z", "2026-11-24T09:30:60Z", "2026-02-30T00:00:00Z", "now", ""),
    *("1764000000", 1764000000, 1764000000.5, -1, 0, 10**20, 1e308, True, None, [], {}, ["2026-11-24T09:30:00Z"]),
)
_SENDERS = (
    *("AROASCORE:score",) * 4,
    *("AROAOTHER:other", "AROASCORE", "AIDASCORE", "123456789012", "123456789012:score", "AROA", ":", ""),
)


class _CountingJournal(LoggedJournal):
    """Logs as in Lambda, and counts."""

    def __init__(self) -> None:
        super().__init__(logger, "hostile")
        self.refusals = 0

    def tell(self, happening: Happening) -> None:
        self.refusals += isinstance(happening, ReportRefused)
        super().tell(happening)


class RecordResult:
    name = "record_result"
    permanent = ()

    def __init__(self) -> None:
        self._numbers = count(1)
        self._batches = 0
        self._world = World()
        self._read: set[str] = set()

    def make(self, random: Random) -> Any:
        """Half of the batches are one message; the others are several, and a good one among them."""
        if self._batches % _BATCHES_OF_A_WORLD == 0:
            self._world = _world()
        self._batches += 1
        alone = random.random() < 0.5
        documents = [_text(random) for _ in range(1 if alone else random.randint(1, 4))]
        return documents, None if alone else random.randrange(len(documents) + 1), random.choice(_SENDERS)

    def feed(self, event: Any) -> bool:
        documents, place, sender = event
        bodies, progress = list(documents), next(self._numbers) % 10_000 / 100
        if place is not None:
            good = {**report(), "uid": "q-good", "plugin": "Good", "state": "In Progress", "progress": progress}
            bodies.insert(place, encode(good))
        journal = _CountingJournal()
        messages = (
            {"messageId": f"m-{i}", "body": body, "attributes": {"SenderId": sender}} for i, body in enumerate(bodies)
        )
        batch = [incoming for message in messages if (incoming := parse(message, journal)) is not None]
        ports = replace(self._world.ports, report_to=QUEUE, journal=journal)
        again = record_results(batch, ports, self._world.status.get_plan)
        if again:
            raise BrokenPromiseError(f"{again} of {len(bodies)} messages come again")
        self._check_stored(progress if place is not None else None)
        for signal in self._world.signals.sent:
            check_line("the cause of a failure", signal.cause)
        return journal.refusals == 0 or place is not None

    def tables(self) -> object:
        status, control = self._world.status, self._world.control
        shelves = (status.runs, status.stages, status.plans, status.plugins, status.stored_outputs, control.rows)
        return [dict(shelf.items) for shelf in shelves]

    def _check_stored(self, progress: float | None) -> None:
        status = self._world.status
        for (uid, path), (row, _) in status.plugins.items.items():
            check_storable({**item_of({"uid": uid, "path": path}), **item_of(plugin_item(row))})
            if path.endswith("/Good/") and progress is not None and row.progress != progress:
                raise BrokenPromiseError(f"the good report of the batch was not recorded: {row}")
        for text, _ in status.stored_outputs.items.values():
            if text not in self._read:
                # Plugins of later stages must be able to read what they are called with.
                carries = {**plugin_message(), "outputs": {"Rate/parallel/Score": Raw(text)}}
                PluginMessage.model_validate_json(encode(carries))
                self._read.add(text)


def _text(random: Random) -> str:
    kind = random.randrange(6)
    if kind == 0:
        return encode({**report(), "started_at": random.choice(_TIMES)})
    if kind < 3:
        return hostile_text(random, report())
    if kind == 3:
        return hostile_text(random, {**report(), "plugin": "Other", "state": "In Progress"})
    record = invocation_record(hostile_text(random, plugin_message()) if kind == 4 else None)
    if random.random() < 0.5:
        record["requestContext"]["condition"] = "Success"
        record["responsePayload"] = report()["output"]
    return hostile_text(random, record)


def _world() -> World:
    """Two runs whose stages are open; renewed often, because a stage that is over refuses everything."""
    settings: dict[str, dict[str, Any]] = {
        "Score": {"sender_role_ids": ("AROASCORE",)},
        "Other": {"mandatory": False},
        "Good": {},
    }
    world = World(*(plugin(name, subscription_arn=f"{TOPIC}:{name}", **other) for name, other in settings.items()))
    for uid in ("q-1", "q-good"):
        world.begin(execution=uid, uid=uid)
        ref = RunRef(uid, "NewBusiness", 1).activity("Rate")
        open_activity(OpenRequest(ref=ref, token=f"token-{uid}", entered=world.clock(), retry=0), world.ports)
    return world
