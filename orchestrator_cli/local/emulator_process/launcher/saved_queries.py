"""What the emulator's CloudFormation does with saved queries of logs: it does not know them, and forgets them."""

from __future__ import annotations

from typing import Any, Final

_TYPE: Final = "AWS::Logs::QueryDefinition"
_Json = dict[str, Any]


def let_pass(provisioners: Any) -> None:  # noqa: ANN401 - a module of the emulator
    """Have templates with saved queries deployed, and the queries forgotten."""
    provisioners._RESOURCE_HANDLERS.setdefault(_TYPE, {"create": _create, "update": _update, "delete": _delete})


def _create(logical_id: str, _properties: _Json, stack_name: str) -> tuple[str, _Json]:
    return f"{stack_name}-{logical_id}", {}


def _update(physical_id: str, _before: _Json, _after: _Json, _stack_name: str) -> tuple[str, _Json]:
    return physical_id, {}


def _delete(_physical_id: str, _properties: _Json) -> None:
    """Nothing was kept."""
