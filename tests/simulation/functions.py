"""Lambda, as the core's handlers meet it: they are cut short, put to sleep, and go on when nobody expects it.

What a handler does follows from nothing but the answers that its ports gave it. So a handler that is suspended
need not be kept: its answers are. To go on, it is run from its beginning, gets the same answers again, without
any effect, and is back where it was. That makes any two handlers interleave at any of their calls, in plain code,
and the same in every process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from orchestrator_runtime.core.begin import RunRefusedError
from orchestrator_runtime.core.failure import RunCancelled, RunEnded
from orchestrator_runtime.core.records import ActivityRef
from orchestrator_runtime.ports import StageRecords
from orchestrator_runtime.protocol.cancel_run import CancelRefusedError
from tests.rules.calls import Crash
from tests.simulation.faults import Fate, Fault
from tests.simulation.scheduler import CoreClock, moment
from tests.simulation.trace import in_words
from tests.simulation.violation import Violation

MOST_CALLS: Final = 16
"""Of ports by a handler, clocks counted, among which one is picked to go wrong. A handler may make more."""
WRITES: Final = frozenset(
    {
        *("status.create_run", "status.take_over_run", "status.end_run", "status.finish_end", "status.save_plan"),
        *("status.close_stage", "status.record", "status.reset_plugin", "status.keep_plugin"),
        *("control.store_token", "control.enter", "control.settle", "control.claim", "control.confirm"),
        *("control.take_room", "control.postpone", "control.finish", "control.answered", "control.end"),
        "publisher.publish",
    }
)
"""What the SDK sends again if the answer is lost."""
FUNCTION_TIMEOUT: Final = 30.0
"""Seconds after which Lambda gives a function up; what it has begun may still happen."""
_REPEATS_AFTER: Final = 0.4
_SLEEPS: Final = (0.1, 0.02, 1.0, 8.0, 45.0, 200.0, 700.0)
_SKEWS: Final = (0.5, -0.5, 5.0, -5.0, 20.0, -20.0)
_JUMPS: Final = (20.0, 70.0, 300.0, 2000.0)


class Suspended(BaseException):
    """The handler stops here and goes on later."""


class PortFailed(Exception):  # noqa: N818 - what a client raises, whatever its name
    """A call of AWS failed, once the client had given up trying."""


@dataclass(slots=True)
class Raised:
    """The answer of a call that raised."""

    error: Exception


@dataclass(slots=True, eq=False)
class Invocation:
    """One call of a handler.

    Attributes:
        handler: Its name.
        about: What it is about, in words.
        body: Calls the flow.
        returned: Told of the answer, by Lambda.
        failed: Told of an error, by Lambda, as name and text.
        execution: The workflow's execution that it is called by, if it is.
        started: The event in which it began.
        answers: What its ports answered so far.
        position: How many of its calls it has made since it was run from its beginning.
        stop_at: The call at which ``fault`` happens; -1: none.
        answered: Whether its caller has heard of it, or has given it up.
        undisturbed: Whether nothing went wrong that keeps it from doing what it is for.
        half_read: What the first half of a torn read saw.
        repeats: Whether the SDK has sent a write whose answer was lost, and sends it again.
        finished: The activity whose outcome it wrote.
    """

    handler: str
    about: str
    body: Callable[[], Any]
    returned: Callable[[Any], None]
    failed: Callable[[str, str], None]
    execution: str | None
    started: int
    began: float
    skew: float = 0.0
    answers: list[Any] = field(default_factory=list)
    position: int = 0
    stop_at: int = -1
    fault: int = 0
    answered: bool = False
    undisturbed: bool = True
    half_read: StageRecords | None = None
    repeats: bool = False
    finished: ActivityRef | None = None

    def __str__(self) -> str:
        return f"{self.handler}#{self.started} {self.about}"


_CRASH, _SUSPEND, _CONFLICT, _UNANSWERED, _TORN, _THROTTLED, _REPEATED = range(1, 8)
_STRIKES_AT: Final[Mapping[int, frozenset[str]]] = {_TORN: frozenset({"status.load_stage"}), _REPEATED: WRITES}
"""The calls that a fault can happen to, where that is not every call."""
Watch = Callable[[Invocation, tuple[Any, ...], Mapping[str, Any], Any], object]


class Functions:
    """Runs handlers, and has faults happen to them.

    Attributes:
        running: The call that is at work.
        answering: The call whose caller is told of its end.
        on_finished: Told of a call that wrote an activity's outcome, at its end.
        on_returned: Told of a call that came to its end.
        watches: Told of each call of a port that had its effect, by the port's name and its method's.
        ahead: Seconds that the clock has jumped forward.
    """

    def __init__(self, fate: Fate, clock: CoreClock) -> None:
        self._scheduler = fate.scheduler
        self._decisions = fate.decisions
        self._profile = fate.profile
        self._note = fate.note
        self._clock = clock
        self._clocks_are_right = fate.profile.clock.bounds[0] == fate.profile.clock.total
        self.running: Invocation | None = None
        self.answering: Invocation | None = None
        self.on_finished: Callable[[Invocation], None] = lambda _: None
        self.on_returned: Callable[[Invocation], None] = lambda _: None
        self.watches: dict[str, Watch] = {}
        self.ahead = 0.0

    @property
    def now(self) -> datetime:
        """The clock of functions that is not skewed."""
        return moment(self._scheduler.now + self.ahead)

    def call(
        self,
        handler: str,
        about: str,
        body: Callable[[], Any],
        *,
        returned: Callable[[Any], None],
        failed: Callable[[str, str], None],
        execution: str | None = None,
    ) -> None:
        """Call a handler, now. Either ``returned`` or ``failed`` is told, once, though perhaps later."""
        decisions, scheduler = self._decisions, self._scheduler
        fault = decisions.weigh(self._profile.handler)
        if fault == _THROTTLED:
            self._note(Fault.THROTTLED, f"{handler} {about}")
            failed("Lambda.TooManyRequestsException", "Rate Exceeded.")
            return
        invocation = Invocation(
            handler, about, body, returned, failed, execution, started=scheduler.number, began=scheduler.now
        )
        if fault:
            invocation.fault, invocation.stop_at = fault, decisions.pick(MOST_CALLS)
        if not self._clocks_are_right:
            self._set_clock(invocation)
        if scheduler.trace is not None:
            scheduler.tell(f"{invocation} begins")
        self._run(invocation)

    def step(self, name: str, call: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        """Let the handler that is at work call a port; its earlier calls get the answers that they got."""
        invocation = self.running
        assert invocation is not None, name
        position = invocation.position
        invocation.position = position + 1
        answers = invocation.answers
        if position < len(answers):
            answer = answers[position]
            if answer.__class__ is Raised:
                raise answer.error
            return answer
        if position == invocation.stop_at:
            return self._disturb(invocation, name, call, arguments, options)
        return self._perform(invocation, name, call, arguments, options)

    def _perform(
        self,
        invocation: Invocation,
        name: str,
        call: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: Mapping[str, Any],
    ) -> Any:
        try:
            answer = call(*arguments, **options)
        except PortFailed as error:
            invocation.answers.append(Raised(error))
            raise
        invocation.answers.append(answer)
        if self._scheduler.trace is not None and name != "clock":
            said = [*map(in_words, arguments), *(f"{key}={in_words(value)}" for key, value in options.items())]
            self._scheduler.tell(f"  {invocation.handler}#{invocation.started} {name}({', '.join(said)[:200]})")
        watch = self.watches.get(name)
        if watch is not None:
            watch(invocation, arguments, options, answer)
        return answer

    def _run(self, invocation: Invocation) -> None:
        invocation.position = 0
        self.running = invocation
        self._clock.ahead = self.ahead + invocation.skew
        try:
            answer = invocation.body()
        except Suspended:
            self._sleep(invocation)
        except Crash:
            self._answer(invocation, lambda: invocation.failed("Lambda.Unknown", "the function's process died"))
        except (RunRefusedError, CancelRefusedError, RunCancelled, RunEnded, PortFailed) as error:
            name, text = type(error).__name__, str(error)
            self._answer(invocation, lambda: invocation.failed(name, text))
        except Exception as error:
            raise Violation("unexpected error", f"{invocation} raised {error!r}") from error
        else:
            self._answer(invocation, lambda: invocation.returned(answer))
            self.on_returned(invocation)

    def _answer(self, invocation: Invocation, tell: Callable[[], None]) -> None:
        self.running = None
        self._clock.ahead = self.ahead
        if invocation.finished is not None:
            self.on_finished(invocation)
        if not invocation.answered:
            invocation.answered = True
            self.answering = invocation
            tell()

    def _sleep(self, invocation: Invocation) -> None:
        self.running = None
        self._clock.ahead = self.ahead
        seconds = _REPEATS_AFTER if invocation.repeats else _SLEEPS[self._decisions.pick(len(_SLEEPS))]
        limit = invocation.began + FUNCTION_TIMEOUT - self._scheduler.now
        self._scheduler.tell(f"  {invocation} stops for {seconds} s")
        if seconds > limit and not invocation.answered:
            self._scheduler.after(limit, self._give_up, invocation)
        self._scheduler.after(seconds, self._go_on, invocation)

    def _give_up(self, invocation: Invocation) -> None:
        if not invocation.answered:
            invocation.answered = True
            invocation.failed("Sandbox.Timedout", "Task timed out after 30.00 seconds")

    def _go_on(self, invocation: Invocation) -> None:
        if invocation.answered:
            self._note(Fault.ZOMBIE, str(invocation))
        else:
            self._scheduler.tell(f"{invocation} goes on")
        if (
            invocation.half_read is None
            and not invocation.repeats
            and (fault := self._decisions.weigh(self._profile.handler))
            not in (
                0,
                _THROTTLED,
            )
        ):
            invocation.fault = fault
            invocation.stop_at = len(invocation.answers) + self._decisions.pick(MOST_CALLS // 2)
        self._run(invocation)

    def _disturb(
        self,
        invocation: Invocation,
        name: str,
        call: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: Mapping[str, Any],
    ) -> Any:
        fault = invocation.fault
        if name not in _STRIKES_AT.get(fault, (name,)):
            # It strikes at the next call that it can happen to.
            invocation.stop_at += 1
            return self._perform(invocation, name, call, arguments, options)
        if fault == _TORN:
            return self._tear(invocation, name, call, arguments, options)
        if fault == _REPEATED:
            return self._repeat(invocation, name, call, arguments, options)
        invocation.stop_at = -1
        where = f"{invocation} at {name}"
        if fault == _SUSPEND:
            self._note(Fault.SUSPENDED, where)
            raise Suspended
        invocation.undisturbed = False
        if fault == _CRASH:
            self._note(Fault.CRASH, where)
            raise Crash(name)
        if name == "clock":
            return self._perform(invocation, name, call, arguments, options)
        if fault == _UNANSWERED:
            self._note(Fault.UNANSWERED, where)
            self._perform(invocation, name, call, arguments, options)
            error = PortFailed(f"{name}: the connection was closed")
            invocation.answers[-1] = Raised(error)
            raise error
        self._note(Fault.CONFLICT, where)
        error = PortFailed(f"{name}: TransactionConflictException")
        invocation.answers.append(Raised(error))
        raise error

    def _tear(
        self,
        invocation: Invocation,
        name: str,
        call: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: Mapping[str, Any],
    ) -> Any:
        """DynamoDB promises of a query that each item is current, not that all are of one moment."""
        if invocation.half_read is None:
            self._note(Fault.TORN_READ, str(invocation))
            invocation.half_read = call(*arguments, **options)
            raise Suspended
        invocation.stop_at = -1
        first, invocation.half_read = invocation.half_read, None
        return self._perform(invocation, name, lambda *a, **o: _merged(first, call(*a, **o)), arguments, options)

    def _repeat(
        self,
        invocation: Invocation,
        name: str,
        call: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: Mapping[str, Any],
    ) -> Any:
        """The answer to a write is lost, and the SDK sends the write again a moment later."""
        if not invocation.repeats:
            self._note(Fault.REPEATED, f"{invocation} at {name}")
            answer = call(*arguments, **options)
            if (watch := self.watches.get(name)) is not None:
                watch(invocation, arguments, options, answer)
            invocation.repeats = True
            raise Suspended
        invocation.stop_at, invocation.repeats = -1, False
        return self._perform(invocation, name, call, arguments, options)

    def _set_clock(self, invocation: Invocation) -> None:
        match self._decisions.weigh(self._profile.clock):
            case 1:
                invocation.skew = _SKEWS[self._decisions.pick(len(_SKEWS))]
                self._note(Fault.CLOCK_SKEW, f"{invocation} by {invocation.skew} s")
            case 2:
                self.ahead += (jump := _JUMPS[self._decisions.pick(len(_JUMPS))])
                self._note(Fault.CLOCK_JUMP, f"by {jump} s")


def _merged(first: StageRecords, then: StageRecords) -> StageRecords:
    """A query's answer whose first half is older: the stage's row, and half of the plugins."""
    names = sorted(then.plugins)
    half = names[: len(names) // 2]
    plugins = {name: first.plugins[name] for name in half if name in first.plugins}
    plugins.update((name, then.plugins[name]) for name in names[len(half) :])
    return StageRecords(row=first.row, plan=then.plan, plugins=plugins)
