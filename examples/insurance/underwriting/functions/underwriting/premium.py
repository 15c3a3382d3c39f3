"""The premium: the base rate times every factor that was found. Later activities use its output."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue

from orchestrator_runtime import PluginRun, plugin

from .application import read_application
from .findings import Factor, Findings


class Premium(BaseModel):
    annual: float
    base: float
    factors: list[Factor]
    told: float
    terms: list[str]


@cache
def base_rates() -> Mapping[tuple[str, str], float]:
    """The rating table: dollars a year by line of business and state."""
    with Path(__file__).with_name("base_rates.csv").open(newline="") as table:
        return {(row["line"], row["state"]): float(row["dollars_a_year"]) for row in csv.DictReader(table)}


def all_findings(outputs: Mapping[str, JsonValue]) -> list[Findings]:
    """What the risk plugins found: whoever they are, and however many matched this run."""
    found = [output for key, output in sorted(outputs.items()) if key.startswith("Rate/parallel/") and output]
    return [Findings.model_validate(output) for output in found]


def rate(line: str, state: str, told: float, found: list[Findings]) -> Premium:
    """Rate an application.

    Raises:
        ValueError: The table has no rate.
    """
    base = base_rates().get((line, state))
    if base is None:
        raise ValueError(f"the rating table has no {line} rate for {state}")
    factors = [factor for findings in found for factor in findings.factors]
    annual = base * math.prod(factor.factor for factor in factors)
    terms = [term for findings in found for term in findings.terms]
    return Premium(annual=round(annual, 2), base=base, factors=factors, told=told, terms=terms)


@plugin
def handler(run: PluginRun) -> dict[str, Any]:
    application = read_application(run.metadata)
    found = all_findings(run.outputs)
    return rate(application.line, application.state, application.premium, found).model_dump()
