"""Synthesized apps that many tests look at: synthesis takes seconds, so each is made once."""

from __future__ import annotations

import pytest

from tests.constructs import apps
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
