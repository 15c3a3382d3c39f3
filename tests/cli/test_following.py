from __future__ import annotations

import io

from rich.console import Console

from orchestrator_cli.runs.following import console_on, follow, glyphs_for
from orchestrator_cli.runs.runs import RunWatcher, StartedRun, Workflow
from tests.cli.fakes import NOW, FakeGateway, document

RUN = StartedRun(Workflow("NewBusiness", "arn:machine", "status"), "Q-1", "arn:run-1", {})


def test_on_a_terminal_a_run_that_ended_is_left_standing() -> None:
    console = Console(file=io.StringIO(), width=100, height=30, force_terminal=True, record=True)
    watchers = [
        RunWatcher(FakeGateway(), RUN),
        RunWatcher(FakeGateway(rows=[None, document(), document(), document("Complete")]), RUN),
    ]
    pauses: list[float] = []
    looks = follow(watchers, console, every=0.5, pause=pauses.append, now=lambda: NOW)
    assert [look.complete for look in looks] == [True, True]
    assert pauses == [0.5, 0.5, 0.5]
    text = console.export_text()
    assert text.count("✔ NewBusiness  Q-1") == 2
    assert "attempt" not in text


def test_a_stream_that_knows_no_unicode_gets_none_and_does_not_fail() -> None:
    raw = io.BytesIO()
    console = console_on(io.TextIOWrapper(raw, encoding="ascii"))
    assert glyphs_for(console).last == "`- "
    follow([RunWatcher(FakeGateway(), RUN)], console, every=1, pause=lambda _: None, now=lambda: NOW)
    console.file.flush()
    assert b"|- + Validate" in raw.getvalue()
