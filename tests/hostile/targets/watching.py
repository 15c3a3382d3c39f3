"""``watch_runs``: what SSM and the registry hold is other people's; alerts must hold nothing of what a run is about."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from orchestrator_runtime.handlers.watch_runs import serve
from orchestrator_runtime.json_text import compact_json
from orchestrator_runtime.protocol.watch_runs import WatchFailedError
from orchestrator_runtime.stores.announcements import announcement_item
from tests.hostile.feeding import BrokenPromiseError
from tests.hostile.mutations import hostile_event, hostile_text
from tests.hostile.stored import check_storable
from tests.hostile.values import SECRET
from tests.rules.watching import EXPECTED, Watch
from tests.rules.world import WORKFLOW, plugin


class WatchRuns:
    name = "watch_runs"
    permanent = (ValueError, WatchFailedError)

    def __init__(self) -> None:
        self._watch = Watch()

    def make(self, random: Random) -> Any:
        described = replace(plugin("Score"), description=hostile_text(random, {"what": "it does"}))
        self._watch = Watch(described)
        self._watch.world.begin(metadata={"note": SECRET})
        self._watch.world.open()
        self._watch.clock.forward(EXPECTED)
        if random.random() < 0.3:
            self._watch.workflows.workflows[WORKFLOW] = hostile_text(random, EXPECTED)
        return hostile_event(random, {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}})

    def feed(self, event: Any) -> bool:
        watched = serve(event, self._watch.ports)
        for alert in self._watch.alerts.published:
            if not (alert.subject.isascii() and alert.subject.isprintable() and len(alert.subject) < 100):
                raise BrokenPromiseError(f"the subject {alert.subject!r}")
            if SECRET in compact_json({"default": compact_json(alert.document), "email": alert.text}):
                raise BrokenPromiseError("an alert holds what the run is about")
        for announcement in self._watch.announcements.all():
            check_storable(announcement_item(announcement))
        return bool(watched.announced)

    def tables(self) -> object:
        return [*self._watch.announcements.all()]
