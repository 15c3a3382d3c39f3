"""The ports as a simulated handler gets them: each call is a step, at which something may happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.records import Control, RunRef
from orchestrator_runtime.ports import ControlStore, Executions, Publisher, Registry, Signals, StatusStore
from tests.rules.memory_control import MemoryControlStore
from tests.simulation.functions import Functions

STATUS = (
    "create_run",
    "take_over_run",
    "get_run",
    "end_run",
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
CONTROL = ("store_token", "open", "settle", "claim", "confirm", "get")


def stepped(functions: Functions, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """A call that is a step: whatever its answer, a handler that is run again gets the same."""
    step = functions.step

    def method(*arguments: Any, **options: Any) -> Any:
        return step(name, call, arguments, options)

    return method


class _Stepped:
    """An object whose methods are those of a port."""

    def __init__(self, functions: Functions, port: str, of: object, methods: tuple[str, ...]) -> None:
        for method in methods:
            setattr(self, method, stepped(functions, f"{port}.{method}", getattr(of, method)))


class _SteppedControl(_Stepped):
    """The control table: to end a run's stages takes a call for each of them, as in DynamoDB."""

    def __init__(self, functions: Functions, control: MemoryControlStore) -> None:
        super().__init__(functions, "control", control, CONTROL)
        self._stages = stepped(functions, "control.stages", control.stages)
        self._end_stage = stepped(functions, "control.end_stage", control.end_stage)

    def end_stages(self, ref: RunRef) -> Mapping[tuple[str, Stage], Control]:
        ended = {}
        for stage in self._stages(ref):
            control = self._end_stage(stage)
            if control is not None:
                ended[stage.activity, stage.stage] = control
        return ended


def stepped_status(functions: Functions, status: StatusStore) -> StatusStore:
    return cast("StatusStore", _Stepped(functions, "status", status, STATUS))


def stepped_control(functions: Functions, control: MemoryControlStore) -> ControlStore:
    return cast("ControlStore", _SteppedControl(functions, control))


def stepped_registry(functions: Functions, registry: Registry) -> Registry:
    return cast("Registry", _Stepped(functions, "registry", registry, ("registrations",)))


def stepped_publisher(functions: Functions, publisher: Publisher) -> Publisher:
    return cast("Publisher", _Stepped(functions, "publisher", publisher, ("publish",)))


def stepped_signals(functions: Functions, signals: Signals) -> Signals:
    return cast("Signals", _Stepped(functions, "signals", signals, ("succeed", "fail")))


def stepped_executions(functions: Functions, executions: Executions) -> Executions:
    return cast("Executions", _Stepped(functions, "executions", executions, ("is_running",)))
