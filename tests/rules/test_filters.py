"""Which plugins a run invokes: the core evaluates the filters of managed plugins, SNS those of plain subscriptions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.happening import PluginUnreachable
from orchestrator_runtime.core.registration import Registration
from tests.rules.world import World, plugin, present

OWNER = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1"
KEYS = [f"a{number}" for number in range(8)]
METADATA = dict.fromkeys(["zone", *KEYS], "x")


def filtered(name: str, *keys: str, since: int = 0, **other: Any) -> Registration:
    """A plugin whose filter wants "x" under each key, first seen so many seconds after the world begins."""
    policy = {key: ["x"] for key in keys}
    return plugin(name, filter_policy=policy, filter_keys_since=World().clock.now + timedelta(seconds=since), **other)


def opened(*plugins: Registration) -> World:
    world = World(*plugins)
    world.begin(metadata=METADATA)
    world.open()
    return world


def unreachable(world: World) -> list[str]:
    return [happening.plugin for happening in world.journal.of(PluginUnreachable)]


@pytest.mark.parametrize("owner", ["", OWNER], ids=["plain", "managed"])
def test_two_optional_plugins_with_eight_keys_keep_no_mandatory_plugin_from_being_invoked(owner: str) -> None:
    """The run must not complete without the mandatory plugin of another team."""
    world = opened(
        filtered("Mandatory", "zone", owner=owner),
        filtered("Optional1", *KEYS[:4], mandatory=False, owner=owner, since=1),
        filtered("Optional2", *KEYS[4:], mandatory=False, owner=owner, since=2),
    )

    invoked = ["Mandatory", "Optional1", *(["Optional2"] if owner else [])]
    assert world.dispatched == [invoked]
    assert unreachable(world) == ([] if owner else ["Optional2"])
    for name in invoked[1:]:
        world.report(name)
    assert world.answered == [], "it waits for the mandatory plugin"
    world.report("Mandatory")
    assert present(world.outcome).state is State.COMPLETE


def test_a_managed_filter_on_twelve_keys_invokes_its_plugin_with_no_attribute_but_the_core_s() -> None:
    keys = [f"k{number}" for number in range(12)]
    world = World(filtered("Score", *keys, owner=OWNER))
    world.begin(metadata=dict.fromkeys(keys, "x"))
    world.open()

    [message] = world.publisher.messages
    assert message.attributes == {"workflow": "NewBusiness", "plugins": ["Score"]}


@pytest.mark.parametrize("matches", [True, False])
def test_a_changed_filter_holds_from_the_next_stage_that_opens(matches: bool) -> None:
    first = plugin("First", stage=Stage.PRE, owner=OWNER)
    before, after = ("home", "x") if matches else ("x", "home")
    changed = plugin("Changed", owner=OWNER, filter_policy={"zone": [before]})
    world = opened(first, changed)
    world.registry.change(replace(changed, filter_policy={"zone": [after]}))

    world.report("First", stage=Stage.PRE)

    assert world.dispatched == [["First"], *([["Changed"]] if matches else [])]
