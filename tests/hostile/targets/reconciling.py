"""``reconcile``: events of CloudTrail quote what anybody asked of SNS and Lambda; people send any request."""

from __future__ import annotations

from random import Random
from typing import Any

from orchestrator_runtime.core.subscription import Listed
from orchestrator_runtime.handlers.reconcile import serve
from orchestrator_runtime.json_text import whole_characters
from orchestrator_runtime.stores.registry import registration_item
from tests.hostile.documents import TRAIL_EVENTS, trail_event
from tests.hostile.feeding import check_line
from tests.hostile.mutations import hostile_event
from tests.hostile.stored import check_storable
from tests.hostile.values import SECRET, Hostile
from tests.unit.registration.outside import PARALLEL, Outside


class Reconcile:
    name = "reconcile"
    permanent = (ValueError,)

    def __init__(self) -> None:
        self._outside = Outside()

    def make(self, random: Random) -> Any:
        self._outside = Outside()
        function = self._outside.deploy("score", {"pluginName": "Score"})
        self._outside.subscribe(PARALLEL, function)
        # What SNS holds is Unicode, and an endpoint or a policy has an end.
        address, key, waiting = (whole_characters(Hostile(random).foreign())[:500] for _ in range(3))
        self._outside.subscribe(PARALLEL, f"https://{address}", {key: [address]}, protocol="https")
        self._outside.pending[PARALLEL.arn] = [Listed(None, "https", waiting)]
        request = {"repair": random.random() < 0.5, "activity": "Rate", "detail-type": "Scheduled Event"}
        if random.random() < 0.2:
            return hostile_event(random, request)
        event = trail_event(random.choice(TRAIL_EVENTS))
        event["detail"]["requestParameters"]["comment"] = SECRET
        return hostile_event(random, event)

    def feed(self, event: Any) -> bool:
        findings = serve(event, self._outside.reconcile_ports)
        for problem in findings.problems:
            check_line("a problem", problem.detail, 4_097)
        for registration in self._outside.registry.all.values():
            check_storable(registration_item(registration))
        return bool(findings.checked)

    def tables(self) -> object:
        return dict(self._outside.registry.all)
