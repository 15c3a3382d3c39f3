"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# Hypothesis fails an example that takes long: on a busy machine that says nothing about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
