"""Small cases, every order: a breadth-first search through all that can happen to one activity within bounds.

A state is what is stored, the token that waits, and the handlers under way. As a handler
follows from its ports' answers alone, one under way is its request and its answers so
far: it can be stored in a state, compared, and gone on with from there in any way.

Each step of a handler, which is one call of a port, is a transition of its own. Others
begin a handler (a report comes, or comes again; the schedule ticks; the wait is over, which kills the
token; the execution is stopped; the run is started again), let one die where it is, or let time pass.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final, NamedTuple, cast

from orchestrator_runtime.contract import ErrorName, Stage, State
from orchestrator_runtime.core.begin import RunRefusedError
from orchestrator_runtime.core.failure import Failure
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.core.message import Message
from orchestrator_runtime.core.records import ActivityRef, Run, RunRef, StageRef
from orchestrator_runtime.core.registration import Registration, StageSettings
from orchestrator_runtime.execution_ports import Executions
from orchestrator_runtime.protocol.begin_run import BeginPorts, BeginRequest
from orchestrator_runtime.protocol.check_deadlines import CheckPorts
from orchestrator_runtime.protocol.closing import ActivityPorts, EndPorts
from orchestrator_runtime.protocol.end_run import EndRequest
from orchestrator_runtime.protocol.open_activity import OpenRequest
from tests.rules.calls import START
from tests.rules.memory_registry import MemoryRegistry
from tests.rules.memory_status import Shelf
from tests.simulation.cases import BEYOND_ALL_DEADLINES, Case
from tests.simulation.core import Core, Journal, Unseen
from tests.simulation.plugins import REPORT_TO, report
from tests.simulation.scenario import UID, WORKFLOW
from tests.simulation.stepped_ports import (
    stepped,
    stepped_control,
    stepped_due,
    stepped_publisher,
    stepped_registry,
    stepped_signals,
    stepped_status,
)
from tests.simulation.violation import Violation

ACTIVITY: Final = "Rate"
TIMEOUT: Final = 600
_ITEMS: Final = 7
"""The place of the activities' items among the shelves."""


class Handler(NamedTuple):
    """A handler under way.

    Attributes:
        request: What it was called for.
        answers: What its ports answered, as numbers of what was seen.
        late: Whether the activity's outcome was written before it began.
    """

    request: tuple[Any, ...]
    answers: tuple[int, ...] = ()
    late: bool = False


class Situation(NamedTuple):
    """A state of the small world.

    Attributes:
        stored: What the tables hold: table, key, number of the record.
        now: Seconds since the beginning.
        entries: How often the task was entered; the last entry's token is the one that may be alive.
        alive: Whether it is.
        heard: What the task was told: nothing yet, ``ok``, or an error.
        attempt: The attempt that the task is of.
        running: The execution that runs, if one does.
        ending: Whether ``end_run`` is due for the first execution.
        dispatched: Attempt and place of the plugins that were invoked.
        reported: Of those the ones whose report was delivered.
        handlers: Those under way.
        entries_left, checks, crashes, duplicates, jumps, stops: How many there still may be.
    """

    stored: frozenset[tuple[int, Any, int]]
    now: int
    entries: int
    alive: bool
    heard: str | None
    attempt: int
    running: str | None
    ending: bool
    dispatched: frozenset[tuple[int, int]]
    reported: frozenset[tuple[int, int]]
    handlers: tuple[Handler, ...]
    entries_left: int
    checks: int
    crashes: int
    duplicates: int
    jumps: int
    stops: int


class _Asks(BaseException):
    """The handler is at a call that has no answer yet."""


@dataclass(frozen=True, slots=True)
class _Call:
    """The call that a handler is at; or, without one, how it ended."""

    name: str
    call: Callable[..., Any] | None = None
    arguments: tuple[Any, ...] = ()
    options: Mapping[str, Any] | None = None
    result: Any = None


@dataclass(slots=True)
class Explored:
    """How far the search came."""

    states: int = 0
    transitions: int = 0
    complete: bool = True


