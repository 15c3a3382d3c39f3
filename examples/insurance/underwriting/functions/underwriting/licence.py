"""Is the driving licence's number one that its state could have issued? Called for auto only."""

from __future__ import annotations

import re
from typing import Final

from orchestrator_runtime import PluginRun, Skip, plugin

from .application import read_application

FORMATS: Final = {
    "CA": r"[A-Z]\d{7}",
    "FL": r"[A-Z]\d{12}",
    "MI": r"[A-Z]\d{12}",
    "NJ": r"[A-Z]\d{14}",
    "NY": r"\d{9}",
    "OH": r"[A-Z]{2}\d{6}",
    "TX": r"\d{8}",
}


def is_plausible(number: str, state: str) -> bool:
    """Tell whether a number has its state's format.

    Raises:
        KeyError: The state's format is not known.
    """
    return re.fullmatch(FORMATS[state], number.replace(" ", "").replace("-", "").upper()) is not None


@plugin
def handler(run: PluginRun) -> None:
    application = read_application(run.metadata)
    if application.driver is None or application.state not in FORMATS:
        raise Skip(f"the format of licences of {application.state} is not known")
    if not is_plausible(application.driver.licence, application.state):
        raise ValueError(f"{application.driver.licence!r} is no licence number of {application.state}")
