"""One run and one stage of it, driven as its state machines and its plugins drive it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from orchestrator_runtime.contract import ErrorName, ReleaseRule, Stage, State
from orchestrator_runtime.core.plan import StageOptions
from orchestrator_runtime.core.records import Outcome, PluginRow, Registration, Run, RunRef, StagePlan, StageRef
from orchestrator_runtime.models import Report
from orchestrator_runtime.protocol.advance_stage import AdvanceRequest, advance_stage
from orchestrator_runtime.protocol.begin_run import BeginRequest, begin_run
from orchestrator_runtime.protocol.end_run import EndRequest, Failure, end_run
from orchestrator_runtime.protocol.record_result import Received, record_results
from tests.world.status import plugin_path
from tests.world.world import World

UID = "q-1"
WORKFLOW = "NewBusiness"
METADATA: Mapping[str, Any] = {"line": "auto", "premium": 1200}
WAKE_SECONDS = 60
RUN_TIMEOUT = timedelta(days=30)


def registered(name: str, *, activity: str = "Rate", stage: Stage = Stage.PARALLEL, **other: Any) -> Registration:
    """A plugin's registration; it reports its start unless told otherwise."""
    return Registration(
        activity=activity,
        stage=stage,
        name=name,
        subscription_arn=f"arn:aws:sns:eu-west-1:123456789012:claims-dev-{activity}-{stage}:{name}",
        endpoint=f"arn:aws:lambda:eu-west-1:123456789012:function:{name}",
        **other,
    )


@dataclass(frozen=True, slots=True)
class Call:
    """A message that a stage published: the names that it released, and all of it."""

    plugins: list[str]
    body: Mapping[str, Any]


class StageRun:
    """A run whose workflow is at one stage.

    Nothing happens by itself: a test begins the run, lets the stage's task enter, lets plugins report, lets time pass.
    """

    def __init__(
        self,
        world: World,
        *plugins: Registration,
        rule: ReleaseRule = ReleaseRule.ALL_AT_ONCE,
        timeout_seconds: int = 600,
        start_within_seconds: int = 120,
        fail_on_optional_error: bool = False,
    ) -> None:
        self.world = world
        self.options = StageOptions(
            rule=rule,
            timeout_seconds=timeout_seconds,
            start_within_seconds=start_within_seconds,
            fail_on_optional_error=fail_on_optional_error,
        )
        self.ref: StageRef = RunRef(UID, WORKFLOW, 1).stage("Rate", Stage.PARALLEL)
        self.token = ""
        self._tokens = 0
        for plugin in plugins:
            world.registry.put(plugin)

    def begin(
        self, execution: str = "first", *, metadata: Mapping[str, Any] = METADATA, override: bool = False
    ) -> RunRef:
        """Begin the run, or resume it, in an execution that runs from then on."""
        self.world.executions.running.add(execution)
        request = BeginRequest(
            uid=UID,
            workflow=WORKFLOW,
            activities=(("Validate",), ("Rate",)),
            execution=execution,
            timeout=RUN_TIMEOUT,
            metadata=metadata,
            metadata_override=override,
        )
        run = begin_run(request, self.world.begin_ports())
        self.ref = run.stage("Rate", Stage.PARALLEL)
        return run

    def opened(self) -> StageRun:
        """Begin the run and let the stage's task enter for the first time."""
        self.begin()
        self.enter()
        return self

    def request(self, *, retry: int = 0) -> AdvanceRequest:
        """The task's next entry: its token is alive from now on, the one before is not."""
        self.world.signals.revoke(self.token)
        self._tokens += 1
        self.token = self.world.signals.issue(f"token-{self._tokens}")
        return AdvanceRequest(
            ref=self.ref, options=self.options, token=self.token, entered=self.world.now, retry=retry
        )

    def enter(self) -> None:
        """Let the task enter, now."""
        advance_stage(self.request(), self.world.stage_ports())

    def wake(self, seconds: float = WAKE_SECONDS) -> None:
        """Let the task's wait time out, and enter again."""
        self.world.forward(seconds)
        self.enter()

    def received(self, plugin: str, state: State = State.COMPLETE, *, sender: str | None = None, **of: Any) -> Received:
        """A report as the queue would deliver it."""
        document: dict[str, Any] = {
            **self.ref.run.as_document(),
            "activity": self.ref.activity,
            "stage": self.ref.stage,
            "plugin": plugin,
            "state": state,
            **of,
        }
        return Received(id=f"{plugin}-{state}", report=Report.model_validate(document), sender=sender)

    def deliver(self, *batch: Received) -> list[str]:
        """Let the queue deliver a batch; returns what has to come again."""
        return record_results(batch, self.world.stage_ports(), self.world.journal, self.world.status.get_plan)

    def report(self, plugin: str, state: State = State.COMPLETE, *, sender: str | None = None, **of: Any) -> list[str]:
        """Let one plugin report."""
        return self.deliver(self.received(plugin, state, sender=sender, **of))

    def end(self, failure: Failure | None = None, *, execution: str = "first") -> Failure | None:
        """Let an execution come to its end."""
        self.world.executions.running.discard(execution)
        request = EndRequest(uid=UID, workflow=WORKFLOW, execution=execution, failure=failure)
        return end_run(request, self.world.end_ports())

    def fail(self, *, execution: str = "first", cause: str = "stopped") -> None:
        """Let an execution end badly."""
        self.end(Failure("States.Timeout", cause), execution=execution)

    @property
    def run(self) -> Run:
        """The run's row."""
        item = self.world.status.runs.live(UID, self.ref.run.path)
        assert item is not None
        return item.value

    @property
    def plan(self) -> StagePlan:
        """The stage's plan."""
        return self.world.status.plans[UID, self.ref.path].value

    @property
    def rows(self) -> dict[str, PluginRow]:
        """The plugins' rows by name."""
        below = self.world.status.plugins.below(UID, self.ref.path)
        return {path.rstrip("/"): item.value for path, item in below.items()}

    @property
    def states(self) -> dict[str, State]:
        """The plugins' states by name."""
        return {name: row.state for name, row in self.rows.items()}

    @property
    def outcome(self) -> Outcome | None:
        """How the stage ended, if that is written."""
        item = self.world.status.stages.live(UID, self.ref.path)
        return item.value.outcome if item is not None else None

    @property
    def calls(self) -> list[Call]:
        """What was published, in order."""
        bodies = [json.loads(published.message.body) for published in self.world.publisher.published]
        return [Call(body["plugins"], body) for body in bodies]

    @property
    def called(self) -> list[str]:
        """The names that were released, in order, each as often as it was."""
        return [name for call in self.calls for name in call.plugins]

    @property
    def open_indices(self) -> frozenset[int]:
        """The tally."""
        return self.world.control.rows[UID, self.ref.path].control.open

    @property
    def result(self) -> str | None:
        """What the waiting task heard at last: ``succeeded``, an error's name, or nothing so far."""
        if not self.world.signals.heard:
            return None
        last = self.world.signals.heard[-1]
        return "succeeded" if last.error is None else last.error

    def output_of(self, plugin: str) -> str | None:
        """A plugin's stored output, as JSON text."""
        item = self.world.status.texts.live(UID, plugin_path(self.ref, plugin))
        return item.value if item is not None else None


FAILED = str(ErrorName.PLUGIN_FAILED)
SUCCEEDED = "succeeded"
