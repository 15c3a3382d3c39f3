"""The CDK context of the deployable app, read and checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_constructs.validation import check_count, check_name, checked_deployment
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
        expected_minutes: For some workflows, the minutes that a run is expected to take at most, from
            ``expected_minutes``: an object of whole numbers, or one as JSON.
        alert_emails: Who gets the alerts, from ``alert_emails``: a list, or a list as JSON.
        monitoring: Whether there is any, from ``monitoring``: ``true``, which is the default, or ``false``.
    """

    deployment: Deployment
    activities: Sequence[str]
    workflows: Mapping[str, Sequence[Sequence[str]]]
    expected_minutes: Mapping[str, int]
    alert_emails: Sequence[str]
    monitoring: bool

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
        workflows = _workflows(_parsed("workflows", context, {}), activities)
        return cls(
            deployment=checked_deployment(_text("system", context), _text("stage", context)),
            activities=activities,
            workflows=workflows,
            expected_minutes=_expected(_parsed("expected_minutes", context, {}), workflows),
            alert_emails=_emails(_parsed("alert_emails", context, [])),
            monitoring=_switch("monitoring", _parsed("monitoring", context, default=True)),
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


def _expected(value: object, workflows: Mapping[str, object]) -> dict[str, int]:
    example = "-c expected_minutes='{\"NewBusiness\": 120}'"
    if not isinstance(value, dict):
        raise ValueError(f"context 'expected_minutes' is {value!r}: give an object of minutes, as in {example}")
    for name, minutes in value.items():
        check_count(f"context 'expected_minutes.{name}'", minutes)
    if unknown := sorted(set(value) - set(workflows)):
        raise ValueError(
            f"context 'expected_minutes' names unknown workflows {unknown}: name some of context 'workflows', "
            f"which has {sorted(workflows)}"
        )
    return value


def _emails(value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(email, str) for email in value):
        raise ValueError(
            f"context 'alert_emails' is {value!r}: give a list of addresses, as in "
            "-c alert_emails='[\"operators@example.com\"]'"
        )
    return value


def _switch(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"context {key!r} is {value!r}: give true or false, as in -c {key}=false")
    return value
