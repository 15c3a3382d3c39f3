"""SNS and the plugins: who is called works, and says what it has to say, or something else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import lru_cache
from itertools import count
from typing import Any, Final

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.core.invocation_record import InvocationRecord
from orchestrator_runtime.core.message import Message
from orchestrator_runtime.core.plan import SETTLES_AFTER
from orchestrator_runtime.core.records import RunRef, StageRef
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.filter_policy import matches
from orchestrator_runtime.models import Report
from tests.rules.calls import START
from tests.rules.memory_registry import MemoryRegistry
from tests.simulation.decisions import Odds
from tests.simulation.faults import Fate, Fault
from tests.simulation.results_queue import ResultsQueue
from tests.simulation.scenario import FORGED, ROLE, STRANGERS, UID, WORKFLOW, Say, Scenario
from tests.simulation.scheduler import moment

REPORT_TO: Final = "https://sqs/results"
_DELIVERY: Final = 0.05
_LATER: Final = (2.0, 15.0, 65.0, 250.0, 900.0)
_GARBAGE_ODDS: Final = Odds(0.92, 0.08)
_UNSETTLED_ODDS: Final = Odds(0.5, 0.5)


class Plugins:
    """Delivers what is published, and plays the plugins that it reaches.

    Attributes:
        forestalled: Stages on which plugins reported for an attempt that had not begun, with their names.
    """

    def __init__(
        self,
        fate: Fate,
        scenario: Scenario,
        registry: MemoryRegistry,
        queue: ResultsQueue,
    ) -> None:
        self._fate = fate
        self._scheduler = fate.scheduler
        self._decisions = fate.decisions
        self._profile = fate.profile
        self._scenario = scenario
        self._registry = registry
        self._queue = queue
        self._ids = count(1)
        self.forestalled: set[tuple[StageRef, str]] = set()

    def deliver(self, activity: str, stage: Stage, message: Message, document: Mapping[str, Any]) -> None:
        """Deliver a message, whose body is that document, to those whose filter lets it through."""
        for registration in self._registry.all.values():
            if registration.name in document["plugins"] and registration.key == f"{activity}/{stage}":
                policy = registration.filter_policy
                if registration.managed or not policy or _matches(policy, message, document):
                    self._deliver(registration, document["attempt"])

    def _deliver(self, registration: Registration, attempt: int) -> None:
        call = (registration.name, registration.activity, registration.stage, attempt)
        seen_at = registration.seen_at
        is_new = seen_at is not None and moment(self._scheduler.now) < seen_at + SETTLES_AFTER
        if is_new and self._decisions.weigh(_UNSETTLED_ODDS):
            self._note(Fault.UNSETTLED, call)
            return
        match self._decisions.weigh(self._profile.call):
            case 1:
                self._note(Fault.CALL_DROPPED, call)
                return
            case 2:
                self._note(Fault.CALL_DUPLICATED, call)
                self._scheduler.after(_DELIVERY + self._later(), self._work, call)
            case 3:
                self._note(Fault.CALL_DELAYED, call)
                self._scheduler.after(_DELIVERY + self._later(), self._work, call)
                return
        self._scheduler.after(_DELIVERY, self._work, call)

    def _work(self, call: tuple[str, str, Stage, int]) -> None:
        name, activity, stage, attempt = call
        title, says = self._scenario.stages[activity, stage].plugins[name].behaviour(attempt)
        if self._scheduler.trace is not None:
            self._scheduler.tell(f"{activity}/{stage}/{name} is called in attempt {attempt}, and {title}")
        for say in says:
            self._say(say, call)
        if self._decisions.weigh(_GARBAGE_ODDS):
            self._say_garbage(call)

    def _say(self, say: Say, call: tuple[str, str, Stage, int]) -> None:
        seconds = say.after
        if self._profile.silent:
            self._note(Fault.REPORT_DROPPED, call)
            return
        match self._decisions.weigh(self._profile.report):
            case 1:
                self._note(Fault.REPORT_DROPPED, call)
                return
            case 2:
                self._note(Fault.REPORT_DUPLICATED, call)
                self._queue.send(self._item(say, *call), f"{call[0]} {say.state}", after=seconds + self._later())
            case 3:
                self._note(Fault.REPORT_DELAYED, call)
                seconds += self._later()
        self._queue.send(self._item(say, *call), f"{call[0]} {say.state}", after=seconds)

    def _item(self, say: Say, name: str, activity: str, stage: Stage, attempt: int) -> IncomingReport:
        id_ = str(next(self._ids))
        if not say.record:
            said = report(name, activity, stage, attempt, say.state, progress=say.progress, output=say.output)
            if say.start:
                said = said.model_copy(update={"started_at": START + timedelta(seconds=self._scheduler.now)})
            return IncomingReport.of_report(said, id=id_, sender=ROLE)
        registration = self._scenario.stages[activity, stage].plugins[name].registration
        record = InvocationRecord(
            stage=RunRef(UID, WORKFLOW, attempt).stage(activity, stage),
            subscription_arn=registration.subscription_arn,
            function_arn=registration.endpoint,
            dispatched=frozenset({name}),
            report_to=REPORT_TO,
            state=say.state,
            message=None if say.state is State.COMPLETE else "Runtime.OutOfMemory",
        )
        return IncomingReport.of_record(record, id=id_, sender=ROLE)

    def _say_garbage(self, call: tuple[str, str, Stage, int]) -> None:
        """A report that must not change anything that counts: a made-up name, a stranger, another attempt."""
        name, activity, stage, attempt = call
        id_ = str(next(self._ids))
        names = sorted(self._scenario.stages[activity, stage].plugins)
        other = names[(names.index(name) + 1) % len(names)]
        kinds: tuple[Callable[[], IncomingReport], ...] = (
            lambda: IncomingReport.of_report(
                report("Nobody", activity, stage, attempt, State.COMPLETE), id=id_, sender=ROLE
            ),
            lambda: IncomingReport.of_report(
                report(name, activity, stage, attempt + 1, State.COMPLETE), id=id_, sender=ROLE
            ),
            lambda: IncomingReport.of_report(
                report(name, activity, stage, attempt - 1, State.ERROR), id=id_, sender=ROLE
            ),
            lambda: IncomingReport.of_report(report(name, "Nowhere", stage, attempt, State.ERROR), id=id_, sender=ROLE),
            lambda: IncomingReport.of_report(
                report(name, activity, stage, attempt, State.COMPLETE, by=FORGED),
                id=id_,
                sender=STRANGERS[int(id_) % len(STRANGERS)],
            ),
            # Its turn may not have come, it may not be expected, or the run may have ended.
            lambda: IncomingReport.of_report(
                report(other, activity, stage, attempt, State.COMPLETE), id=id_, sender=ROLE
            ),
        )
        kind = self._decisions.pick(len(kinds))
        if kind == 5:
            self.forestalled.add((RunRef(UID, WORKFLOW, attempt).stage(activity, stage), other))
        registration = self._scenario.stages[activity, stage].plugins[name].registration
        if (kind == 4 and not registration.sender_role_ids) or (kind == 2 and attempt == 1):
            kind = 0  # nobody is a stranger where nobody is known, and nothing is before the first attempt
        if kind == 1:
            self.forestalled.add((RunRef(UID, WORKFLOW, attempt + 1).stage(activity, stage), name))
        self._note(Fault.REPORT_GARBAGE, call)
        self._queue.send(kinds[kind](), f"{name} garbage {kind}", after=self._later())

    def _later(self) -> float:
        return _LATER[self._decisions.pick(len(_LATER))]

    def _note(self, fault: Fault, call: tuple[str, str, Stage, int]) -> None:
        name, activity, stage, attempt = call
        self._fate.note(fault, f"{activity}/{stage}/{name} in attempt {attempt}")


def _matches(policy: Mapping[str, Any], message: Message, document: Mapping[str, Any]) -> bool:
    return matches(dict(policy), message.attributes, body=document, scope="MessageAttributes")


@lru_cache(16_384)
def report(
    name: str,
    activity: str,
    stage: Stage,
    attempt: int,
    state: State,
    *,
    progress: float | None = None,
    output: int = 0,
    by: str | None = None,
) -> Report:
    document: dict[str, Any] = {
        "uid": UID,
        "workflow": WORKFLOW,
        "activity": activity,
        "stage": stage,
        "attempt": attempt,
        "plugin": name,
        "state": state,
        "progress": progress,
        "message": by,
        "output": "x" * output if output else None,
    }
    return Report.model_validate(document)
