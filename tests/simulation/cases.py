"""The small cases that are explored in every order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from orchestrator_runtime.contract import Stage, State

BEYOND_ALL_DEADLINES: Final = 700
CLAIM_EXPIRED: Final = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is explored, and how far.

    Attributes:
        name: What it is, in words.
        stages: The stage of each plugin.
        reports: What each plugin reports in the first attempt; in the second all complete.
        optional: Places of the plugins that are optional.
        at_once: How many handlers may be under way at the same time.
        entries: How often the wait may be over.
        checks: How often the schedule may tick.
        crashes: How many handlers may die.
        duplicates: How many reports may come again.
        jumps: How often time may pass, each time so many seconds.
        resumes: Whether the execution may be stopped, and the run started again.
    """

    name: str
    stages: tuple[Stage, ...]
    reports: tuple[State, ...]
    optional: frozenset[int] = frozenset()
    at_once: int = 2
    entries: int = 0
    checks: int = 1
    crashes: int = 1
    duplicates: int = 0
    jumps: tuple[int, ...] = ()
    resumes: bool = False


_PRE, _ALL = Stage.PRE, Stage.PARALLEL
_OK, _BAD, _NOTHING = State.COMPLETE, State.ERROR, State.DO_NOT_RUN

SMALL: Final = (
    Case(
        name="one plugin, entered twice, a report twice",
        stages=(_ALL,),
        reports=(_OK,),
        entries=1,
        checks=0,
        duplicates=1,
    ),
    Case(
        name="one plugin that fails, and a resume", stages=(_ALL,), reports=(_BAD,), checks=0, crashes=0, resumes=True
    ),
    Case(name="two at once, one crash", stages=(_ALL,) * 2, reports=(_OK, _BAD), optional=frozenset({1})),
    Case(name="two that fail at once", stages=(_ALL,) * 2, reports=(_BAD, _BAD), checks=0),
    Case(name="two in a row, one crash", stages=(_PRE,) * 2, reports=(_OK, _OK)),
    Case(name="a stage change, one crash", stages=(_PRE, _ALL), reports=(_OK, _OK), checks=0),
    Case(
        name="a stage change, one handler at a time",
        stages=(_PRE, _ALL),
        reports=(_OK, _OK),
        at_once=1,
        checks=1,
        duplicates=1,
        crashes=2,
        jumps=(CLAIM_EXPIRED,),
    ),
    Case(name="a deadline", stages=(_ALL,), reports=(_OK,), crashes=0, checks=2, jumps=(BEYOND_ALL_DEADLINES,)),
    Case(
        name="a claim that expires", stages=(_ALL,) * 2, reports=(_OK, _OK), at_once=1, checks=2, jumps=(CLAIM_EXPIRED,)
    ),
    Case(
        name="four at once, one handler at a time",
        stages=(_ALL,) * 4,
        reports=(_OK, _BAD, _NOTHING, _OK),
        optional=frozenset({1}),
        at_once=1,
    ),
    Case(
        name="four in a row, one handler at a time",
        stages=(_PRE,) * 4,
        reports=(_OK, _OK, _OK, _OK),
        at_once=1,
        duplicates=1,
        jumps=(CLAIM_EXPIRED,),
    ),
)
"""Explored in every test run."""

LARGE: Final = (
    Case(name="a stage change, one crash, a report twice", stages=(_PRE, _ALL), reports=(_OK, _OK), duplicates=1),
    Case(name="two that fail at once, a report twice", stages=(_ALL,) * 2, reports=(_BAD, _BAD), duplicates=1),
    Case(name="three stages, one crash", stages=tuple(Stage), reports=(_OK, _OK, _OK), duplicates=1),
    Case(name="one plugin, one crash, a claim that expires", stages=(_ALL,), reports=(_OK,), jumps=(CLAIM_EXPIRED,)),
    Case(
        name="four at once, one handler at a time, a report twice",
        stages=(_ALL,) * 4,
        reports=(_OK, _BAD, _NOTHING, _OK),
        optional=frozenset({1}),
        at_once=1,
        duplicates=1,
        jumps=(BEYOND_ALL_DEADLINES,),
    ),
    Case(
        name="two at once, one crash, a deadline", stages=(_ALL,) * 2, reports=(_OK, _OK), jumps=(BEYOND_ALL_DEADLINES,)
    ),
    Case(
        name="two in a row, one crash, a deadline",
        stages=(_PRE,) * 2,
        reports=(_OK, _OK),
        jumps=(BEYOND_ALL_DEADLINES,),
    ),
    Case(name="two in a row, a report twice", stages=(_PRE,) * 2, reports=(_OK, _OK), crashes=0, duplicates=1),
    Case(name="one plugin that fails, a check, and a resume", stages=(_ALL,), reports=(_BAD,), crashes=0, resumes=True),
    Case(
        name="one plugin that completes, a check, and a resume", stages=(_ALL,), reports=(_OK,), crashes=0, resumes=True
    ),
)
"""What takes minutes."""
