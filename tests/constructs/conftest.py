"""What many tests look at. Synthesis takes seconds, so an app that none of them changes is made once."""

from __future__ import annotations

import pytest
from aws_cdk import Stack

from orchestrator_constructs.interfaces import IActivity
from tests.constructs import apps
from tests.constructs.plugin_stacks import imported_activity, team_stack
from tests.constructs.synthesis import StackTemplate, Synthesized, recommended_flags, synthesize


@pytest.fixture(scope="session")
def one_stack() -> Synthesized:
    """Everything in one stack, with no feature flag."""
    return synthesize(apps.one_stack)


@pytest.fixture(scope="session")
def three_stacks() -> Synthesized:
    """Core, activities, workflows and their users in stacks of their own, with all feature flags."""
    return synthesize(apps.three_stacks, flags=recommended_flags())


@pytest.fixture(scope="session")
def claims(one_stack: Synthesized) -> StackTemplate:
    """The template of the one stack."""
    return one_stack.stacks["claims-dev"]


@pytest.fixture
def stack() -> Stack:
    """The stack of a team that deploys plugins; its account and region are not known."""
    return team_stack()


@pytest.fixture
def rate(stack: Stack) -> IActivity:
    """An activity that the team finds in SSM."""
    return imported_activity(stack)
