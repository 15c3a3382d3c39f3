"""Whether a stage's plan still is an item: it grows with the stage's plugins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orchestrator_runtime.contract import MAX_ITEM_BYTES
from orchestrator_runtime.core.message import DoesNotFitError
from orchestrator_runtime.core.records import StagePlan, StageRef

_BESIDE_ITS_TEXTS: Final = 2_048
"""More than all that a plan's item has beside its texts: its key, its numbers and the attributes' names."""


def check_plan_size(ref: StageRef, plan: StagePlan, values: Mapping[str, object]) -> None:
    """Refuse a plan that is no item any more.

    Args:
        ref: The stage.
        plan: The plan.
        values: It as ``items.plan_values`` writes it.

    Raises:
        DoesNotFitError: It is too large.
    """
    size = _BESIDE_ITS_TEXTS + sum(len(value.encode()) for value in values.values() if isinstance(value, str))
    if size > MAX_ITEM_BYTES:
        raise DoesNotFitError(
            f"the plan of {ref.key} is {size:,} bytes for {len(plan.plugins)} plugins, an item of DynamoDB takes "
            f"{MAX_ITEM_BYTES:,}: register fewer plugins to the stage, or give them shorter names and fewer roles"
        )
