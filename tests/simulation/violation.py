"""What a schedule ends with that should not be possible."""

from __future__ import annotations


class Violation(BaseException):
    """An invariant does not hold. Not an ``Exception``: no handler of the core may swallow it.

    Attributes:
        invariant: Which one; schedules that break the same one are taken for the same case.
        detail: What was seen.
    """

    def __init__(self, invariant: str, detail: str) -> None:
        super().__init__(f"{invariant}: {detail}")
        self.invariant = invariant
        self.detail = detail
