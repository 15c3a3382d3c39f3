"""A run of a workflow's state machine: it begins a run, goes through its activities, and ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from orchestrator_runtime.core.ended_execution import ExecutionStatus
from orchestrator_runtime.core.failure import Failure
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.protocol.begin_run import BeginRequest
from orchestrator_runtime.protocol.end_run import EndRequest
from tests.simulation.activity_task import JITTER, TRANSITION, ActivityTask
from tests.simulation.definitions import Retrier, Retries
from tests.simulation.scenario import UID, WORKFLOW
from tests.simulation.scheduler import moment

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


class WorkflowExecution:
    """A run of a workflow's state machine.

    Attributes:
        arn: Its ARN.
        running: Whether it runs.
        unsaid: Whether it ended, and ``end_run`` did not get to say so.
    """

    def __init__(self, simulation: Simulation, arn: str, *, override: bool) -> None:
        self._simulation = simulation
        self._scheduler = simulation.scheduler
        self.arn = arn
        self.running = True
        self.unsaid = False
        self.ref: RunRef | None = None
        self._tasks: list[ActivityTask] = []
        self._step = 0
        self._task = 0
        simulation.executions.begin(arn, given=f'{{"uid": "{UID}"}}')
        states = simulation.core.workflow
        request = BeginRequest(
            uid=UID,
            workflow=WORKFLOW,
            activities=simulation.scenario.steps,
            execution=arn,
            timeout=simulation.run_timeout,
            metadata=simulation.metadata,
            metadata_override=override,
            by=f"whoever started {arn}",
        )
        self._lambda_task(
            "begin_run",
            lambda: simulation.core.begin_run(request, simulation.begin_ports),
            states.begin,
            done=self._begun,
            failed=self._run_failed,
        )

    def stop(self, status: ExecutionStatus) -> None:
        """Stop it from outside."""
        if not self.running:
            return
        self._task += 1
        self._stop_tasks()
        self.unsaid = True
        self._over(status)

    # States

    def _begun(self, ref: RunRef) -> None:
        self.ref = ref
        self._simulation.time_limits.begin(ref)
        self._next_step()

    def _next_step(self) -> None:
        steps = self._simulation.scenario.steps
        if self._step == len(steps):
            self._end_state(None)
            return
        activities = steps[self._step]
        self._step += 1
        task = self._task
        left = len(activities)

        def ended(failure: Failure | None) -> None:
            nonlocal left
            if not self.running or self._task != task:
                return
            if failure is not None:
                self._task += 1
                self._stop_tasks()
                self._run_failed(failure.error, failure.cause)
                return
            left -= 1
            if not left:
                self._next_step()

        ref = self.ref
        assert ref is not None
        self._tasks = [ActivityTask(self._simulation, ref.activity(activity), ended) for activity in activities]

    def _stop_tasks(self) -> None:
        for task in self._tasks:
            task.stop()

    def _end_state(self, failure: Failure | None) -> None:
        simulation = self._simulation
        states = simulation.core.workflow
        if failure is None and simulation.decisions.weigh(simulation.profile.last_moment):
            self._scheduler.after(0.0, simulation.outside.cancel)
        request = EndRequest(uid=UID, workflow=WORKFLOW, execution=self.arn, failure=failure)
        self._lambda_task(
            "end_run",
            lambda: simulation.core.end_run(request, simulation.end_ports),
            states.fail if failure else states.end,
            # On the failure path the answer says whether the run's row is complete all the same.
            done=lambda answer: self._over(ExecutionStatus.FAILED if answer else ExecutionStatus.SUCCEEDED),
            failed=self._died if failure else self._run_failed,
        )

    def _run_failed(self, error: str, cause: str) -> None:
        self._end_state(Failure(error, cause))

    def _died(self, _error: str, _cause: str) -> None:
        """Even the state that every error leads to failed."""
        self.unsaid = True
        self._over(ExecutionStatus.FAILED)

    def _over(self, status: ExecutionStatus) -> None:
        self.running = False
        self._simulation.invariants.execution_over(self.arn, status)
        self._simulation.executions.end(self.arn, status, stopped_at=moment(self._scheduler.now))
        self._scheduler.tell(f"execution {self.arn} is {status}")
        self._simulation.outside.execution_ended(self, status)

    # A task that calls a function and waits for its answer

    def _lambda_task(
        self,
        handler: str,
        body: Callable[[], Any],
        retriers: tuple[Retrier, ...],
        *,
        done: Callable[[Any], None],
        failed: Callable[[str, str], None],
    ) -> None:
        self._task += 1
        task = self._task
        retries = Retries.of(retriers)

        def is_over() -> bool:
            return not self.running or self._task != task

        def call() -> None:
            if not is_over():
                self._simulation.functions.call(
                    handler, self.arn, body, returned=returned, failed=failed_once, execution=self.arn
                )

        def returned(answer: Any) -> None:
            if not is_over():
                done(answer)

        def failed_once(error: str, cause: str) -> None:
            if is_over():
                return
            longest = retries.wait(error)
            if longest is None:
                failed(error, cause)
            else:
                self._scheduler.after(longest * JITTER[self._simulation.decisions.pick(len(JITTER))], call)

        self._scheduler.after(TRANSITION, call)
