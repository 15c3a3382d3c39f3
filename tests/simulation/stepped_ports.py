"""The ports as a simulated handler gets them: each call is a step, at which something may happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.records import Control, RunRef
from orchestrator_runtime.execution_ports import ActiveRuns, Executions
from orchestrator_runtime.ports import ControlStore, Publisher, Registry, Signals, StatusStore
from tests.rules.memory_control import MemoryControlStore

STATUS = (
    "create_run",
    "take_over_run",
    "get_run",
    "end_run",
    "finish_end",
    "open_stage",
    "save_plan",
    "get_plan",
    "load_stage",
    "close_stage",
    "record",
    "reset_plugin",
    "keep_plugin",
    "outputs",
)
EXECUTIONS = ("is_running", "find", "running", "stop")
CONTROL = ("store_token", "open", "settle", "claim", "confirm", "get")


class Steps(Protocol):
    """Lets handlers call ports."""

    def step(self, name: str, call: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
        """Let a handler make a call."""
        ...


def stepped(steps: Steps, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """A call that is a step: whatever its answer, a handler that is run again gets the same."""
    step = steps.step

    def method(*arguments: Any, **options: Any) -> Any:
        return step(name, call, arguments, options)

    return method


class _Stepped:
    """An object whose methods are those of a port."""

    def __init__(self, steps: Steps, port: str, of: object, methods: tuple[str, ...]) -> None:
        for method in methods:
            setattr(self, method, stepped(steps, f"{port}.{method}", getattr(of, method)))


class _SteppedControl(_Stepped):
    """The control table: to end a run's stages takes a call for each of them, as in DynamoDB."""

    def __init__(self, steps: Steps, control: MemoryControlStore) -> None:
        super().__init__(steps, "control", control, CONTROL)
        self._stages = stepped(steps, "control.stages", control.stages)
        self._end_stage = stepped(steps, "control.end_stage", control.end_stage)

    def end_stages(self, ref: RunRef) -> Mapping[tuple[str, Stage], Control]:
        ended = {}
        for stage in self._stages(ref):
            control = self._end_stage(stage)
            if control is not None:
                ended[stage.activity, stage.stage] = control
        return ended


def stepped_status(steps: Steps, status: StatusStore) -> StatusStore:
    return cast("StatusStore", _Stepped(steps, "status", status, STATUS))


def stepped_control(steps: Steps, control: MemoryControlStore) -> ControlStore:
    return cast("ControlStore", _SteppedControl(steps, control))


def stepped_registry(steps: Steps, registry: Registry) -> Registry:
    return cast("Registry", _Stepped(steps, "registry", registry, ("registrations",)))


def stepped_publisher(steps: Steps, publisher: Publisher) -> Publisher:
    return cast("Publisher", _Stepped(steps, "publisher", publisher, ("publish",)))


def stepped_signals(steps: Steps, signals: Signals) -> Signals:
    return cast("Signals", _Stepped(steps, "signals", signals, ("succeed", "fail")))


def stepped_executions(steps: Steps, executions: Executions) -> Executions:
    return cast("Executions", _Stepped(steps, "executions", executions, EXECUTIONS))


def stepped_active_runs(steps: Steps, active: ActiveRuns) -> ActiveRuns:
    return cast("ActiveRuns", _Stepped(steps, "active", active, ("runs",)))
