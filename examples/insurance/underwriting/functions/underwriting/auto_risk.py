"""Driver and vehicle. Called for auto only."""

from __future__ import annotations

from typing import Any, Final

from orchestrator_runtime import PluginRun, plugin

from .application import Applicant, Driver, Vehicle, read_application
from .findings import Findings, applying

YOUNG: Final = 25
OLD: Final = 70
MANY_MILES: Final = 15_000
FEW_MILES: Final = 6_000
WORTH_LITTLE_AFTER_YEARS: Final = 12


def assess(applicant: Applicant, driver: Driver, vehicle: Vehicle, year: int) -> Findings:
    """Rate a driver and a vehicle in the year in which cover begins."""
    age = year - applicant.birth_year
    return applying(
        [
            (age < YOUNG, f"driver of {age}", 1.45),
            (age > OLD, f"driver of {age}", 1.15),
            (driver.violations > 0, f"{driver.violations} violations", 1 + 0.12 * driver.violations),
            (driver.violations == 0, "no violations", 0.92),
            (vehicle.annual_miles > MANY_MILES, f"{vehicle.annual_miles:,} miles a year", 1.10),
            (vehicle.annual_miles < FEW_MILES, f"{vehicle.annual_miles:,} miles a year", 0.94),
            (year - vehicle.year > WORTH_LITTLE_AFTER_YEARS, f"vehicle of {vehicle.year}", 0.90),
        ]
    )


@plugin
def handler(run: PluginRun) -> dict[str, Any]:
    application = read_application(run.metadata)
    if application.driver is None or application.vehicle is None:
        raise ValueError("auto insurance needs driver and vehicle: was this plugin registered without its filter?")
    return assess(
        application.applicant, application.driver, application.vehicle, application.effective.year
    ).model_dump()
