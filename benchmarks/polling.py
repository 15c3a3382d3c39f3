"""Waits by looking again and again, up to a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")
_PATIENCE: Final = 900.0
_EVERY: Final = 0.05


class TookTooLongError(Exception):
    """What was waited for did not come in time."""


def eventually(look: Callable[[], T | None], *, what: str, within: float = _PATIENCE) -> T:
    """Look until there is something to see.

    Raises:
        TookTooLongError: There was nothing to see, for ``within`` seconds.
    """
    deadline = time.monotonic() + within
    while (seen := look()) is None:
        if time.monotonic() > deadline:
            raise TookTooLongError(f"{what}: not seen within {within:.0f} s")
        time.sleep(_EVERY)  # between two looks
    return seen
