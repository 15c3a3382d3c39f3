"""What a run in progress waits for, as its document and the registry tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.names import shown

_OPEN: Final = frozenset({State.IN_PROGRESS, State.MANDATORY_COMPLETED})
_MOST_NAMED: Final = 10
"""Stages, and plugins of all of them together; the others are counted."""

Registrations = Callable[[str, Stage], Sequence[Registration]]
"""Reads who is registered to a stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedPlugin:
    """A plugin that has not ended.

    Attributes:
        name: Its name.
        state: ``In Progress``, or ``Not Started``.
        mandatory: Whether its error fails the stage.
        progress: As it reported it, percent.
        started_at: When it started; ``None``: it did not.
        registered: Whether it still is registered to the stage.
        stack: The stack that owns it; empty if no construct registered it.
        description: What it does.
        endpoint: What is subscribed.
    """

    name: str
    state: str
    mandatory: bool
    progress: float | None
    started_at: str | None
    registered: bool = False
    stack: str = ""
    description: str | None = None
    endpoint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedStage:
    """A stage that is open.

    Attributes:
        activity: The activity's name.
        stage: ``pre``, ``parallel`` or ``post``.
        since: When it opened.
        plugins: The plugins that it waits for, as many as are named.
        more: How many others it waits for.
        in_turn: How many are not released before one of those has ended.
    """

    activity: str
    stage: Stage
    since: str | None
    plugins: tuple[AwaitedPlugin, ...]
    more: int
    in_turn: int


@dataclass(frozen=True, slots=True)
class Awaited:
    """What a run waits for.

    Attributes:
        stages: Its open stages, as many as are named.
        more: How many others are open.
    """

    stages: tuple[AwaitedStage, ...]
    more: int


def awaited(document: Mapping[str, Any], registrations: Registrations) -> Awaited:
    """Find out what a run waits for.

    Args:
        document: The run as ``core.run_document`` puts it together.
        registrations: Reads who is registered; asked only about stages of which plugins are named.

    Returns:
        At most ten stages, with at most ten plugins in all: those first whose error fails the stage.
    """
    found = [*_open_stages(document)]
    left = _MOST_NAMED
    stages = []
    for activity, stage, told in found[:_MOST_NAMED]:
        still_open = [
            (name, plugin)
            for name, plugin in told["plugins"].items()
            if plugin["expected"] and not State(plugin["state"]).is_terminal
        ]
        # Before and after the parallel stage plugins are called one at a time, in this order.
        called = still_open if stage is Stage.PARALLEL else still_open[:1]
        called.sort(key=lambda each: not each[1]["mandatory"])
        named = called[:left]
        left -= len(named)
        stages.append(
            AwaitedStage(
                activity=activity,
                stage=stage,
                since=told["started_at"],
                plugins=tuple(_named(named, registrations(activity, stage) if named else ())),
                more=len(called) - len(named),
                in_turn=len(still_open) - len(called),
            )
        )
    return Awaited(stages=tuple(stages), more=len(found) - len(stages))


def _open_stages(document: Mapping[str, Any]) -> Iterator[tuple[str, Stage, Mapping[str, Any]]]:
    for activity, told in document["activities"].items():
        for stage, stage_told in told["stages"].items():
            if State(stage_told["state"]) in _OPEN:
                yield activity, Stage(stage), stage_told


def _named(
    plugins: Iterable[tuple[str, Mapping[str, Any]]], registrations: Sequence[Registration]
) -> Iterator[AwaitedPlugin]:
    # A name may stand for a subscription made by other means, too; then the managed one is meant.
    registered = {each.name: each for each in sorted(registrations, key=lambda each: each.managed)}
    for name, told in plugins:
        plugin = registered.get(name)
        yield AwaitedPlugin(
            name=name,
            state=told["state"],
            mandatory=told["mandatory"],
            progress=told["progress"],
            started_at=told["started_at"],
            registered=plugin is not None,
            stack=plugin.stack if plugin else "",
            description=shown(plugin.description) if plugin and plugin.description else None,
            endpoint=shown(plugin.endpoint) if plugin else "",
        )
