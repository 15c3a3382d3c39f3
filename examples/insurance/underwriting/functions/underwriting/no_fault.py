"""Personal injury protection, which some states ask of every car. Called for auto in those states only."""

from __future__ import annotations

from typing import Any, Final

from orchestrator_runtime import PluginRun, plugin

from .application import read_application
from .findings import Findings, applying

# What the cover adds to the base rate. The stack filters on these states.
SURCHARGES: Final = {"FL": 1.22, "MI": 1.35, "NJ": 1.18, "NY": 1.16, "PA": 1.08}


def surcharge(state: str) -> Findings:
    """The surcharge of a no-fault state; none in others."""
    return applying([(state in SURCHARGES, f"no-fault cover of {state}", SURCHARGES.get(state, 1.0))])


@plugin
def handler(run: PluginRun) -> dict[str, Any]:
    return surcharge(read_application(run.metadata).state).model_dump()
