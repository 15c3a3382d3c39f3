"""Whatever a handler is fed: it refuses it or takes it, once and in time, and says nothing that must not be said.

``make hostile INPUTS=100000 SEED=2`` feeds as many as one likes.
"""

from __future__ import annotations

import pytest

from tests.hostile.feeding import feed_all
from tests.hostile.targets import TARGETS

INPUTS = 1_000


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_documents_break_nothing(name: str) -> None:
    result = feed_all(TARGETS[name](), inputs=INPUTS, seed=1)
    assert result.broken == []
    # Almost valid ones come through often enough for what follows to be reached as well.
    assert result.accepted > INPUTS / 20
    assert result.refused > INPUTS / 20
