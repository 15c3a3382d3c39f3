"""The small cases that are explored in every order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orchestrator_runtime.contract import ReleaseRule, State

BEYOND_ALL_DEADLINES: Final = 700
CLAIM_EXPIRED: Final = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is explored, and how far.

    Attributes:
        name: What it is, in words.
        rule: How the stage releases.
        reports: What each plugin reports in the first attempt; in the second all complete.
        optional: Places of the plugins that are optional.
        at_once: How many handlers may be under way at the same time.
        wakes: How often the wait may be over.
        crashes: How many handlers may die.
        duplicates: How many reports may come again.
        jumps: How often time may pass, each time so many seconds.
        resumes: Whether the execution may be stopped, and the run started again.
    """

    name: str
    rule: ReleaseRule
    reports: tuple[State, ...]
    optional: frozenset[int] = frozenset()
    at_once: int = 2
    wakes: int = 1
    crashes: int = 1
    duplicates: int = 0
    jumps: tuple[int, ...] = ()
    resumes: bool = False


_ALL, _ONE = ReleaseRule.ALL_AT_ONCE, ReleaseRule.ONE_AT_A_TIME
_OK, _BAD, _NOTHING = State.COMPLETE, State.ERROR, State.DO_NOT_RUN

SMALL: Final = (
    Case(name="one plugin, two checks, a report twice", rule=_ALL, reports=(_OK,), crashes=1, duplicates=1),
    Case(name="one plugin that fails, and a resume", rule=_ALL, reports=(_BAD,), wakes=0, crashes=0, resumes=True),
    Case(name="two at once, no crash", rule=_ALL, reports=(_OK, _BAD), crashes=0, optional=frozenset({1})),
    Case(name="two in a row, no crash", rule=_ONE, reports=(_OK, _OK), crashes=0),
    Case(name="a deadline", rule=_ALL, reports=(_OK,), crashes=0, jumps=(BEYOND_ALL_DEADLINES,)),
    Case(name="a claim that expires", rule=_ALL, reports=(_OK, _OK), at_once=1, wakes=2, jumps=(CLAIM_EXPIRED,)),
    Case(
        name="four at once, one handler at a time",
        rule=_ALL,
        reports=(_OK, _BAD, _NOTHING, _OK),
        optional=frozenset({1}),
        at_once=1,
    ),
    Case(
        name="four in a row, one handler at a time",
        rule=_ONE,
        reports=(_OK, _OK, _OK, _OK),
        at_once=1,
        duplicates=1,
        jumps=(CLAIM_EXPIRED,),
    ),
)
"""Explored in every test run."""

LARGE: Final = (
    Case(name="one plugin, one crash, a claim that expires", rule=_ALL, reports=(_OK,), jumps=(CLAIM_EXPIRED,)),
    Case(
        name="four at once, one handler at a time, a report twice",
        rule=_ALL,
        reports=(_OK, _BAD, _NOTHING, _OK),
        optional=frozenset({1}),
        at_once=1,
        duplicates=1,
        jumps=(BEYOND_ALL_DEADLINES,),
    ),
    Case(name="two at once, one crash", rule=_ALL, reports=(_OK, _OK)),
    Case(name="two in a row, one crash", rule=_ONE, reports=(_OK, _OK)),
    Case(name="two in a row, a report twice", rule=_ONE, reports=(_OK, _OK), crashes=0, duplicates=1),
    Case(name="one plugin that fails, a check, and a resume", rule=_ALL, reports=(_BAD,), crashes=0, resumes=True),
    Case(name="one plugin that completes, a check, and a resume", rule=_ALL, reports=(_OK,), crashes=0, resumes=True),
)
"""What takes minutes."""
