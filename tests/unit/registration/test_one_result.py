"""Three ways to register, in any order, twice, late and all at once: the registry follows from the world alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.subscription import NoAnswer
from orchestrator_runtime.custom_resources import RegistrationProperty as P
from orchestrator_runtime.protocol.reconcile import BeingUpdatedError
from tests.unit.registration.outside import ACCOUNT, OPEN_TO_SNS, PARALLEL, PRE, Event, Outside

NAMES = ["A", "B"]
OWNERS = [f"arn:aws:cloudformation:eu-west-1:{ACCOUNT}:stack/{name}/1" for name in ("one", "two")]
ANSWERS = [
    {"pluginName": "A", "default": {"mandatory": True}},
    {"pluginName": "B", "default": {"mandatory": True}, "overrides": {"Rate": {"mandatory": False}}},
    {"order": 3},
    {"order": "three"},
    {"statusCode": 200},
    None,
    NoAnswer("it failed"),
]
POLICIES: list[dict[str, Any]] = [{}, {"plugins": ["A"]}, {"plugins": ["B"], "line": ["auto"]}, {"line": [{"x": 1}]}]

whole = st.integers(min_value=0, max_value=11)


@dataclass
class Step:
    """One thing that happens; ``pick`` chooses among what there is then.

    Attributes:
        inside: How many calls the core makes, of what happens before, until this comes in between.
    """

    do: Callable[[Outside, int, int], None]
    pick: int
    other: int
    inside: int

    def __repr__(self) -> str:
        return f"{self.do.__name__}({self.pick}, {self.other}, inside={self.inside})"


def among(things: Any, pick: int) -> Any:
    """One of the things that there are, or ``None`` if there are none."""
    listed = sorted(things)
    return listed[pick % len(listed)] if listed else None


def deploy(outside: Outside, pick: int, other: int) -> None:
    # Functions that were deleted stay so: nothing tells the core when one comes back.
    name = f"f{pick % 4}"
    if name not in getattr(outside, "destroyed", set()):
        outside.deploy(name, ANSWERS[other % len(ANSWERS)])


def destroy(outside: Outside, pick: int, other: int) -> None:
    if function := among(outside.code, pick):
        outside.destroyed = getattr(outside, "destroyed", set()) | {function.rpartition(":")[2]}  # type: ignore[attr-defined]
        outside.destroy(function)


def point(outside: Outside, pick: int, other: int) -> None:
    """An alias comes to mean another version, also an older one."""
    if function := among(outside.code, pick):
        outside.point(function, other % len(outside.versions[function]))


def subscribe(outside: Outside, pick: int, other: int) -> None:
    if function := among(outside.code, pick):
        endpoint = function if other % 3 else f"{function}:live"
        outside.subscribe([PRE, PARALLEL][pick % 2], endpoint, POLICIES[other % len(POLICIES)])


def subscribe_queue(outside: Outside, pick: int, other: int) -> None:
    arn = f"arn:aws:sqs:eu-west-1:123456789012:q{pick % 2}"
    outside.subscribe([PRE, PARALLEL][other % 2], arn, POLICIES[other % len(POLICIES)], "sqs")


def set_filter(outside: Outside, pick: int, other: int) -> None:
    if arn := among(outside.subscribed, pick):
        outside.set_filter(arn, POLICIES[other % len(POLICIES)])


def unsubscribe(outside: Outside, pick: int, other: int) -> None:
    if arn := among(outside.subscribed, pick):
        outside.unsubscribe(arn)
        outside.constructs.pop(arn, None)


def create(outside: Outside, pick: int, other: int) -> None:
    topic = [PRE, PARALLEL][other % 2]
    taken = {s.endpoint for s in outside.subscribed.values() if s.arn.startswith(f"{topic.arn}:")}
    if function := among(outside.code.keys() - taken, pick):
        outside.create(topic, function, owner=OWNERS[pick % 2], name=NAMES[other // 2 % 2])


def alive(outside: Outside) -> set[str]:
    """Constructs whose function exists, which CloudFormation can change."""
    subscribed = outside.settled & outside.subscribed.keys()
    return {arn for arn in subscribed if outside.subscribed[arn].endpoint in outside.code}


def update(outside: Outside, pick: int, other: int) -> None:
    if arn := among(alive(outside), pick):
        outside.update(arn, NAMES[other % 2], **{P.ORDER: str(other)})


def repeat(outside: Outside, pick: int, other: int) -> None:
    if arn := among(alive(outside), pick):
        outside.repeat(arn)


def delete(outside: Outside, pick: int, other: int) -> None:
    if arn := among(outside.settled, pick):
        outside.delete(arn)


def trouble(outside: Outside, pick: int, other: int) -> None:
    """A function is throttled, or being updated, for a while."""
    if function := among(outside.code, pick):
        outside.code[function].throttled = other % 2 == 0
        outside.code[function].updating = other % 3 == 0


def permit(outside: Outside, pick: int, other: int) -> None:
    """A function's owner lets every topic invoke it, or none."""
    if function := among(outside.code, pick):
        outside.code[function].policy = OPEN_TO_SNS if other % 2 else None


