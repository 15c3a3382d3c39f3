"""The alerts that a run is overdue and that it no longer is.

They name runs, stages and plugins. They contain no metadata, no outputs and no messages of plugins. What the teams of
plugins wrote into registrations stands in quotes below everything that the core says, so that it cannot pass for that.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from orchestrator_runtime.contract import State
from orchestrator_runtime.core.alert import Alert, AlertKind, subject_of
from orchestrator_runtime.core.awaited import Awaited, AwaitedPlugin
from orchestrator_runtime.core.overdue import Announcement
from orchestrator_runtime.core.records import Run
from orchestrator_runtime.deployment import Deployment
from orchestrator_runtime.foreign_text import quoted, shown
from orchestrator_runtime.names import MAX_UID

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_PURPOSES: Final = {
    "status": "show its state",
    "history": "show what happened to it",
    "cancel": "end it; no further plugins are invoked",
    "retry": "resume it once it has ended; completed plugins are not invoked again",
}
_MOST_IN_A_LINE: Final = 2_048
"""Characters. The longest line is a command whose uid has a quote in each place."""
_PLAIN_NAME: Final = re.compile(r"[\w.:/@+=-]+", re.ASCII)
"""A name that cannot be taken for words of the sentence that it stands in."""
FROM_TEAMS: Final = "From the registrations of these plugins, as their teams wrote them"
"""Below this line of a text, everything in quotes is the words of the teams."""


def overdue_alert(announcement: Announcement, waits_for: Awaited, deployment: Deployment) -> Alert:
    """Makes the alert that a run is overdue.

    Args:
        announcement: The run and its expected duration.
        waits_for: The stages and plugins that the run waits for.
        deployment: The deployment that the run belongs to.
    """
    return _alert(
        AlertKind.OVERDUE,
        announcement,
        deployment,
        "is overdue",
        "takes longer than expected",
        commands=_PURPOSES,
        waits=("", *_waits(waits_for)),
        from_teams=_registered(waits_for),
        document={
            "waits_for": [
                asdict(stage) | {"plugins": [_document_of(plugin) for plugin in stage.plugins]}
                for stage in waits_for.stages
            ],
            "more_stages": waits_for.more,
        },
    )


def ended_alert(
    announcement: Announcement, run: Run | None, expected: timedelta | None, deployment: Deployment
) -> Alert:
    """Makes the alert that a run is no longer overdue.

    Args:
        announcement: The overdue run that was announced.
        run: The run's row; ``None`` if it does not exist any more.
        expected: The current expected duration of the workflow's runs; ``None`` if there is none.
        deployment: The deployment that the run belongs to.
    """
    commands = ["status", "history"]
    summary = f"is over, attempt {announcement.ref.attempt}"
    document: dict[str, Any]
    if run is None:
        detail = "has no row in the status table any more"
        document = {"outcome": "gone"}
    elif run.ref.attempt != announcement.ref.attempt:
        detail = f"is over: attempt {run.ref.attempt} has started"
        document = {
            "outcome": "resumed",
            "by": {"attempt": run.ref.attempt, "started_at": _iso(run.started_at)},
        }
    elif run.ended_at is None:
        summary = "is no longer overdue"
        allowed = f"is expected to take {_span(expected)} now" if expected else "has no expected duration now"
        detail = f"is in progress and no longer overdue: it {allowed}"
        seconds = int(expected.total_seconds()) if expected else None
        document = {"outcome": "not-overdue", "now_expected_seconds": seconds}
    else:
        summary = f"has ended: {run.state}"
        took = run.ended_at - announcement.started_at
        ending = run.ending.value if run.ending else None
        detail = f"{summary}{f' ({ending})' if ending else ''}, after {_span(took)}"
        document = {
            "outcome": "ended",
            "state": run.state.value,
            "ending": ending,
            "ended_at": _iso(run.ended_at),
            "took_seconds": int(took.total_seconds()),
        }
        if run.state is not State.COMPLETE:
            commands.append("retry")
    return _alert(
        AlertKind.OVERDUE_ENDED, announcement, deployment, summary, detail, commands=commands, document=document
    )


def _alert(
    kind: AlertKind,
    announcement: Announcement,
    deployment: Deployment,
    summary: str,
    detail: str,
    *,
    commands: Iterable[str],
    document: Mapping[str, Any],
    waits: Iterable[str] = (),
    from_teams: Iterable[str] = (),
) -> Alert:
    ref, since = announcement.ref, announcement.since
    # A repeated alert has the same id. A run that is overdue again, because it was allowed more time, has another.
    id_ = f"{ref.workflow}/{ref.uid}/{ref.attempt}/{_iso(since)}/{kind}"
    lines = {name: _command_line(name, announcement, deployment) for name in commands}
    text = [
        f"{ref.workflow} {_name(ref.uid)}, attempt {ref.attempt}, {detail}.",
        "",
        f"Deployment {deployment.prefix}",
        f"Started    {_readable(announcement.started_at)}",
        f"Expected   within {_span(announcement.expected)}; overdue since {_readable(since)}",
        f"Execution  {announcement.execution}",
        *waits,
        "",
        "What you can do",
        *(text for name, line in lines.items() for text in (f"  {line}", f"      {_PURPOSES[name]}")),
        *from_teams,
    ]
    return Alert(
        kind=kind,
        workflow=ref.workflow,
        id=id_,
        subject=subject_of(f"{deployment.prefix}: {ref.workflow} {ref.uid} {summary}"),
        # Whatever stands in a line, it stays one line.
        text="\n".join(shown(line, _MOST_IN_A_LINE) for line in text),
        document={
            "kind": kind.value,
            "id": id_,
            "deployment": deployment.prefix,
            **ref.as_document(),
            "execution": announcement.execution,
            "started_at": _iso(announcement.started_at),
            "expected_seconds": int(announcement.expected.total_seconds()),
            "overdue_since": _iso(since),
            "commands": lines,
            **document,
        },
    )


def _waits(waits_for: Awaited) -> Iterator[str]:
    if not waits_for.stages:
        yield "No stage of it is in progress: see its execution."
        return
    yield "It waits for"
    for stage in waits_for.stages:
        yield f"  {stage.activity}/{stage.stage}, opened at {stage.since}"
        for plugin in stage.plugins:
            yield from _plugin_lines(plugin)
        if not stage.plugins and not stage.more:
            yield "    no plugin: the stage is about to close"
        if stage.more:
            yield f"    and {stage.more:,} more plugins"
        if stage.in_turn:
            yield f"    then {stage.in_turn:,} more, one at a time"
    if waits_for.more:
        yield f"  and {waits_for.more:,} more stages"


def _plugin_lines(plugin: AwaitedPlugin) -> Iterator[str]:
    since = f" since {plugin.started_at}" if plugin.started_at else ""
    progress = f", {plugin.progress:g} %" if plugin.progress is not None else ""
    yield f"    {_name(plugin.name)}: {plugin.state}{since}{progress}{'' if plugin.mandatory else ', optional'}"
    if not plugin.registered:
        yield "      not registered any more"
    elif not plugin.stack:
        yield "      registered by no stack"


def _registered(waits_for: Awaited) -> Iterator[str]:
    """What the teams of the plugins wrote, in quotes."""
    registered = [(stage, plugin) for stage in waits_for.stages for plugin in stage.plugins if plugin.registered]
    if not registered:
        return
    yield from ("", FROM_TEAMS)
    for stage, plugin in registered:
        yield f"  {stage.activity}/{stage.stage} {_name(plugin.name)}"
        if plugin.stack:
            yield f"    stack        {quoted(plugin.stack)}"
        yield f"    endpoint     {quoted(plugin.endpoint)}"
        if plugin.description:
            yield f"    description  {quoted(plugin.description)}"


def _document_of(plugin: AwaitedPlugin) -> dict[str, Any]:
    return asdict(plugin) | {
        "stack": shown(plugin.stack),
        "description": shown(plugin.description) if plugin.description else None,
        "endpoint": shown(plugin.endpoint),
    }


def _name(name: str) -> str:
    """A uid, or a plugin's name: both may have spaces, and read as a sentence."""
    return name if _PLAIN_NAME.fullmatch(name) else quoted(name, MAX_UID)


def _command_line(name: str, announcement: Announcement, deployment: Deployment) -> str:
    ref = announcement.ref
    uid = shlex.quote(ref.uid)
    options = f"--system {deployment.system} --stage {deployment.stage}"
    # A uid that starts with a dash is not an option.
    arguments = f"{options} -- {ref.workflow} {uid}" if uid.startswith("-") else f"{ref.workflow} {uid} {options}"
    return f"orchestrator {name} {arguments}"


def _span(duration: timedelta) -> str:
    """Formats a duration in its two largest units."""
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
