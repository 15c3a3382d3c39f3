"""What a schedule plays: a workflow, the plugins of its stages, and what kind of day it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from orchestrator_runtime.contract import DEFAULT_ORDER, Stage, State
from orchestrator_runtime.core.registration import Registration
from tests.rules.calls import START
from tests.simulation.decisions import Decisions, Odds
from tests.simulation.faults import PROFILE_ODDS, PROFILES, Profile

UID, WORKFLOW = "q-1", "Quote"
ROLE: Final = "AROAPLUGIN:session"
FORGED: Final = "forged"
"""The message of a stranger's report."""
STRANGERS: Final = ("AROAOTHER:session", "AIDAUSER", "123456789012", "999999999999:mallory", "AROAPLUGIN", None)
"""Not the plugin: another role, a user, an account, a federated user, its role without a session, nobody."""
DEADLINES = (120, 90, 200, 420)
START_WITHIN = 60


@dataclass(frozen=True, slots=True)
class Say:
    """One thing that a plugin sends: a report of its state, or Lambda's record of its call.

    Attributes:
        after: Seconds after the call.
        state: What is reported.
        progress: Percent.
        output: Bytes that it returns, about.
        record: Whether Lambda sends it.
        start: Whether it tells when the call began, which no report before it did.
    """

    after: float
    state: State
    progress: float | None = None
    output: int = 0
    record: bool = False
    start: bool = False


_START, _DONE, _ERROR = State.IN_PROGRESS, State.COMPLETE, State.ERROR
Behaviour = tuple[str, tuple[Say, ...]]

BEHAVIOURS: Final[tuple[Behaviour, ...]] = (
    ("completes", (Say(1, _DONE, start=True),)),
    ("starts and completes", (Say(0.2, _START), Say(5, _DONE, output=10))),
    ("tells its progress", (Say(0.2, _START, start=True), Say(10, _START, progress=50), Say(20, _DONE))),
    ("fails", (Say(0.2, _START), Say(3, _ERROR))),
    ("has nothing to do", (Say(1, State.DO_NOT_RUN, start=True),)),
    ("says nothing", ()),
    ("starts and dies", (Say(1, _START),)),
    ("completes twice", (Say(1, _DONE, start=True), Say(1.5, _DONE, start=True))),
    ("fails after it completed", (Say(1, _DONE), Say(1.1, _ERROR))),
    ("completes after it failed", (Say(1, _ERROR), Say(1.1, _DONE))),
    ("starts after it completed", (Say(1, _DONE), Say(1.1, _START, progress=10))),
    ("is late", (Say(1, _START), Say(500, _DONE))),
    ("starts late", (Say(70, _START), Say(75, _DONE))),
    ("completes as the stage is checked", (Say(59.7, _DONE),)),
    ("completes right after the check", (Say(59.95, _DONE),)),
    ("is reported by Lambda", (Say(2, _DONE, record=True),)),
    ("is reported dead by Lambda", (Say(0.2, _START), Say(4, _ERROR, record=True))),
    ("returns much", (Say(5, _DONE, output=26_000, start=True),)),
)
_BEHAVIOUR_ODDS = Odds(19, 19, 5, 12, 4, 5, 5, 3, 3, 3, 3, 4, 3, 3, 3, 2, 3, 3)
_LATER_ODDS = Odds(57, 19, 2, 5, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 2)


@dataclass(slots=True)
class PlayedPlugin:
    """A plugin, and how it behaves in the first attempt and in later ones."""

    registration: Registration
    first: Behaviour
    later: Behaviour

    def behaviour(self, attempt: int) -> Behaviour:
        return self.first if attempt == 1 else self.later


@dataclass(slots=True)
class PlayedStage:
    """A stage's settings, and its plugins by name."""

    plugins: dict[str, PlayedPlugin]
    timeout_seconds: int = DEADLINES[0]
    fail_on_optional_error: bool = False


@dataclass(slots=True)
class Scenario:
    """What a schedule plays."""

    profile: Profile
    steps: tuple[tuple[str, ...], ...]
    stages: dict[tuple[str, Stage], PlayedStage]
    attempts: int


