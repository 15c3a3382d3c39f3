"""The steps of a workflow: activities one after the other, some of them side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from orchestrator_constructs.interfaces import IActivity
from orchestrator_runtime.deployment import Deployment

Steps = list[list[IActivity]]
"""Each step's activities, which run side by side."""


def checked_steps(
    workflow: str, deployment: Deployment, activities: Sequence[IActivity | Sequence[IActivity]]
) -> Steps:
    """Check the activities of a workflow.

    Args:
        workflow: The workflow's name, for the text of an error.
        deployment: The deployment that it and its activities belong to.
        activities: Activities, and lists of activities side by side, in order.

    Raises:
        ValueError: There is none, one is there twice, of another core, or a list is empty or in a list of a list.
    """
    steps = [list(step) if isinstance(step, Sequence) else [step] for step in activities]
    if not steps:
        raise ValueError(f"workflow {workflow!r} has no activities: name at least one")
    if not all(steps):
        raise ValueError(f"workflow {workflow!r} has an empty list among its activities: name some in it, or drop it")
    if any(isinstance(activity, Sequence) for step in steps for activity in step):
        raise ValueError(
            f"workflow {workflow!r} has a list in a list of a list: activities in a list run side by side, "
            f"and each of them is one activity"
        )
    names = [activity.activity_name for step in steps for activity in step]
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise ValueError(
            f"workflow {workflow!r} has activities more than once, {twice}: a run goes through each at most once; "
            f"define another activity for the second time"
        )
    others = sorted(
        activity.activity_name for step in steps for activity in step if activity.core.deployment != deployment
    )
    if others:
        raise ValueError(
            f"workflow {workflow!r} belongs to {deployment.prefix!r}, its activities {others} do not: "
            f"use activities of one core"
        )
    return steps


def step_names(steps: Steps) -> list[list[str]]:
    """The names of the activities of each step."""
    return [[activity.activity_name for activity in step] for step in steps]
