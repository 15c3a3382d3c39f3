"""The schemas of the two documents: what is checked in, what they let through, and what they refuse."""

from __future__ import annotations

import json
import re
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from pydantic import BaseModel, ValidationError

from orchestrator_runtime import contract_schemas
from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.contract_schemas import main, plugin_message_schema, report_schema, write_schemas
from orchestrator_runtime.core.message import message_body
from orchestrator_runtime.models import PluginMessage, Report
from tests.docs.pages import PAGES, blocks
from tests.unit.authoring.plugin_calls import message
from tests.unit.samples import NOW, stage_ref

PROJECT = Path(__file__).parents[2]
CHECKED_IN = PROJECT / "docs" / "contract" / "v1"
EXAMPLES = {
    name: json.loads(block.text)
    for name in ("PluginMessage", "Report")
    for page in PAGES
    for block in blocks(page)
    if block.mark == f"document: {name}"
}

Check = Callable[[Any, Any], bool]

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
_CHECKS: Final[Mapping[str, Check]] = {
    "type": lambda said, value: isinstance(value, _TYPES[said]) and not isinstance(value, bool),
    "enum": lambda said, value: value in said,
    # A schema's expressions are JavaScript's: `$` is the very end, and not before a last line feed as in Python.
    "pattern": lambda said, value: re.search(re.sub(r"\$$", r"\\Z", said), value) is not None,
    "minLength": lambda said, value: len(value) >= said,
    "maxLength": lambda said, value: len(value) <= said,
    "minimum": lambda said, value: value >= said,
    "maximum": lambda said, value: value <= said,
    "required": lambda said, value: set(said) <= set(value),
    "anyOf": lambda said, value: any(not list(broken(one, value)) for one in said),
    "additionalProperties": lambda said, _: said is True,
}
_NO_CHECKS: Final = {"$schema", "$id", "title", "description", "default", "format", "properties", "items"}


def broken(schema: Mapping[str, Any], value: Any, place: str = "document") -> Iterator[str]:
    """What of a schema a value breaks: the few words of JSON Schema that ours use, and no others."""
    assert set(schema) <= {*_CHECKS, *_NO_CHECKS}, "a word of JSON Schema that this check does not know"
    for word, check in _CHECKS.items():
        if word in schema and not check(schema[word], value):
            yield f"{place}: {word}"
            return
    for key, inner in schema.get("properties", {}).items():
        if key in value:
            yield from broken(inner, value[key], f"{place}.{key}")
    for number, one in enumerate(value if "items" in schema else ()):
        yield from broken(schema["items"], one, f"{place}[{number}]")


def test_what_is_checked_in_is_what_the_models_say(tmp_path: Path) -> None:
    written = write_schemas(tmp_path / "made" / "on the way")
    assert sorted(file.name for file in written) == sorted(file.name for file in CHECKED_IN.iterdir())
    for file in written:
        assert file.read_text("utf-8") == (CHECKED_IN / file.name).read_text("utf-8"), "run `make schemas`"


def test_the_module_is_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["contract_schemas", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(contract_schemas.__file__), run_name="__main__")
    assert ended.value.code == 0
    assert {file.name for file in tmp_path.iterdir()} == {"plugin-message.schema.json", "report.schema.json"}


@pytest.mark.parametrize("arguments", [[], ["one", "two"]])
def test_the_command_says_how_it_is_called(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "contract_schemas FOLDER" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("schema", "model", "name"),
    [(plugin_message_schema(), PluginMessage, "plugin-message"), (report_schema(), Report, "report")],
    ids=["message", "report"],
)
def test_every_field_is_there_with_title_and_description(
    schema: dict[str, Any], model: type[BaseModel], name: str
) -> None:
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:orchestrator-constructs:{name}:1"
    assert list(schema["properties"]) == list(model.model_fields)
    for field in schema["properties"].values():
        assert field["title"]
        assert field["description"].endswith((".", "``"))
        assert "`" not in field["description"]
    assert "$ref" not in json.dumps(schema)


def test_the_examples_of_the_docs_are_valid() -> None:
    assert list(broken(plugin_message_schema(), EXAMPLES["PluginMessage"])) == []
    assert list(broken(report_schema(), EXAMPLES["Report"])) == []


def test_what_the_core_sends_is_valid() -> None:
    sent = message_body(stage_ref(3), {"a": None}, {}, report_to="https://q", now=NOW) | {"plugins": ["Score 2.0"]}
    assert list(broken(plugin_message_schema(), sent)) == []
    assert list(broken(plugin_message_schema(), json.loads(message("Score").model_dump_json()))) == []


@pytest.mark.parametrize("missing", PluginMessage.model_fields)
def test_every_key_of_a_message_is_there(missing: str) -> None:
    sent = {key: value for key, value in EXAMPLES["PluginMessage"].items() if key != missing}
    assert list(broken(plugin_message_schema(), sent)) == ["document: required"]


REPORTS: list[dict[str, Any]] = [
    *({"state": state.value} for state in State),
    *({"stage": stage} for stage in (*Stage, "prae")),
    *({"attempt": attempt} for attempt in (0, 1, 1.5, "1", True, None)),
    *({"plugin": name} for name in ("Score 2.0", "a/b", "", "x" * 65, "x\n")),
    *({"workflow": name} for name in ("New-Business_2", "New Business", "ü")),
    *({"activity": name} for name in ("Rate", "a/b")),
    *({"uid": uid} for uid in ("q-1", "ü/ü", "", "x" * 256, "x" * 257, 1)),
    *({"progress": progress} for progress in (0, 99.9, 100, None, -1, 100.1, "much")),
    *({"message": text} for text in ("", "x" * 9999, None, 3)),
    *({"output": output} for output in (None, 0, {"a": [1]}, "text")),
    {"sdk": "go 1.2"},
]


@pytest.mark.parametrize("changed", REPORTS, ids=repr)
def test_a_report_is_valid_if_and_only_if_the_core_reads_it(changed: dict[str, Any]) -> None:
    sent = EXAMPLES["Report"] | changed
    try:
        Report.model_validate_json(json.dumps(sent))
    except ValidationError:
        assert list(broken(report_schema(), sent)) != []
    else:
        assert list(broken(report_schema(), sent)) == []


@pytest.mark.parametrize("missing", Report.model_fields)
def test_a_report_may_leave_out_what_the_core_does_not_need(missing: str) -> None:
    sent = {key: value for key, value in EXAMPLES["Report"].items() if key != missing}
    needed = missing in {"uid", "workflow", "activity", "stage", "attempt", "plugin", "state"}
    assert list(broken(report_schema(), sent)) == (["document: required"] if needed else [])
