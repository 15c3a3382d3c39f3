"""The building. Called for home only."""

from __future__ import annotations

from typing import Any, Final

from orchestrator_runtime import PluginRun, plugin

from .application import Home, read_application
from .findings import Findings, applying

BY_CONSTRUCTION: Final = {"frame": 1.20, "masonry": 0.95, "steel": 0.88}
BASE_VALUE: Final = 300_000
OLD: Final = 40
NEW: Final = 5


def assess(home: Home, year: int) -> Findings:
    """Rate a building in the year in which cover begins. The base rate is that of a house of $300,000."""
    age = year - home.year_built
    return applying(
        [
            (True, f"{home.construction} construction", BY_CONSTRUCTION[home.construction]),
            (True, f"value of ${home.value:,}", round(home.value / BASE_VALUE, 3)),
            (age > OLD, f"built in {home.year_built}", 1.15),
            (age < NEW, f"built in {home.year_built}", 0.90),
        ]
    )


@plugin
def handler(run: PluginRun) -> dict[str, Any]:
    application = read_application(run.metadata)
    if application.home is None:
        raise ValueError("home insurance needs a home: was this plugin registered without its filter?")
    return assess(application.home, application.effective.year).model_dump()
