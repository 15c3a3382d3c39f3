"""Resource types that the emulator's CloudFormation does not know: it deploys them, and forgets them."""

from __future__ import annotations

from typing import Any, Final

_TYPES: Final = (
    "AWS::Logs::QueryDefinition",
    # Of register-plugin, if an organization may register: CloudFormation invokes it, whose rights are not enforced.
    "AWS::Lambda::ResourcePolicy",
)
_Json = dict[str, Any]


def let_pass(provisioners: Any) -> None:  # noqa: ANN401 - a module of the emulator
    """Have templates with resources of these types deployed, and the resources forgotten."""
    for name in _TYPES:
        provisioners._RESOURCE_HANDLERS.setdefault(name, {"create": _create, "update": _update, "delete": _delete})


def _create(logical_id: str, _properties: _Json, stack_name: str) -> tuple[str, _Json]:
    return f"{stack_name}-{logical_id}", {}


def _update(physical_id: str, _before: _Json, _after: _Json, _stack_name: str) -> tuple[str, _Json]:
    return physical_id, {}


def _delete(_physical_id: str, _properties: _Json) -> None:
    """Nothing was kept."""
