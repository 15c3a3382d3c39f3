"""Does the address lie in the state that the application names?"""

from __future__ import annotations

import re
from typing import Final

from orchestrator_runtime import PluginRun, plugin

from .application import Applicant, read_application

# The first three digits of ZIP codes, by state.
ZIP_PREFIXES: Final = {
    "CA": range(900, 962),
    "FL": range(320, 350),
    "LA": range(700, 715),
    "MI": range(480, 500),
    "NJ": range(70, 90),
    "NY": range(100, 150),
    "OH": range(430, 460),
    "PA": range(150, 197),
    "SC": range(290, 300),
    "TX": range(750, 800),
    "WA": range(980, 995),
}


def normalised(applicant: Applicant, state: str) -> dict[str, str]:
    """Write an address as the post office wants it.

    Raises:
        ValueError: We do not insure in that state, or the ZIP code belongs to another.
    """
    if state not in ZIP_PREFIXES:
        raise ValueError(f"no business is written in {state}, only in {', '.join(ZIP_PREFIXES)}")
    match = re.fullmatch(r"(\d{3})\d{2}(-\d{4})?", applicant.zip.strip())
    if match is None:
        raise ValueError(f"{applicant.zip!r} is no ZIP code: write five digits, or nine as in 94107-1234")
    if int(match[1]) not in ZIP_PREFIXES[state]:
        raise ValueError(f"ZIP code {applicant.zip} does not lie in {state}")
    return {
        "street": " ".join(applicant.street.upper().replace(".", "").split()),
        "city": " ".join(applicant.city.upper().split()),
        "state": state,
        "zip": applicant.zip.strip(),
    }


@plugin
def handler(run: PluginRun) -> dict[str, str]:
    application = read_application(run.metadata)
    return normalised(application.applicant, application.state)
