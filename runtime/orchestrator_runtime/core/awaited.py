"""The stages and plugins that a run waits for, from its document and the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.registration import Registration

_IN_PROGRESS: Final = frozenset({State.IN_PROGRESS, State.MANDATORY_COMPLETED})
_MOST_NAMED: Final = 10
"""Stages that are named, and plugins of all stages together; the others are counted."""

Registrations = Callable[[str, Stage], Sequence[Registration]]
"""Reads the registrations of a stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitedPlugin:
    """A plugin that has not ended.

    Attributes:
        name: Its name.
        state: ``In Progress`` or ``Not Started``.
        mandatory: Whether its error fails the stage.
        progress: Its reported progress in percent.
        started_at: When it started; ``None`` if it has not.
        registered: Whether it still is registered to the stage.
        stack: The stack that owns it; empty if no construct registered it. This and what follows is text as the
            plugin's team wrote it: it is escaped where it is shown.
        description: Its description.
        endpoint: The endpoint of its subscription.
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
    """A stage in progress.

    Attributes:
        activity: The activity's name.
        stage: ``pre``, ``parallel`` or ``post``.
        since: When it opened.
        plugins: The plugins that it waits for, as many as are named.
        more: Number of other plugins that it waits for.
        in_turn: Number of plugins that are dispatched after these, one at a time.
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
        stages: Its stages in progress, as many as are named.
        more: Number of other stages in progress.
    """

    stages: tuple[AwaitedStage, ...]
    more: int


def awaited(document: Mapping[str, Any], registrations: Registrations) -> Awaited:
    """Finds what a run waits for.

    Args:
        document: The run as ``core.run_document`` shows it.
        registrations: Reads the registrations of a stage; used only for stages with named plugins.

    Returns:
        At most ten stages with at most ten plugins in all, mandatory plugins first.
    """
    found = [*_stages_in_progress(document)]
    left = _MOST_NAMED
    stages = []
    for activity, stage, stage_document in found[:_MOST_NAMED]:
        pending = [
            (name, plugin)
            for name, plugin in stage_document["plugins"].items()
            if plugin["expected"] and not State(plugin["state"]).is_terminal
        ]
        # A sequential stage dispatches its plugins one at a time, in this order.
        dispatched = pending[:1] if stage.is_sequential else pending
        dispatched.sort(key=lambda each: not each[1]["mandatory"])
        named = dispatched[:left]
        left -= len(named)
        stages.append(
            AwaitedStage(
                activity=activity,
                stage=stage,
                since=stage_document["started_at"],
                plugins=tuple(_named(named, registrations(activity, stage) if named else ())),
                more=len(dispatched) - len(named),
                in_turn=len(pending) - len(dispatched),
            )
        )
    return Awaited(stages=tuple(stages), more=len(found) - len(stages))


def _stages_in_progress(document: Mapping[str, Any]) -> Iterator[tuple[str, Stage, Mapping[str, Any]]]:
    for activity, activity_document in document["activities"].items():
        for stage, stage_document in activity_document["stages"].items():
            if State(stage_document["state"]) in _IN_PROGRESS:
                yield activity, Stage(stage), stage_document


def _named(
    plugins: Iterable[tuple[str, Mapping[str, Any]]], registrations: Sequence[Registration]
) -> Iterator[AwaitedPlugin]:
    # If a plain subscription has the same name, the managed one counts.
    registered = {each.name: each for each in sorted(registrations, key=lambda each: each.managed)}
    for name, document in plugins:
        plugin = registered.get(name)
        yield AwaitedPlugin(
            name=name,
            state=document["state"],
            mandatory=document["mandatory"],
            progress=document["progress"],
            started_at=document["started_at"],
            registered=plugin is not None,
            stack=plugin.stack if plugin else "",
            description=plugin.description if plugin else None,
            endpoint=plugin.endpoint if plugin else "",
        )
