"""What the decorator is told about a plugin, checked where it is written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from orchestrator_runtime.contract import MAX_EXECUTION_DAYS, MAX_ORDER
from orchestrator_runtime.names import COMPONENT_NAME, PLUGIN_NAME, problem_with_name
from orchestrator_runtime.plugin_info import PluginInfo


def declared_info(
    *,
    name: str | None,
    mandatory: bool,
    overrides: Mapping[str, bool] | None,
    order: int,
    always_run: bool,
    timeout: timedelta | None,
    start_within: timedelta | None,
    description: str | None,
    fifo_key: str | None,
    idempotent: bool,
) -> PluginInfo:
    """Check what the decorator is told, and keep it as the plugin's answer to ``initialize``.

    Raises:
        TypeError: A value has another type than it must have.
        ValueError: A value is not allowed.
    """
    if name is not None and (problem := problem_with_name("plugin", name, PLUGIN_NAME)):
        raise ValueError(problem)
    return PluginInfo(
        name=name,
        mandatory=_flag("mandatory", mandatory),
        overrides=_overrides(overrides),
        order=_order(order),
        always_run=_flag("always_run", always_run),
        idempotent=_flag("idempotent", idempotent),
        timeout_seconds=_seconds("timeout", timeout),
        start_within_seconds=_seconds("start_within", start_within),
        description=_text("description", description),
        fifo_key=_text("fifo_key", fifo_key),
    )


def _flag(option: str, value: Any) -> bool:  # noqa: ANN401 - whatever the author wrote
    if not isinstance(value, bool):
        raise TypeError(f"@plugin: {option} must be True or False, got {value!r}")
    return value


def _overrides(value: Any) -> dict[str, bool]:  # noqa: ANN401
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(f"@plugin: overrides must map activities to True or False (mandatory or not), got {value!r}")
    for activity, mandatory in value.items():
        if problem := problem_with_name("activity", activity, COMPONENT_NAME):
            raise ValueError(f"@plugin: overrides: {problem}")
        _flag(f"overrides[{activity!r}]", mandatory)
    return dict(value)


def _order(value: Any) -> int:  # noqa: ANN401
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"@plugin: order must be a whole number, got {value!r}")
    if not 0 <= value <= MAX_ORDER:
        raise ValueError(f"@plugin: order must be from 0 to {MAX_ORDER}, got {value!r}: lower comes first")
    return value


def _seconds(option: str, value: Any) -> int | None:  # noqa: ANN401
    if value is None:
        return None
    if not isinstance(value, timedelta):
        raise TypeError(f"@plugin: {option} must be a datetime.timedelta, got {value!r}")
    seconds = value / timedelta(seconds=1)
    if seconds < 1 or seconds != int(seconds):
        raise ValueError(f"@plugin: {option} must be whole seconds, 1 or more, got {value}")
    if value > timedelta(days=MAX_EXECUTION_DAYS):
        raise ValueError(
            f"@plugin: {option} must be {MAX_EXECUTION_DAYS} days or less, as long as a run may take, got {value}"
        )
    return int(seconds)


def _text(option: str, value: Any) -> str | None:  # noqa: ANN401
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"@plugin: {option} must be a string, got {value!r}")
    if not value.strip():
        raise ValueError(f"@plugin: {option} is empty: leave it out, or say something")
    return value
