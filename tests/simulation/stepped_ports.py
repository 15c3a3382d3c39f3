"""The ports as a simulated handler gets them: each call is a step, at which something may happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, cast

from orchestrator_runtime.core.records import DueActivity, StageRef
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.execution_ports import ActiveRuns, Executions
from orchestrator_runtime.ports import ControlStore, DueActivities, Publisher, Signals, StatusStore
from orchestrator_runtime.protocol.report_memory import ReportMemory
from orchestrator_runtime.registry_port import Registry
from tests.rules.memory_control import MemoryControlStore

STATUS = (
    "create_run",
    "take_over_run",
    "get_run",
    "end_run",
    "finish_end",
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
CONTROL = (
    "store_token",
    "get_token",
    "get",
    "find",
    "enter",
    "settle",
    "take_room",
    "claim",
    "confirm",
    "postpone",
    "finish",
    "answered",
    "end",
)


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


def stepped_status(steps: Steps, status: StatusStore) -> StatusStore:
    return cast("StatusStore", _Stepped(steps, "status", status, STATUS))


def stepped_control(steps: Steps, control: MemoryControlStore) -> ControlStore:
    return cast("ControlStore", _Stepped(steps, "control", control, CONTROL))


def stepped_due(steps: Steps, control: MemoryControlStore) -> DueActivities:
    """The index of due activities. An answer is kept, and so it is a list."""

    class Due:
        def due(self, now: datetime) -> list[DueActivity]:
            return list(control.due(now))

    return cast("DueActivities", _Stepped(steps, "due", Due(), ("due",)))


def stepped_registry(steps: Steps, registry: Registry) -> Registry:
    return cast("Registry", _Stepped(steps, "registry", registry, ("stages", "registrations", "get", "named")))


def stepped_memory(steps: Steps, remembered: Callable[[], ReportMemory], registry: Registry) -> ReportMemory:
    """What a function instance remembers of reports."""

    class Memory:
        def takes_progress(self, ref: StageRef, plugin: str, now: datetime) -> bool:
            return remembered().takes_progress(ref, plugin, now)

        def plain_registrations(self, ref: StageRef, _stepped: Registry, now: datetime) -> Sequence[Registration]:
            return remembered().plain_registrations(ref, registry, now)

    return cast("ReportMemory", _Stepped(steps, "memory", Memory(), ("takes_progress", "plain_registrations")))


def stepped_publisher(steps: Steps, publisher: Publisher) -> Publisher:
    return cast("Publisher", _Stepped(steps, "publisher", publisher, ("publish",)))


def stepped_signals(steps: Steps, signals: Signals) -> Signals:
    return cast("Signals", _Stepped(steps, "signals", signals, ("succeed", "fail")))


def stepped_executions(steps: Steps, executions: Executions) -> Executions:
    return cast("Executions", _Stepped(steps, "executions", executions, EXECUTIONS))


def stepped_active_runs(steps: Steps, active: ActiveRuns) -> ActiveRuns:
    return cast("ActiveRuns", _Stepped(steps, "active", active, ("runs",)))
