"""Whose a plugin's name is: what a construct registered is reserved in every run of the stage."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.core.invocation_record import InvocationRecord
from orchestrator_runtime.core.registration import Registration
from tests.rules.world import World, plugin

OWNER = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1"
METADATA = {"line": "auto"}
SCORE = plugin("Score", owner=OWNER, filter_policy={"line": ["home"]}, sender_role_ids=("AROASCORE",))
NAMESAKE = plugin("Score", subscription_arn="arn:aws:sns:eu-west-1:123456789012:rate:0000", endpoint="arn:other")
OTHER = plugin("Other", owner=OWNER)


def opened(*plugins: Registration) -> World:
    world = World(*plugins)
    world.begin(metadata=METADATA)
    world.open()
    return world


@pytest.mark.parametrize("plugins", list(permutations([SCORE, NAMESAKE, OTHER])))
def test_a_namesake_is_not_expected_in_a_run_that_the_filter_of_the_plugin_excludes(
    plugins: tuple[Registration, ...],
) -> None:
    world = opened(*plugins)

    assert world.dispatched == [["Other"]]
    assert [expected.name for expected in world.plan.plugins] == ["Other"]


@pytest.mark.parametrize("sender", ["AROAOTHER", None], ids=["its own role", "unknown"])
def test_no_output_of_a_namesake_is_stored_under_the_name(sender: str | None) -> None:
    world = opened(SCORE, NAMESAKE, OTHER)

    world.report("Score", output={"price": 1}, sender=sender)

    assert world.status.outputs(world.ref().run) == {}
    assert world.answered == []


def test_the_report_of_a_namesake_with_another_role_is_refused() -> None:
    world = opened(SCORE, NAMESAKE, OTHER)

    world.report("Score", sender="AROAOTHER")

    assert world.journal.reasons == ["wrong-sender"]
    assert world.state("Score") is None


def test_a_record_of_the_invocation_of_a_namesake_counts_for_no_plugin() -> None:
    """SNS invokes it as its subscription's own filter says, and Lambda reports that it has succeeded."""
    world = opened(SCORE, NAMESAKE, OTHER)
    read = InvocationRecord(
        stage=world.ref(),
        subscription_arn=NAMESAKE.subscription_arn,
        function_arn=NAMESAKE.endpoint,
        dispatched=frozenset({"Other"}),
        report_to="https://sqs/results",
        state=State.COMPLETE,
        output={"price": 1},
    )

    world.report_all([IncomingReport.of_record(read, id="m-1", sender=None)])

    assert world.state("Score") is None
    assert world.status.outputs(world.ref().run) == {}
    assert world.journal.reasons == ["unregistered"]


def test_of_two_plain_namesakes_the_one_that_was_registered_first_is_invoked() -> None:
    """The filter of the first excludes the run: the second is none the more expected."""
    now = World().clock.now
    first = plugin("Score", filter_policy={"line": ["home"]}, named_since=now)
    second = plugin(
        "Score", subscription_arn="arn:aws:sns:eu-west-1:123456789012:rate:0000", named_since=now + timedelta(seconds=1)
    )

    world = opened(first, second, OTHER)

    assert world.dispatched == [["Other"]]
    world.report("Other")
    assert world.outcome is not None
    assert world.outcome.state is State.COMPLETE