_STEPS = (
    (("Rate",),),
    (("Validate",), ("Rate",)),
    (("Validate", "Rate"),),
    (("Validate",), ("Rate", "Check")),
    (("Validate",), ("Rate",), ("Issue",)),
)
_STEPS_ODDS = Odds(80, 7, 5, 4, 4)
_COUNT_ODDS = {
    Stage.PRE: Odds(50, 30, 14, 6),
    Stage.PARALLEL: Odds(15, 25, 30, 18, 12),
    Stage.POST: Odds(60, 25, 10, 5),
}
_YES = Odds(1, 0), Odds(0.85, 0.15), Odds(0.7, 0.3)
_SELDOM, _OFTEN = _YES[1], _YES[2]
_ATTEMPTS_ODDS = Odds(58, 30, 12)
_DEADLINE_ODDS = Odds(60, 15, 15, 9.7, 0.3)
_LONG = 3 * 3600
_POLICY_ODDS = Odds(80, 12, 8)
_AGE_ODDS = Odds(95, 3, 2)
_SEEN: tuple[datetime | None, ...] = (None, START - timedelta(minutes=13), START - timedelta(minutes=8))
"""When a subscription was made; one that is younger than 15 minutes may not receive messages yet."""
_POLICIES: tuple[dict[str, list[str]], ...] = ({}, {"line": ["auto"]}, {"line": ["home"]})


def draw_scenario(decisions: Decisions) -> Scenario:
    """Draw what to play."""
    profile = PROFILES[decisions.weigh(PROFILE_ODDS)]
    steps = _STEPS[decisions.weigh(_STEPS_ODDS)]
    attempts = 1 + decisions.weigh(_ATTEMPTS_ODDS)
    stages: dict[tuple[str, Stage], PlayedStage] = {}
    for step in steps:
        for activity in step:
            for stage in Stage:
                count = decisions.weigh(_COUNT_ODDS[stage])
                plugins = [_draw_plugin(decisions, activity, stage, number) for number in range(count)]
                played = PlayedStage({plugin.registration.name: plugin for plugin in plugins})
                if count:
                    played.timeout_seconds = DEADLINES[decisions.pick(len(DEADLINES))]
                    played.fail_on_optional_error = decisions.weigh(_SELDOM) == 1
                stages[activity, stage] = played
    return Scenario(profile=profile, steps=steps, stages=stages, attempts=attempts)


def _draw_plugin(decisions: Decisions, activity: str, stage: Stage, number: int) -> PlayedPlugin:
    deadline = decisions.weigh(_DEADLINE_ODDS)
    traits = decisions.pick(_TRAITS)
    registration = _registration(
        activity,
        stage,
        number,
        optional=decisions.weigh(_OFTEN) == 1,
        timeout=(None, *DEADLINES[1:], _LONG)[deadline],
        policy=decisions.weigh(_POLICY_ODDS),
        age=decisions.weigh(_AGE_ODDS),
        traits=traits,
    )
    first = BEHAVIOURS[decisions.weigh(_BEHAVIOUR_ODDS)]
    return PlayedPlugin(registration, first, BEHAVIOURS[decisions.weigh(_LATER_ODDS)])


_TRAITS = 2 * 2 * 4 * 2
"""Of a plugin: whether it reports its start, runs always; its order; whether its role is known."""


@lru_cache(8192)
def _registration(
    activity: str, stage: Stage, number: int, *, optional: bool, timeout: int | None, policy: int, age: int, traits: int
) -> Registration:
    traits, silent_start = divmod(traits, 2)
    traits, order = divmod(traits, 4)
    known_role, always_run = divmod(traits, 2)
    return Registration(
        activity=activity,
        stage=stage,
        name=f"P{number}",
        subscription_arn=f"arn:aws:sns:eu-west-1:123456789012:{activity}-{stage}:{number:012d}",
        endpoint=f"arn:aws:lambda:eu-west-1:123456789012:function:P{number}",
        owner="stack",
        mandatory=not optional,
        order=DEFAULT_ORDER + order,
        always_run=always_run == 1,
        timeout_seconds=timeout,
        reports_start=silent_start == 0,
        sender_role_ids=(ROLE.partition(":")[0],) if known_role else (),
        filter_policy=_POLICIES[policy],
        seen_at=_SEEN[age],
    )
