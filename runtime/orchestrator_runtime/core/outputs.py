"""Divides the bytes that a message has for outputs among the plugins that return them.

What a plugin returns can cost another plugin nothing that it is sure of. Half of the room is divided evenly among the
stages of a run, so that each has its part whatever earlier ones return. A stage may take up to half of what is left.
Half of what a stage may take is divided evenly among its plugins; the rest is for whoever returns more, first come. An
output that finds no room is the error of the plugin that returned it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from orchestrator_runtime.contract import MAX_OUTPUTS_BYTES, Stage
from orchestrator_runtime.core.records import Run, StagePlan, StageRef
from orchestrator_runtime.json_text import compact_json

_AROUND: Final = len(":,")
"""What a message has between the key of an output and the output, and after it."""
_STAGES: Final = len(Stage)


def output_bytes(key: str, text: str) -> int:
    """Returns the bytes that an output takes in a message.

    Args:
        key: Its key there, ``activity/stage/plugin``.
        text: The output as JSON.
    """
    return len(compact_json(key).encode()) + len(text.encode()) + _AROUND


def with_budget(plan: StagePlan, ref: StageRef, run: Run, outputs: Mapping[str, Any]) -> StagePlan:
    """Returns a stage's plan with the bytes that its outputs may take.

    What a plugin that is invoked again returned in an earlier attempt stays its own, so that it can return as much as
    before whatever later stages have returned since. Activities side by side have equal parts of what the others
    leave, whichever returns first.

    Args:
        plan: The plan.
        ref: The stage.
        run: The run, which knows the order of its activities.
        outputs: All of the run's outputs, keyed ``activity/stage/plugin``.
    """
    sizes = {key: output_bytes(key, compact_json(output)) for key, output in outputs.items()}
    place = next((place for place, step in enumerate(run.activities) if ref.activity in step), None)
    beside, later = ((ref.activity,), 0) if place is None else (run.activities[place], len(run.activities) - place - 1)
    own = sum(size for key, size in sizes.items() if _activity(key) == ref.activity)
    others = sum(size for key, size in sizes.items() if _activity(key) not in beside)
    left = (MAX_OUTPUTS_BYTES - others) // len(beside) - own
    part_of_stage = MAX_OUTPUTS_BYTES // 2 // (_STAGES * max(len(run.activities), 1)) // len(beside)
    parts_of_later = part_of_stage * (len(ref.stage.following) + _STAGES * later)
    plugins = tuple(
        replace(plugin, returned=sizes.get(f"{ref.key}/{plugin.name}", 0)) if plugin.kept is None else plugin
        for plugin in plan.plugins
    )
    returned = sum(plugin.returned for plugin in plugins)
    budget = max(min(left // 2, left - parts_of_later), part_of_stage) + returned
    return replace(plan, plugins=plugins, output_budget=budget)


def sure_bytes(plan: StagePlan, index: int) -> int:
    """Returns the bytes that the output of an unfinished plugin may take, whatever the others return.

    Args:
        plan: The stage's plan.
        index: The plugin's index in it.
    """
    return plan.plugins[index].returned + _share(plan)


def room_for(plan: StagePlan, index: int, taken: Mapping[int, int]) -> int:
    """Returns the bytes that a plugin's output may take now.

    Args:
        plan: The stage's plan.
        index: The plugin's index in it.
        taken: The bytes that outputs have taken, by the index of their plugin. Those within ``sure_bytes`` may be
            missing: that many count for every plugin, returned or not.
    """
    share = _share(plan)
    others = (
        max(taken.get(other, 0), plan.plugins[other].returned + share) for other in plan.unfinished if other != index
    )
    return plan.output_budget - sum(others)


def _share(plan: StagePlan) -> int:
    """What each unfinished plugin is sure of beside what it returned before."""
    returned = sum(plugin.returned for plugin in plan.plugins)
    return (plan.output_budget - returned) // 2 // max(len(plan.unfinished), 1)


def _activity(key: str) -> str:
    return key.partition("/")[0]
