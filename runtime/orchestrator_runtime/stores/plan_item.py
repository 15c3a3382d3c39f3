"""A stage's plan as an item of the status table: the largest one of a run, and read often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.contract import MAX_ITEM_BYTES, MAX_OUTPUT_BYTES, State
from orchestrator_runtime.core.message import DoesNotFitError
from orchestrator_runtime.core.records import ExpectedPlugin, StagePlan, StageRef
from orchestrator_runtime.json_text import compact_json
from orchestrator_runtime.stores.items import Values, iso

if TYPE_CHECKING:
    from orchestrator_runtime.stores.items import Item

PLAN: Final = "~plan/"
"""Last part of a plan's path; no plugin can be named so."""
# A plan holds them once for each plugin, and every read is billed by its size.
_SHORT: Final = {
    "timeout_seconds": "timeout",
    "start_within_seconds": "start",
    "sender_role_ids": "roles",
    "subscriptions": "via",
    "settles_at": "settles",
}
_LONG: Final = {short: name for name, short in _SHORT.items()}
_USUAL: Final = asdict(ExpectedPlugin(name="", timeout_seconds=0))
"""Values that a plan omits of a plugin; no plugin has this name or this deadline."""
_BESIDE_ITS_TEXTS: Final = 2_048
"""More than all that a plan's item has beside its texts: its key, its numbers and the attributes' names."""


def plan_values(plan: StagePlan) -> dict[str, object]:
    """A stage's plan, without its key. What is as by default is left out: it is the largest item of a run."""
    return {
        "attempt": plan.attempt,
        "opened_at": plan.opened_at,
        "plugins": compact_json([_expected_document(plugin) for plugin in plan.plugins]),
        "attribute_keys": compact_json(plan.attribute_keys) if plan.attribute_keys else None,
        "fail_on_optional_error": plan.fail_on_optional_error or None,
        "max_output_bytes": plan.max_output_bytes if plan.max_output_bytes != MAX_OUTPUT_BYTES else None,
        "output_budget": plan.output_budget,
        "expires_at": plan.expires_at,
    }


def plan_of(item: Item) -> StagePlan:
    """Read a stage's plan."""
    values = Values(item)
    return StagePlan(
        attempt=int(item["attempt"]["N"]),
        plugins=tuple(_expected_of(document) for document in values.document("plugins")),
        opened_at=datetime.fromisoformat(item["opened_at"]["S"]),
        expires_at=int(item["expires_at"]["N"]),
        attribute_keys=tuple(values.document("attribute_keys") or ()),
        fail_on_optional_error=values.flag("fail_on_optional_error"),
        max_output_bytes=int(item["max_output_bytes"]["N"]) if "max_output_bytes" in item else MAX_OUTPUT_BYTES,
        output_budget=int(item["output_budget"]["N"]),
    )


def _expected_document(plugin: ExpectedPlugin) -> dict[str, object]:
    return {
        _SHORT.get(name, name): iso(value) if isinstance(value, datetime) else value
        for name, value in asdict(plugin).items()
        if value != _USUAL[name]
    }


def _expected_of(document: Mapping[str, Any]) -> ExpectedPlugin:
    values = {_LONG.get(name, name): value for name, value in document.items()}
    return ExpectedPlugin(
        **{
            **values,
            "kept": State(values["kept"]) if "kept" in values else None,
            "settles_at": datetime.fromisoformat(values["settles_at"]) if "settles_at" in values else None,
            "sender_role_ids": tuple(values.get("sender_role_ids", ())),
            "subscriptions": tuple(values.get("subscriptions", ())),
        }
    )


def check_plan_size(ref: StageRef, plan: StagePlan, values: Mapping[str, object]) -> None:
    """Refuse a plan that is no item any more.

    Args:
        ref: The stage.
        plan: The plan.
        values: It as ``plan_values`` writes it.

    Raises:
        DoesNotFitError: It is too large.
    """
    size = _BESIDE_ITS_TEXTS + sum(len(value.encode()) for value in values.values() if isinstance(value, str))
    if size > MAX_ITEM_BYTES:
        raise DoesNotFitError(
            f"the plan of {ref.key} is {size:,} bytes for {len(plan.plugins)} plugins, an item of DynamoDB takes "
            f"{MAX_ITEM_BYTES:,}: register fewer plugins to the stage, or give them shorter names and fewer roles"
        )
