"""The alerts that a run is overdue, and that it is so no more.

They name runs, stages and plugins, and hold nothing of a run's metadata, of outputs and of what plugins said.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.alert import Alert, AlertKind, subject_of
from orchestrator_runtime.core.awaited import Awaited, AwaitedPlugin, AwaitedStage
from orchestrator_runtime.core.overdue import Announcement
from orchestrator_runtime.core.records import Run
from orchestrator_runtime.deployment import Deployment

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_STATUS: Final = ("status", "how it stands")
_HISTORY: Final = ("history", "what happened to it")
_CANCEL: Final = ("cancel", "end it; nothing more of it is called")
_RETRY: Final = ("retry", "start it again once it has ended; what is complete is kept")


def overdue_alert(announcement: Announcement, waits_for: Awaited, deployment: Deployment) -> Alert:
    """The alert that a run is overdue.

    Args:
        announcement: The run, and how long it was expected to take.
        waits_for: What it waits for.
        deployment: Whose run it is: for the commands.
    """
    ref, commands = announcement.ref, _commands(announcement, deployment, _STATUS, _HISTORY, _CANCEL, _RETRY)
    sentence = f"{ref.workflow} {ref.uid} takes longer than expected"
    lines = (f"{sentence}.", "", *_facts(announcement, deployment), "", *_waits(waits_for), "", *_offered(commands))
    return Alert(
        kind=AlertKind.OVERDUE,
        workflow=ref.workflow,
        id=_id(announcement, AlertKind.OVERDUE),
        subject=subject_of(f"{deployment.prefix}: {ref.workflow} {ref.uid} is overdue"),
        text="\n".join(lines),
        document=_document(announcement, deployment, AlertKind.OVERDUE, commands)
        | {
            "waits_for": [_stage_document(stage) for stage in waits_for.stages],
            "more_stages": waits_for.more,
        },
    )


def ended_alert(
    announcement: Announcement, run: Run | None, expected: timedelta | None, deployment: Deployment
) -> Alert:
    """The alert that a run of which it was said that it is overdue is so no more.

    Args:
        announcement: What was said.
        run: The run's row as it is; ``None``: there is none any more.
        expected: How long a run of the workflow is expected to take now; ``None``: nothing is said of it.
        deployment: Whose run it is: for the commands.
    """
    ref = announcement.ref
    what, told = _what_became(announcement, run, expected)
    over = run is not None and run.ref == ref and run.ended
    failed = over and run is not None and run.state is not State.COMPLETE
    commands = _commands(announcement, deployment, _STATUS, _HISTORY, *((_RETRY,) if failed else ()))
    name = f"{ref.workflow} {ref.uid}, attempt {ref.attempt},"
    lines = (f"{name} {what}.", "", *_facts(announcement, deployment), "", *_offered(commands))
    return Alert(
        kind=AlertKind.OVERDUE_ENDED,
        workflow=ref.workflow,
        id=_id(announcement, AlertKind.OVERDUE_ENDED),
        subject=subject_of(f"{deployment.prefix}: {ref.workflow} {ref.uid} {_in_short(announcement, run)}"),
        text="\n".join(lines),
        document=_document(announcement, deployment, AlertKind.OVERDUE_ENDED, commands) | told,
    )


def _what_became(announcement: Announcement, run: Run | None, expected: timedelta | None) -> tuple[str, dict[str, Any]]:
    if run is None:
        return "is not in the status table any more", {"outcome": "gone"}
    if run.ref.attempt != announcement.ref.attempt:
        started = {"attempt": run.ref.attempt, "started_at": _iso(run.started_at)}
        return f"is over: attempt {run.ref.attempt} has taken its place", {"outcome": "resumed", "by": started}
    if run.ended_at is None:
        now = "is not overdue any more, and in progress"
        if expected is None:
            return f"{now}: no duration is expected now", {"outcome": "not-overdue", "now_expected_seconds": None}
        seconds = int(expected.total_seconds())
        return (
            f"{now}: it may take {_span(expected)} now",
            {"outcome": "not-overdue", "now_expected_seconds": seconds},
        )
    took = run.ended_at - announcement.started_at
    ending = run.ending.value if run.ending else None
    how = f"{run.state} ({ending})" if ending else f"{run.state}"
    return (
        f"has ended: {how}, after {_span(took)}",
        {
            "outcome": "ended",
            "state": run.state.value,
            "ending": ending,
            "ended_at": _iso(run.ended_at),
            "took_seconds": int(took.total_seconds()),
        },
    )


def _in_short(announcement: Announcement, run: Run | None) -> str:
    if run is not None and run.ref == announcement.ref:
        return f"has ended: {run.state}" if run.ended else "is not overdue any more"
    return f"is over, attempt {announcement.ref.attempt}"


def _id(announcement: Announcement, kind: AlertKind) -> str:
    """Names what is said. If more time is given and is over, too, that is something new to say."""
    ref = announcement.ref
    return f"{ref.workflow}/{ref.uid}/{ref.attempt}/{_iso(announcement.since)}/{kind}"


def _document(
    announcement: Announcement, deployment: Deployment, kind: AlertKind, commands: Mapping[str, tuple[str, str]]
) -> dict[str, Any]:
    return {
        "kind": kind.value,
        "id": _id(announcement, kind),
        "system": deployment.system,
        "stage": deployment.stage,
        **announcement.ref.as_document(),
        "execution": announcement.execution,
        "started_at": _iso(announcement.started_at),
        "expected_seconds": int(announcement.expected.total_seconds()),
        "overdue_since": _iso(announcement.since),
        "commands": {name: line for name, (line, _) in commands.items()},
    }


def _facts(announcement: Announcement, deployment: Deployment) -> Iterator[str]:
    ref = announcement.ref
    yield f"Run        {ref.workflow} {ref.uid}, attempt {ref.attempt}, of {deployment.prefix}"
    yield f"Started    {_readable(announcement.started_at)}"
    yield f"Expected   within {_span(announcement.expected)}; overdue since {_readable(announcement.since)}"
    yield f"Execution  {announcement.execution}"


def _waits(waits_for: Awaited) -> Iterator[str]:
    if not waits_for.stages:
        yield "No stage of it is open: its execution tells where it is."
        return
    yield "It waits for"
    for stage in waits_for.stages:
        yield f"  {stage.activity}/{stage.stage}, open since {stage.since}"
        for plugin in stage.plugins:
            yield from _plugin_lines(plugin)
        if not stage.plugins and not stage.more:
            yield "    no plugin: it is about to close"
        if stage.more:
            yield f"    and {stage.more:,} more plugins"
        if stage.in_turn:
            yield f"    then {stage.in_turn:,} more, one at a time"
    if waits_for.more:
        yield f"  and {waits_for.more:,} more stages"


def _plugin_lines(plugin: AwaitedPlugin) -> Iterator[str]:
    since = f" since {plugin.started_at}" if plugin.started_at else ""
    progress = f", {plugin.progress:g} %" if plugin.progress is not None else ""
    yield f"    {plugin.name}: {plugin.state}{since}{progress}{'' if plugin.mandatory else ', optional'}"
    if not plugin.registered:
        yield "      not registered any more"
        return
    if plugin.description:
        yield f"      {' '.join(plugin.description.split())}"
    yield f"      {f'stack {plugin.stack}' if plugin.stack else 'registered by no stack'}: {plugin.endpoint}"


def _stage_document(stage: AwaitedStage) -> dict[str, Any]:
    return asdict(stage) | {"stage": stage.stage.value, "plugins": [asdict(plugin) for plugin in stage.plugins]}


def _commands(
    announcement: Announcement, deployment: Deployment, *offered: tuple[str, str]
) -> dict[str, tuple[str, str]]:
    """The commands by name: each a line, and what it is for."""
    ref = announcement.ref
    uid = shlex.quote(ref.uid)
    options = f"--system {deployment.system} --stage {deployment.stage}"
    # A uid may begin as an option does.
    rest = f"{options} -- {ref.workflow} {uid}" if ref.uid.startswith("-") else f"{ref.workflow} {uid} {options}"
    return {name: (f"orchestrator {name} {rest}", purpose) for name, purpose in offered}


def _offered(commands: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    yield "What you can do"
    for line, purpose in commands.values():
        yield f"  {line}"
        yield f"      {purpose}"


def _span(duration: timedelta) -> str:
    """A duration as people say it, in its two largest units."""
    left = int(duration.total_seconds())
    parts = []
    for size, unit in _UNITS:
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2]) or "0 s"


def _readable(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z"
