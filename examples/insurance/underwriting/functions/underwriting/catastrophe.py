"""Hurricanes: years of weather are simulated. Called for home in states on the Gulf and the South Atlantic only."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Iterator
from typing import Any, Final

from orchestrator_runtime import PluginRun, plugin

from .application import Home, read_application
from .findings import Findings, applying

BATCHES: Final = 10
YEARS_IN_A_BATCH: Final = 2_000
STORMS_A_YEAR: Final = {"FL": 0.16, "LA": 0.12, "SC": 0.08, "TX": 0.09}


def simulate(home: Home, state: str, seed: str) -> Iterator[float]:
    """Simulate batches of years, and yield the mean yearly damage so far as a share of the home's value.

    Args:
        home: What stands in the way.
        state: Where storms come from the list above.
        seed: The same seed gives the same weather, so a repeated call gives the same premium.
    """
    weather = random.Random(seed)
    exposure = math.exp(-home.miles_to_coast / 25)
    damage = 0.0
    for batch in range(1, BATCHES + 1):
        for _ in range(YEARS_IN_A_BATCH):
            if weather.random() < STORMS_A_YEAR[state]:
                damage += min(1.0, weather.expovariate(1 / 0.05)) * exposure
        yield damage / (batch * YEARS_IN_A_BATCH)


def surcharge(yearly_damage: float) -> Findings:
    """What the expected damage adds to the base rate."""
    return applying([(True, f"wind: {yearly_damage:.2%} a year", round(1 + 60 * yearly_damage, 3))])


@plugin
def handler(run: PluginRun) -> dict[str, Any]:
    application = read_application(run.metadata)
    if application.home is None:
        raise ValueError("home insurance needs a home: was this plugin registered without its filter?")
    # The real model takes minutes. The pause stands for them, so that the demo has something to show.
    pause = float(os.environ.get("PAUSE_SECONDS", "0"))
    estimates: list[float] = []
    for estimate in simulate(application.home, application.state, run.uid):
        estimates.append(estimate)
        done = len(estimates)
        run.progress(100 * done / BATCHES, f"{done * YEARS_IN_A_BATCH:,} years of weather")
        time.sleep(pause)
    return surcharge(estimates[-1]).model_dump()
