"""The policy, rendered as HTML page by page. It uses what Validate and Rate returned."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from orchestrator_runtime import PluginRun, plugin

from .document import Document
from .policy import Policy, read_policy

COVERS: Final = {
    "auto": ["Bodily injury, $100,000 a person", "Property damage, $50,000", "Collision, $500 deductible"],
    "home": ["Dwelling, replacement cost", "Personal property, half of the dwelling", "Liability, $300,000"],
}


def render_pages(policy: Policy) -> Iterator[str]:
    """Render the pages in order: declarations, premium, cover, and conditions if there are any."""
    address = policy.address
    yield _page(
        f"Policy {policy.number}",
        [policy.applicant.name, address.street, f"{address.city}, {address.state} {address.zip}"],
        f"In force from {policy.effective:%B %d, %Y} for one year.",
    )
    yield _page(
        "Premium",
        [f"Base rate: ${policy.premium.base:,.2f}"]
        + [f"{factor.reason}: times {factor.factor:g}" for factor in policy.premium.factors],
        f"A year costs ${policy.premium.annual:,.2f}.",
    )
    yield _page("Cover", COVERS[policy.line], "Subject to the terms of the state in which the address lies.")
    if policy.premium.terms:
        yield _page("Conditions", policy.premium.terms, "Cover ends if they are not met.")


def bind(policy: Policy, pages: list[str]) -> Document:
    """Put rendered pages into the template."""
    template = Template(Path(__file__).with_name("policy.html").read_text(encoding="utf-8"))
    title = f"{policy.line.capitalize()} policy {policy.number}"
    return {
        "title": title,
        "media_type": "text/html",
        "content": template.substitute(title=escape(title), pages="\n".join(pages)),
    }


def _page(heading: str, lines: list[str], note: str) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<section><h1>{escape(heading)}</h1><ul>{items}</ul><p>{escape(note)}</p></section>"


@plugin
def handler(run: PluginRun) -> Document:
    policy = read_policy(run.uid, run.metadata, run.outputs)
    # A real renderer takes seconds a page. The pause stands for them, so that the demo has something to show.
    pause = float(os.environ.get("PAUSE_SECONDS", "0"))
    pages: list[str] = []
    expected = 4 if policy.premium.terms else 3
    for page in render_pages(policy):
        pages.append(page)
        run.progress(100 * len(pages) / expected, f"page {len(pages)} of {expected}")
        time.sleep(pause)
    return bind(policy, pages)
