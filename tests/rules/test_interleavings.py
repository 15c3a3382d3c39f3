"""Any interleaving of reports, wakes and deaths ends in one outcome, which is heard once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.records import Outcome
from tests.rules.calls import Crash
from tests.rules.world import World, plugin, received

MOST_PLUGINS = 4
BEYOND_ALL_DEADLINES = 10_000


@dataclass(frozen=True)
class Step:
    """One thing that happens; ``crash`` is the effect before which its handler dies, if it gets there."""

    what: str
    crash: int | None = None
    reports: tuple[tuple[int, State], ...] = ()
    seconds: int = 0


CRASH = st.none() | st.integers(0, 8)
REPORT = st.tuples(
    st.integers(0, MOST_PLUGINS - 1),
    st.sampled_from([State.IN_PROGRESS, State.COMPLETE, State.COMPLETE, State.DO_NOT_RUN, State.ERROR]),
)
STEP = st.one_of(
    st.builds(Step, st.just("reports"), CRASH, st.lists(REPORT, min_size=1, max_size=3).map(tuple)),
    st.builds(Step, st.just("wake"), CRASH),
    st.builds(Step, st.just("token dies")),
    st.builds(Step, st.just("time passes"), seconds=st.sampled_from([5, 30, 61, 601])),
)


@dataclass
class Play:
    """Plays steps against a world, and checks after each what must hold at any time."""

    stage: Stage
    mandatory: list[bool]
    world: World = field(init=False)
    outcome: Outcome | None = None
    ended: dict[str, State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = [f"P{i}" for i in range(len(self.mandatory))]
        plugins = [plugin(n, mandatory=m) for n, m in zip(self.names, self.mandatory, strict=True)]
        self.world = World(*plugins, stage=self.stage)
        self.world.begin()

    def step(self, step: Step) -> None:
        match step.what:
            case "reports":
                self._handle(step, lambda: self._report(step))
            case "wake" if not self.world.answered:
                self._handle(step, self.world.open)
            case "token dies":
                self.world.signals.alive.clear()
            case "time passes":
                self.world.clock.forward(step.seconds)
        self.check()

    def _report(self, step: Step) -> None:
        called = {name for names in self.world.dispatched for name in names}
        batch = [
            received(f"P{i}", state, stage=self.stage, progress=50 if state is State.IN_PROGRESS else None)
            for i, state in step.reports
            if f"P{i}" in called
        ]
        assert self.world.report_all(batch) == []

    def _handle(self, step: Step, handler: Callable[[], object]) -> None:
        if step.crash is not None:
            self.world.calls.crash_at(step.crash)
        with suppress(Crash):
            handler()
        self.world.calls.steady()

    def check(self) -> None:
        world = self.world
        states = {name: world.state(name) for name in self.names}
        for name, state in self.ended.items():
            assert states[name] is state, f"{name} changed its terminal state"
        self.ended = {name: state for name, state in states.items() if state and state.is_terminal}
        assert self.outcome is None or world.outcome == self.outcome, "the outcome changed"
        self.outcome = world.outcome
        failed = State.ERROR in states.values()
        if self.outcome is not None:
            assert failed or len(self.ended) == len(self.names), "closed early"
            assert failed or self.outcome.state is State.COMPLETE, "failed without a mandatory error"
        assert len(world.answered) <= 1
        for signal in world.signals.sent:
            assert self.outcome is not None, "signalled before the outcome was written"
            assert (signal.error is None) == (self.outcome.state is State.COMPLETE), "signalled another outcome"
        if self.stage.is_sequential:
            for names in world.dispatched:
                before = self.names[: self.names.index(names[0])]
                assert len(names) == 1
                assert all(name in self.ended for name in before), "released before its turn"

    def finish(self) -> None:
        """Let nobody report any more: the wakes alone have to bring the stage to its end."""
        wakes = len(self.names) + 1 if self.stage.is_sequential else 2
        for _ in range(wakes):
            self.step(Step("time passes", seconds=BEYOND_ALL_DEADLINES))
            self.step(Step("wake"))
        assert self.outcome is not None
        assert len(self.world.answered) == 1


@settings(derandomize=True, max_examples=150, deadline=None, database=None)
@given(
    stage=st.sampled_from(Stage),
    mandatory=st.lists(st.booleans(), min_size=1, max_size=MOST_PLUGINS),
    steps=st.lists(STEP, max_size=25),
)
def test_one_outcome_and_it_is_heard(stage: Stage, mandatory: list[bool], steps: list[Step]) -> None:
    play = Play(stage, mandatory)
    play.step(Step("wake"))
    for step in steps:
        play.step(step)
    play.finish()
