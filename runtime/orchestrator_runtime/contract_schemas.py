"""JSON Schemas of the two documents between the core and its plugins, in any language.

``python -m orchestrator_runtime.contract_schemas docs/contract/v1`` writes them. They are made of the models, whose
docstrings describe the fields. A new version is a new ``$id`` and a new folder: it is due when a document changes so
that a plugin written for the old one would break. A new key is no such change, as unknown keys are ignored on either
side.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel

from orchestrator_runtime.contract import MAX_QUEUE_URL, REPORTABLE, Stage, State
from orchestrator_runtime.models import PluginMessage, Report
from orchestrator_runtime.names import COMPONENT_NAME, MAX_UID, PLUGIN_NAME

VERSION: Final = 1
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


def _whole(pattern: re.Pattern[str]) -> str:
    return f"^{pattern.pattern}$"


_NAME: Final = {"pattern": _whole(COMPONENT_NAME)}
_PLUGIN: Final = {"pattern": _whole(PLUGIN_NAME)}
_STAGE: Final = {"type": "string", "enum": list(Stage)}
_KEYS: Final[Mapping[str, Schema]] = {
    "uid": {"minLength": 1, "maxLength": MAX_UID},
    "workflow": _NAME,
    "activity": _NAME,
    "stage": _STAGE,
    "attempt": {"minimum": 1},
}
"""What the models check by code, or what the core sees to, in the words of JSON Schema."""
_MESSAGE: Final[Mapping[str, Schema]] = {
    **_KEYS,
    "plugins": {"items": {"type": "string", **_PLUGIN}},
    "metadata": {"additionalProperties": True},
    "outputs": {"additionalProperties": True},
    "report_to": {"format": "uri", "maxLength": MAX_QUEUE_URL},
}
_REPORT: Final[Mapping[str, Schema]] = {
    **_KEYS,
    "plugin": _PLUGIN,
    "state": {"type": "string", "enum": [state for state in State if state in REPORTABLE]},
}


def plugin_message_schema() -> Schema:
    """The schema of what the core sends to a plugin; every key is always there."""
    return _schema(PluginMessage, "plugin-message", "Message to a plugin", _MESSAGE, "serialization")


def report_schema() -> Schema:
    """The schema of what a plugin sends to the results queue."""
    return _schema(Report, "report", "Report of a plugin", _REPORT, "validation")


def write_schemas(folder: Path) -> list[Path]:
    """Write both schemas.

    Args:
        folder: Where to; made if it is not there.

    Returns:
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, schema in (("plugin-message", plugin_message_schema()), ("report", report_schema())):
        file = folder / f"{name}.schema.json"
        file.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", "utf-8")
        written.append(file)
    return written


def main(arguments: Sequence[str]) -> int:
    """Write the schemas into the folder that is named; see the module's docstring."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m orchestrator_runtime.contract_schemas FOLDER\n")
        return 2
    write_schemas(Path(arguments[0]))
    return 0


def _schema(
    model: type[BaseModel],
    name: str,
    title: str,
    limits: Mapping[str, Schema],
    mode: Literal["serialization", "validation"],
) -> Schema:
    made = model.model_json_schema(mode=mode)
    summary, described = _docstring(model)
    properties = {}
    for key, field in made["properties"].items():
        # References are to enums and to "any JSON"; the limits say the first, and the second says nothing.
        said = {word: value for word, value in field.items() if word not in {"title", "$ref"}} | limits.get(key, {})
        first = {"title": key.replace("_", " ").capitalize(), "description": described[key]}
        properties[key] = first | {word: said[word] for word in sorted(said, key=lambda word: (word != "type", word))}
    return {
        "$schema": DIALECT,
        "$id": f"urn:orchestrator-constructs:{name}:{VERSION}",
        "title": title,
        "description": f"{summary} Keys may be added: whoever reads it ignores what it does not know.",
        "type": "object",
        "required": list(properties) if mode == "serialization" else made["required"],
        "properties": properties,
        "additionalProperties": True,
    }


def _docstring(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """A model's summary, and what its docstring says of each attribute, as plain text."""
    text = inspect.getdoc(model) or ""
    summary, _, attributes = text.replace("``", "").partition("\n\nAttributes:\n")
    described: dict[str, str] = {}
    # Each attribute is indented once, its further lines twice.
    for attribute in re.split(r"^    (?=\S)", attributes, flags=re.MULTILINE)[1:]:
        key, _, said = attribute.partition(":")
        described[key] = " ".join(said.split())
    return " ".join(summary.split()), described


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
