"""What the decorator refuses, and how it says so."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.authoring.declared_info import declared_info
from orchestrator_runtime.plugin_info import PluginInfo, read_answer

NOTHING: dict[str, Any] = {
    "name": None,
    "mandatory": True,
    "overrides": None,
    "order": 90,
    "always_run": False,
    "timeout": None,
    "start_within": None,
    "description": None,
    "fifo_key": None,
    "idempotent": True,
}


def test_nothing_said_is_all_defaults() -> None:
    assert declared_info(**NOTHING) == PluginInfo()


@pytest.mark.parametrize(
    ("said", "error", "told"),
    [
        ({"name": "a/b"}, ValueError, "the plugin name 'a/b' is not allowed"),
        ({"name": 3}, ValueError, "the plugin name 3 is not allowed"),
        ({"mandatory": 1}, TypeError, "@plugin: mandatory must be True or False, got 1"),
        ({"always_run": "yes"}, TypeError, "@plugin: always_run must be True or False, got 'yes'"),
        ({"idempotent": None}, TypeError, "@plugin: idempotent must be True or False, got None"),
        ({"overrides": ["Rate"]}, TypeError, "@plugin: overrides must map activities to True or False"),
        ({"overrides": {"a b": True}}, ValueError, "@plugin: overrides: the activity name 'a b' is not allowed"),
        ({"overrides": {"Rate": 0}}, TypeError, "@plugin: overrides['Rate'] must be True or False, got 0"),
        ({"order": True}, TypeError, "@plugin: order must be a whole number, got True"),
        ({"order": 1.0}, TypeError, "@plugin: order must be a whole number, got 1.0"),
        ({"order": -1}, ValueError, "@plugin: order must be from 0 to 1000000, got -1"),
        ({"timeout": 60}, TypeError, "@plugin: timeout must be a datetime.timedelta, got 60"),
        ({"timeout": timedelta()}, ValueError, "@plugin: timeout must be whole seconds, 1 or more, got 0:00:00"),
        ({"timeout": timedelta(days=-1)}, ValueError, "@plugin: timeout must be whole seconds, 1 or more"),
        ({"start_within": timedelta(seconds=1.5)}, ValueError, "@plugin: start_within must be whole seconds"),
        ({"timeout": timedelta(days=366)}, ValueError, "@plugin: timeout must be 365 days or less"),
        ({"description": 3}, TypeError, "@plugin: description must be a string, got 3"),
        ({"description": " "}, ValueError, "@plugin: description is empty: leave it out"),
        ({"fifo_key": ""}, ValueError, "@plugin: fifo_key is empty: leave it out"),
    ],
    ids=str,
)
def test_a_value_that_is_not_allowed_is_refused(said: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=re.escape(told)):
        declared_info(**NOTHING | said)


@pytest.mark.parametrize(
    "said",
    [
        {"name": "Score 2.0", "mandatory": False, "overrides": {"Rate": True, "Validate": False}},
        {"order": 0, "always_run": True, "idempotent": False},
        {"timeout": timedelta(days=365), "start_within": timedelta(seconds=1)},
        {"description": "Scores", "fifo_key": "policy"},
    ],
    ids=str,
)
def test_what_is_allowed_is_read_back_from_the_answer(said: dict[str, Any]) -> None:
    info = declared_info(**NOTHING | said)
    assert read_answer(info.as_answer()) == (info, [])


def test_what_was_given_can_change_later_without_changing_the_plugin() -> None:
    overrides = {"Rate": False}
    info = declared_info(**NOTHING | {"overrides": overrides})
    overrides["Rate"] = True
    assert info.overrides == {"Rate": False}
