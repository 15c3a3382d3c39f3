"""What the deployable app is told by the CDK context, read and checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_constructs.validation import check_name, checked_deployment
from orchestrator_runtime.deployment import Deployment

Lookup = Callable[[str], Any]
"""Gives the value of a context key, or ``None``."""


@dataclass(frozen=True)
class AppContext:
    """A deployment, its activities and its simple workflows.

    Attributes:
        deployment: From ``system`` and ``stage``.
        activities: Names of activities, from ``activities``: a list, or a list as JSON.
        workflows: For each workflow its steps, each with the activities that run side by side, from
            ``workflows``: an object of lists of names and of lists of names, or one as JSON.
    """

    deployment: Deployment
    activities: Sequence[str]
    workflows: Mapping[str, Sequence[Sequence[str]]]

    @classmethod
    def read(cls, context: Lookup) -> AppContext:
        """Read the context.

        Args:
            context: Looks up a context key, as ``app.node.try_get_context`` does.

        Raises:
            ValueError: A key is missing or malformed; the text says what to give.
        """
        activities = _names("activities", _parsed("activities", context, []), '-c activities=\'["Validate", "Rate"]\'')
        if twice := sorted({name for name in activities if activities.count(name) > 1}):
            raise ValueError(f"context 'activities' names {twice} more than once: name each activity once")
        return cls(
            deployment=checked_deployment(_text("system", context), _text("stage", context)),
            activities=activities,
            workflows=_workflows(_parsed("workflows", context, {}), activities),
        )


def _text(key: str, context: Lookup) -> str:
    value = context(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"context {key!r} is {value!r}: give a name, as in -c {key}=…")
    return value


def _parsed(key: str, context: Lookup, default: object) -> object:
    """Take a value as it is in cdk.json, or as JSON, which is how the command line hands it on."""
    value = context(key)
    if value is None:
        return default
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"context {key!r} is no JSON ({error}), got {value!r}: quote it for your shell") from None


def _names(what: str, value: object, example: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"context {what!r} is {value!r}: give a list of names, as in {example}")
    for name in value:
        check_name("activity", name)
    return value


def _workflows(value: object, activities: Sequence[str]) -> dict[str, list[list[str]]]:
    example = '-c workflows=\'{"NewBusiness": ["Validate", ["Rate", "Check"]]}\''
    if not isinstance(value, dict):
        raise ValueError(f"context 'workflows' is {value!r}: give an object of lists, as in {example}")
    workflows = {}
    for name, given in value.items():
        what = f"workflows.{name}"
        if not isinstance(given, list):
            raise ValueError(f"context {what!r} is {given!r}: give a list of names, as in {example}")
        steps = [_names(what, step if isinstance(step, list) else [step], example) for step in given]
        if unknown := [activity for step in steps for activity in step if activity not in activities]:
            raise ValueError(
                f"workflow {name!r} names unknown activities {unknown}: add them to context 'activities', "
                f"which has {list(activities)}"
            )
        workflows[name] = steps
    return workflows