class Explorer:
    """Explores one case."""

    def __init__(self, case: Case, core: Core | None = None) -> None:
        self._case = case
        self._core = core = core or Core()
        calls = Unseen()
        self.now = 0
        self.status, self.control = core.status(calls, self), core.control(calls, self)
        settings = StageSettings(timeout_seconds=TIMEOUT, start_within_seconds=TIMEOUT)
        self._registry = MemoryRegistry(settings=settings)
        for place in range(len(case.reports)):
            registration = _registration(place, optional=place in case.optional, stage=case.stages[place])
            self._registry.all[registration.subscription_arn] = registration
        self._shelves: tuple[Shelf[Any], ...] = (
            self.status.runs,
            self.status.stages,
            self.status.plans,
            self.status.plugins,
            self.status.stored_outputs,
            self.status.past_attempts,
            self.status.skips,
            self.control.rows,
            self.control.tokens,
        )
        self._numbers: dict[str, int] = {}
        self._things: list[Any] = []
        self._known: dict[int, tuple[Any, int]] = {}
        self._steps: dict[tuple[Any, ...], _Call] = {}
        self._answers: Iterator[Any] = iter(())
        self._asked: _Call | None = None
        self._scratch: Situation
        self._claims: Any = None
        self._settled: set[tuple[Any, ...]] = set()
        self._make_ports()

    @property
    def epoch(self) -> int:
        return int(START.timestamp()) + self.now

    def _clock(self) -> datetime:
        return START + timedelta(seconds=self.now)

    def _make_ports(self) -> None:
        status, control = stepped_status(self, self.status), stepped_control(self, self.control)
        clock = stepped(self, "clock", self._clock)
        journal = Journal()
        self._activity_ports = ActivityPorts(
            status=status,
            control=control,
            registry=stepped_registry(self, self._registry),
            publisher=stepped_publisher(self, self),
            signals=stepped_signals(self, self),
            journal=journal,
            report_to=REPORT_TO,
            clock=clock,
        )
        executions = SimpleNamespace(is_running=stepped(self, "executions.is_running", self.is_running))
        self._begin_ports = BeginPorts(
            status=status,
            executions=cast("Executions", executions),
            journal=journal,
            retention=timedelta(days=90),
            clock=clock,
        )
        self._end_ports = EndPorts(
            status=status, control=control, signals=self._activity_ports.signals, journal=journal, clock=clock
        )
        self._check_ports = CheckPorts(
            activity=self._activity_ports,
            due=stepped_due(self, self.control),
            has_time=lambda: True,
        )
        self._find_plan = stepped(self, "plan", self.status.get_plan)

    # The ports' other side

    def publish(self, activity: str, stage: Stage, message: Message) -> None:
        """Implements ``ports.Publisher``."""
        names: Any = message.attributes["plugins"]
        attempt = 2 if '"attempt":2' in message.body else 1
        called = {(attempt, int(name[1:])) for name in names}
        if stage.is_sequential:
            self._check_turn(attempt, stage, names)
        self._scratch = self._scratch._replace(dispatched=self._scratch.dispatched | called)

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """Implements ``ports.Signals``."""
        return self._signal(token, "ok")

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Implements ``ports.Signals``."""
        return self._signal(token, str(error))

    def _signal(self, token: str, heard: str) -> bool:
        scratch = self._scratch
        if heard in ("ok", ErrorName.PLUGIN_FAILED):
            attempt = int(token.split("-")[1])
            item = self.control.rows.get(UID, self._activity(attempt).path)
            outcome = item.outcome if item and item.attempt == attempt else None
            if item is not None and item.attempt == attempt and outcome is None:
                raise Violation("signals tell the truth", f"{token} is answered {heard} without an outcome")
            if outcome is not None and (outcome.state is State.COMPLETE) != (heard == "ok"):
                raise Violation(
                    "signals tell the truth", f"{token} is answered {heard}, the outcome is {outcome.state}"
                )
        if not scratch.alive or token != _token(scratch.attempt, scratch.entries):
            return False
        self._scratch = scratch._replace(alive=False, heard=heard)
        return True

    def is_running(self, execution: str) -> bool:
        """Implements ``execution_ports.Executions``."""
        return self._scratch.running == execution

    # Handlers, step by step

    def step(self, name: str, call: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        """Answer a call that was answered before; stop the handler at any other."""
        for answer in self._answers:
            return answer
        self._asked = _Call(name, call, arguments, options)
        raise _Asks

    def _at(self, handler: Handler) -> _Call:
        """Where a handler is."""
        key = handler.request, handler.answers
        known = self._steps.get(key)
        if known is None:
            self._answers = iter([self._things[number] for number in handler.answers])
            try:
                known = _Call("done", result=self._body(handler.request))
            except _Asks:
                assert self._asked is not None
                known = self._asked
            except RunRefusedError as error:
                known = _Call("done", result=error)
            self._steps[key] = known
        return known

    def _body(self, request: tuple[Any, ...]) -> Any:
        core, case = self._core, self._case
        match request:
            case ("open", int(attempt), int(entry), int(retry)):
                asked = OpenRequest(
                    ref=self._activity(attempt),
                    token=_token(attempt, entry),
                    entered=START + timedelta(seconds=entry),
                    retry=retry,
                )
                return core.open_activity(asked, self._activity_ports)
            case ("check",):
                return core.check_deadlines(self._check_ports)
            case ("report", int(attempt), tuple(places)):
                batch = [
                    IncomingReport.of_report(
                        report(f"P{place}", ACTIVITY, case.stages[place], attempt, self._reported(attempt, place)),
                        id=str(place),
                    )
                    for place in places
                ]
                return core.record_results(batch, self._activity_ports, self._find_plan)
            case ("begin", str(execution)):
                begin = BeginRequest(
                    uid=UID,
                    workflow=WORKFLOW,
                    activities=((ACTIVITY,),),
                    execution=execution,
                    timeout=timedelta(days=30),
                    metadata={},
                )
                return core.begin_run(begin, self._begin_ports)
        end = EndRequest(uid=UID, workflow=WORKFLOW, execution="one", failure=Failure("Stopped", "stopped"))
        return core.end_run(end, self._end_ports)

    def _reported(self, attempt: int, place: int) -> State:
        return self._case.reports[place] if attempt == 1 else State.COMPLETE

    def _perform(self, situation: Situation, handler: Handler) -> Situation:
        """Let a handler make its next call; clocks are read along with what follows them."""
        at = self._at(handler)
        self._load(situation)
        handlers = _without(situation.handlers, handler)
        while at.name == "clock":
            handler = handler._replace(answers=(*handler.answers, self._number(self._clock())))
            at = self._at(handler)
        if at.call is None:
            return self._ended(situation._replace(handlers=handlers), handler, at.result)
        before = situation.stored
        item = self.control.rows.items.get((UID, self._activity(situation.attempt).path))
        self._claims = item[0].dispatch if item else None
        answer = at.call(*at.arguments, **(at.options or {}))
        stored = self._save(before)
        if stored is not before:
            self._check_write(before, stored, handler, at)
        handler = handler._replace(answers=(*handler.answers, self._number(answer)))
        after = self._scratch._replace(stored=stored)
        at = self._at(handler)
        if at.call is None:
            return self._ended(after._replace(handlers=handlers), handler, at.result)
        return after._replace(handlers=_with(handlers, handler))

    def _ended(self, situation: Situation, handler: Handler, result: Any) -> Situation:
        """A handler came to its end."""
        match handler.request:
            case ("open", int(attempt), int(entry), _):
                waits = situation.alive and (attempt, entry) == (situation.attempt, situation.entries)
                if waits and handler.late:
                    raise Violation("no lost token", f"entry {entry} waits on, and the activity is over")
            case ("report", *_):
                if result:
                    raise Violation("unexpected error", f"{handler.request} has to come again")
            case ("end",):
                self._load(situation)
                self._check_ended(situation)
                return situation._replace(ending=False)
            case ("begin", str(execution)) if isinstance(result, RunRef):
                entered = situation._replace(attempt=result.attempt, heard=None, running=execution)
                return self._enter(entered)
        return situation

    # What may happen

    def start(self) -> Situation:
        """The run has begun, and its stage's task is entered."""
        situation = Situation(
            stored=frozenset(),
            now=0,
            entries=0,
            alive=False,
            heard=None,
            attempt=1,
            running="one",
            ending=False,
            dispatched=frozenset(),
            reported=frozenset(),
            handlers=(Handler(("begin", "one")),),
            entries_left=self._case.entries,
            checks=self._case.checks,
            crashes=self._case.crashes,
            duplicates=self._case.duplicates,
            jumps=len(self._case.jumps),
            stops=1 if self._case.resumes else 0,
        )
        while situation.handlers == (handler := situation.handlers[0],) and handler.request[0] == "begin":
            situation = self._perform(situation, handler)
        return situation

    def following(self, situation: Situation) -> Iterator[Situation]:
        """All that may happen next."""
        for handler in dict.fromkeys(situation.handlers):
            yield self._perform(situation, handler)
            if situation.crashes:
                yield self._crashed(situation, handler)
        if situation.jumps:
            seconds = self._case.jumps[-situation.jumps]
            yield situation._replace(now=situation.now + seconds, jumps=situation.jumps - 1)
        if len(situation.handlers) >= self._case.at_once:
            return
        waits = situation.running is not None and situation.heard is None and situation.entries > 0
        if waits and situation.entries_left:
            yield self._enter(situation._replace(entries_left=situation.entries_left - 1))
        if situation.checks:
            yield self._begin(situation._replace(checks=situation.checks - 1), ("check",))
        yield from self._reports(situation)
        if situation.ending and Handler(("end",)) not in [h._replace(answers=()) for h in situation.handlers]:
            yield self._begin(situation, ("end",))
        if situation.running == "one" and (situation.stops or situation.heard not in (None, "ok")):
            if self._case.resumes:
                yield situation._replace(running=None, alive=False, ending=True, stops=0)
        elif self._case.resumes and situation.running is None and situation.attempt == 1:
            begins = [handler for handler in situation.handlers if handler.request[0] == "begin"]
            if not begins:
                yield self._begin(situation._replace(running="two"), ("begin", "two"))

    def _reports(self, situation: Situation) -> Iterator[Situation]:
        fresh = sorted(situation.dispatched - situation.reported)
        for attempt, place in fresh:
            told = situation._replace(reported=situation.reported | {(attempt, place)})
            yield self._begin(told, ("report", attempt, (place,)))
        together = tuple(place for attempt, place in fresh if attempt == situation.attempt)
        if len(together) > 1:
            told = situation._replace(reported=situation.reported | {(situation.attempt, p) for p in together})
            yield self._begin(told, ("report", situation.attempt, together))
        if situation.duplicates:
            again = situation._replace(duplicates=situation.duplicates - 1)
            for attempt, place in sorted(situation.reported):
                yield self._begin(again, ("report", attempt, (place,)))

    def _enter(self, situation: Situation, *, retry: int = 0) -> Situation:
        """Enter the task, or try it again, with a new token."""
        entry = situation.entries + 1
        return self._begin(situation._replace(entries=entry, alive=True), ("open", situation.attempt, entry, retry))

    def _begin(self, situation: Situation, request: tuple[Any, ...]) -> Situation:
        late = self._outcome(situation.stored, situation.attempt) is not None
        return situation._replace(handlers=_with(situation.handlers, Handler(request, late=late)))

    def _crashed(self, situation: Situation, handler: Handler) -> Situation:
        after = situation._replace(handlers=_without(situation.handlers, handler), crashes=situation.crashes - 1)
        match handler.request:
            case ("report", int(attempt), tuple(places)):
                return after._replace(reported=after.reported - {(attempt, place) for place in places})
            case ("open", int(attempt), int(entry), _):
                # The task failed: it is tried again, with a token of its own, if it still is the one that waits.
                if after.alive and (attempt, entry) == (after.attempt, after.entries):
                    return self._enter(after, retry=1)
            case ("begin", *_):
                return after._replace(running=None)
        return after

    # What must hold

    def _check_write(
        self, before: Iterable[tuple[int, Any, int]], after: Iterable[tuple[int, Any, int]], by: Handler, at: _Call
    ) -> None:
        was = {(shelf, key): self._things[number][0] for shelf, key, number in before if shelf in (0, 1, 3)}
        for shelf, key, number in after:
            if shelf not in (0, 1, 3) or was.get((shelf, key)) is self._things[number][0]:
                continue
            old, new = was.get((shelf, key)), self._things[number][0]
            attempt = _attempt_of(new)
            old_attempt = None if old is None else _attempt_of(old)
            what = f"{key} by {by.request} at {at.name}"
            if old_attempt is not None and attempt < old_attempt:
                raise Violation("attempts only go up", what)
            before_it = old if old_attempt == attempt else None
            if before_it is not None:
                if shelf == 3 and before_it.state.is_terminal and new != before_it:
                    raise Violation("one terminal state", what)
                if shelf == 0 and (before_it.ended or by.request != ("end",)):
                    raise Violation("a run is ended once, by its execution", what)
                if shelf == 1 and before_it.outcome is not None and new.outcome != before_it.outcome:
                    raise Violation("outcomes never change", what)
            if shelf == 1 and new.outcome is not None and (before_it is None or before_it.outcome is None):
                self._check_join(new.attempt, Stage(key[1].split("/")[2]), new.outcome.state, what)
        if at.name in ("control.claim", "control.enter"):
            self._check_claim(at.arguments[0], by)

    def _check_join(self, attempt: int, stage: Stage, state: State, what: str) -> None:
        if state is not State.COMPLETE:
            return
        ref = self._activity(attempt).stage(stage)
        plan = self.status.plans.get(UID, ref.path)
        for plugin in plan.plugins if plan else ():
            row = self.status.plugins.get(UID, f"{ref.path}{plugin.name}/")
            if plugin.kept is None and (row is None or row.attempt != attempt or not row.state.is_terminal):
                raise Violation("no early join", f"{plugin.name} is pending: {what}")
            if row is not None and row.state is State.ERROR:
                raise Violation("errors count", f"{plugin.name} failed: {what}")

    def _check_turn(self, attempt: int, stage: Stage, names: list[str]) -> None:
        ref = self._activity(attempt).stage(stage)
        for place in range(int(names[0][1:])):
            if self._case.stages[place] is not stage:
                continue
            row = self.status.plugins.get(UID, f"{ref.path}P{place}/")
            if len(names) > 1 or row is None or (row.attempt < attempt and not row.state.is_done):
                raise Violation("one at a time", f"{names} before P{place}")
            if row.attempt >= attempt and not row.state.is_terminal:
                raise Violation("one at a time", f"{names} before P{place}")

    def _check_claim(self, ref: StageRef, by: Handler) -> None:
        item = self.control.rows.get(UID, ref.of_activity.path)
        if item is None or item.attempt != ref.attempt or item.stage is not ref.stage:
            return
        if item.run_ended and self._claims != item.dispatch:
            raise Violation("nothing is dispatched in an ended run", f"{by.request}")

    def _check_ended(self, situation: Situation) -> None:
        run = self.status.runs.get(UID, f"{WORKFLOW}/")
        if run is None or run.execution != "one":
            return
        for attempt, place in situation.dispatched:
            ref = self._activity(1).stage(self._case.stages[place])
            row = self.status.plugins.get(UID, f"{ref.path}P{place}/")
            if attempt == 1 and (row is None or not row.state.is_terminal):
                raise Violation("whoever was called ends", f"P{place} is pending in a run that ended")

    def check_settles(self, situation: Situation) -> None:
        """With nothing under way, and nobody to report any more, the schedule alone brings the activity to its end."""
        if situation.handlers or situation.heard is not None or not situation.entries or situation.running is None:
            return
        key = situation.stored, situation.now, situation.attempt
        if key in self._settled:
            return
        self._settled.add(key)
        for _ in range(len(self._case.reports) + 2):
            situation = self._begin(situation._replace(now=situation.now + BEYOND_ALL_DEADLINES), ("check",))
            situation = self._played(situation)
            if situation.heard is not None:
                return
        # A result that was lost is sent again when the task is entered again.
        if self._played(self._enter(situation)).heard is None:
            raise Violation("every activity ends", "its deadlines are over, it was checked, and its task waits on")

    def _played(self, situation: Situation) -> Situation:
        while situation.handlers:
            situation = self._perform(situation, situation.handlers[0])
        return situation

    # What is stored

    def _activity(self, attempt: int) -> ActivityRef:
        return RunRef(UID, WORKFLOW, attempt).activity(ACTIVITY)

    def _outcome(self, stored: Iterable[tuple[int, Any, int]], attempt: int) -> Any:
        for shelf, _, number in stored:
            if shelf == _ITEMS and self._things[number][0].attempt == attempt:
                return self._things[number][0].outcome
        return None

    def _load(self, situation: Situation) -> None:
        self._scratch = situation
        self.now = situation.now
        for shelf in self._shelves:
            shelf.items = {}
        for place, key, number in situation.stored:
            self._shelves[place].items[key] = self._things[number]

    def _save(self, before: frozenset[tuple[int, Any, int]]) -> frozenset[tuple[int, Any, int]]:
        after = frozenset(
            (place, key, self._number(entry))
            for place, shelf in enumerate(self._shelves)
            for key, entry in shelf.items.items()
        )
        return before if after == before else after

    def _number(self, thing: Any) -> int:
        """The number of something seen; equal things have the same."""
        known = self._known.get(id(thing))
        if known is not None and known[0] is thing:
            return known[1]
        text = repr(thing)
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = len(self._things)
            self._things.append(thing)
            self._known[id(thing)] = thing, number
        return number