def hear(outside: Outside, pick: int, other: int) -> None:
    """An event comes in: any that there was so far, and it may come again."""
    if outside.events:
        with suppress(BeingUpdatedError):
            outside.hear(outside.events[pick % len(outside.events)])


def reconcile(outside: Outside, pick: int, other: int) -> None:
    outside.reconcile()


# What ends something comes less often, so that there is something to end.
ENDS = [destroy, unsubscribe, delete]
CHANGES = [deploy, point, subscribe, subscribe_queue, set_filter, create, update, repeat]
CORE = [hear, reconcile]


def steps(inside: st.SearchStrategy[int], *, troubled: bool) -> st.SearchStrategy[list[Step]]:
    kinds = ENDS + 2 * CHANGES + 4 * CORE + ([trouble, permit] if troubled else [])
    step = st.builds(Step, do=st.sampled_from(kinds), pick=whole, other=whole, inside=inside)
    return st.lists(step, min_size=10, max_size=50)


def start() -> Outside:
    outside = Outside()
    for number in range(3):
        outside.deploy(f"f{number}", ANSWERS[number])
    return outside


def play(outside: Outside, planned: list[Step]) -> None:
    """Do one step after the other, and some while the core is about the one before."""
    waiting = list(planned)
    left = 0

    def interfere(_name: str) -> None:
        nonlocal left
        if waiting and waiting[0].inside:
            left -= 1
            if left <= 0:
                run()

    def run() -> None:
        nonlocal left
        step = waiting.pop(0)
        left = waiting[0].inside if waiting else 0
        step.do(outside, step.pick, step.other)

    outside.before = interfere
    while waiting:
        run()
    outside.before = lambda _name: None


def owners_of_names(registrations: list[Registration]) -> dict[tuple[str, str], set[str]]:
    owners: dict[tuple[str, str], set[str]] = {}
    for registration in registrations:
        if registration.managed:
            owners.setdefault((registration.key, registration.name), set()).add(registration.owner)
    return owners


@settings(max_examples=400, deadline=None)
@given(steps(inside=st.sampled_from([0, 0, 1, 2, 3, 4, 5]), troubled=True))
def test_a_reconciliation_leaves_what_follows_from_the_world(planned: list[Step]) -> None:
    """Whatever came before, events lost or stale, and whatever happened while the core was looking."""
    outside = start()
    play(outside, planned)
    outside.calm()
    outside.reconcile()
    assert outside.registered == outside.right()
    assert all(len(owners) == 1 for owners in owners_of_names(list(outside.registry.all.values())).values())
    assert outside.errors == []
    again = outside.reconcile()
    assert again.repairs == []


@settings(max_examples=400, deadline=None)
@given(steps(inside=st.just(0), troubled=False), st.randoms(use_true_random=False))
def test_events_alone_leave_the_same_in_any_order(planned: list[Step], random: Any) -> None:
    """Each comes once at least after what it tells of, some twice, and no reconciliation is needed."""
    outside = start()
    for step in planned:
        step.do(outside, step.pick, step.other)
    late: list[Event] = [*outside.events, *random.sample(outside.events, len(outside.events) // 2)]
    random.shuffle(late)
    for event in late:
        outside.hear(event)
    assert outside.registered == outside.right()
    assert outside.reconcile().repairs == []
