"""The letter on top of the pile: it lists the documents that the plugins before it wrote."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from orchestrator_runtime import PluginRun, plugin

from .document import Document
from .policy import Policy, read_policy


def enclosed(outputs: Mapping[str, JsonValue]) -> list[str]:
    """Titles of the documents that this activity has written so far, in order."""
    written = [output for key, output in outputs.items() if key.startswith("GenerateDocuments/parallel/")]
    return sorted(str(output["title"]) for output in written if isinstance(output, dict))


def letter(policy: Policy, titles: list[str]) -> Document:
    """Write the letter."""
    lines = [
        f"Dear {policy.applicant.name},",
        "",
        f"thank you for insuring with us. Your {policy.line} policy costs ${policy.premium.annual:,.2f} a year.",
        "Enclosed you find:",
        *[f"  - {title}" for title in titles],
    ]
    return {"title": f"Welcome letter {policy.number}", "media_type": "text/plain", "content": "\n".join(lines)}


@plugin
def handler(run: PluginRun) -> Document:
    return letter(read_policy(run.uid, run.metadata, run.outputs), enclosed(run.outputs))