def explore(case: Case, *, core: Core | None = None, most: int | None = None) -> Explored:
    """Visit every state that can be reached.

    Args:
        case: What is explored.
        core: What is explored with it. Default: the core as it is.
        most: How many states at most. Default: all.

    Raises:
        Violation: One of them breaks an invariant.
    """
    explorer = Explorer(case, core)
    first = explorer.start()
    seen, queue = {first}, deque([first])
    explored = Explored(states=1)
    while queue:
        situation = queue.popleft()
        explorer.check_settles(situation)
        for following in explorer.following(situation):
            explored.transitions += 1
            if following in seen:
                continue
            if most is not None and len(seen) >= most:
                explored.complete = False
                continue
            seen.add(following)
            queue.append(following)
    explored.states = len(seen)
    return explored


def _registration(place: int, *, optional: bool, stage: Stage) -> Registration:
    return Registration(
        activity=ACTIVITY,
        stage=stage,
        name=f"P{place}",
        subscription_arn=f"arn:aws:sns:eu-west-1:123456789012:rate:{place:012d}",
        endpoint=f"arn:aws:lambda:eu-west-1:123456789012:function:P{place}",
        owner="stack",
        mandatory=not optional,
        reports_start=False,
    )


def _attempt_of(record: Any) -> int:
    attempt: int = record.ref.attempt if isinstance(record, Run) else record.attempt
    return attempt


def _token(attempt: int, entry: int) -> str:
    return f"token-{attempt}-{entry}"


def _with(handlers: tuple[Handler, ...], handler: Handler) -> tuple[Handler, ...]:
    return tuple(sorted((*handlers, handler)))


def _without(handlers: tuple[Handler, ...], handler: Handler) -> tuple[Handler, ...]:
    place = handlers.index(handler)
    return handlers[:place] + handlers[place + 1 :]
