"""A second look at dear policies. Called where the premium told is $5,000 or more."""

from __future__ import annotations

from typing import Any

from orchestrator_runtime import PluginRun, plugin

from .application import Application, read_application
from .findings import Findings


def terms(application: Application) -> list[str]:
    """The conditions under which a dear policy is written."""
    found = ["approved by a senior underwriter within 30 days"]
    if application.home is not None:
        found.append("inspection of the building before cover begins")
        found.append(f"deductible of ${application.home.value // 50:,} for wind and hail")
    if application.driver is not None and application.driver.violations:
        found.append("telematics device for the first year")
    return found


@plugin
def handler(run: PluginRun) -> dict[str, Any]:
    return Findings(terms=terms(read_application(run.metadata))).model_dump()
