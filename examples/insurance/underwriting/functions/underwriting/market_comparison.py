"""How the premium compares with the market's. Optional, and broken: its data have not been renewed for long.

It shows what becomes of an optional plugin that fails: the run goes on.
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Final, TypedDict

from orchestrator_runtime import PluginRun, plugin

from .application import read_application

MOST_DAYS: Final = 400


class MarketRates(TypedDict):
    as_of: str
    mean_premium: dict[str, float]


def compare(premium: float, line: str, day: date, market: MarketRates) -> float:
    """The premium as a share of the market's mean.

    Raises:
        ValueError: The market's rates are too old for that day.
    """
    age = (day - date.fromisoformat(market["as_of"])).days
    if age > MOST_DAYS:
        raise ValueError(f"market rates are of {market['as_of']}, {age} days old: load some of the last {MOST_DAYS}")
    return round(premium / market["mean_premium"][line], 2)


@plugin
def handler(run: PluginRun) -> dict[str, float]:
    application = read_application(run.metadata)
    market: MarketRates = json.loads(Path(__file__).with_name("market_rates.json").read_text())
    return {"of_market": compare(application.premium, application.line, application.effective, market)}
