"""``watch_runs``: what SSM and the registry hold is other people's; alerts must hold nothing of what a run is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from orchestrator_runtime.core.overdue_alert import FROM_TEAMS
from orchestrator_runtime.handlers.watch_runs import serve
from orchestrator_runtime.json_text import compact_json, whole_characters
from orchestrator_runtime.protocol.watch_runs import WatchFailedError
from orchestrator_runtime.stores.announcements import announcement_item
from tests.hostile.feeding import BrokenPromiseError, check_line
from tests.hostile.mutations import hostile_event, hostile_text
from tests.hostile.stored import check_storable
from tests.hostile.values import MARKER, SECRET, Hostile
from tests.rules.watching import EXPECTED, Watch
from tests.rules.world import WORKFLOW, plugin


class WatchRuns:
    name = "watch_runs"
    permanent = (ValueError, WatchFailedError)

    def __init__(self) -> None:
        self._watch = Watch()

    def make(self, random: Random) -> Any:
        # Registrations hold nothing that cannot be stored: no half characters.
        texts = [whole_characters(Hostile(random).foreign())[:1024] for _ in range(3)]
        described = replace(plugin("Score"), description=texts[0], endpoint=texts[1], owner=texts[2])
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
            for line in [*alert.text.split("\n"), *_texts(alert.document)]:
                check_line("a line of an alert", line, 2_100)
            advice, _, registered = alert.text.partition(FROM_TEAMS)
            if advice.count("What you can do\n") != 1 or any(
                not line.startswith(("  Rate/", "    ")) for line in registered.split("\n")[1:]
            ):
                raise BrokenPromiseError(f"text of a team stands outside of its place: {alert.text!a}")
            if MARKER in compact_json({"default": compact_json(alert.document), "email": alert.text}):
                raise BrokenPromiseError("an alert holds what the run is about")
        for announcement in self._watch.announcements.all():
            check_storable(announcement_item(announcement))
        return bool(watched.announced)

    def tables(self) -> object:
        return [*self._watch.announcements.all()]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(inner)
