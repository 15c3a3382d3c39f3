from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from rich.console import Console, RenderableType

from orchestrator_cli.runs.drawing import ASCII, describe_changes, draw_run, draw_runs
from orchestrator_runtime.contract import State
from tests.cli.fakes import NOW, activity, document, plugin, stage


def text_of(drawing: RenderableType, width: int = 90) -> list[str]:
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(drawing)
    return [line.rstrip() for line in console.export_text().rstrip("\n").splitlines()]


def with_plugin(told: dict[str, Any]) -> Any:
    return document(activities={"Rate": activity("In Progress", parallel=stage("In Progress", -1, Score=told))})


def test_a_run_is_a_tree_of_what_is_called() -> None:
    assert text_of(draw_run(document(), now=NOW)) == [
        "◐ NewBusiness  Q-1                    6.0 s",
        "├─ ✔ Validate                         1.5 s",
        "│  └─ ✔ parallel                      1.5 s",
        "│     └─ ✔ Address                    0.5 s  known",
        "├─ ◐ Rate                             4.0 s",
        "│  └─ ◐ parallel                      4.0 s",
        "│     ├─ ◐ Score                      3.0 s  ━━━━━━━━╸───────  55 % · reading tables",
        "│     ├─ ⚠ Weather                    1.0 s  Optional Task Error · no forecast",
        "│     └─ ○ Flood",
        "└─ ○ Print",
    ]


def test_activity_without_matching_plugins_has_no_duration() -> None:
    run = document("Complete", activities={"Validate": activity("Complete"), "Rate": activity("Complete")})
    assert text_of(draw_run(run, now=NOW))[1:] == [
        "├─ ✔ Validate                                no plugins",
        "└─ ✔ Rate                                    no plugins",
    ]


def test_it_can_be_drawn_without_unicode() -> None:
    lines = text_of(draw_run(document(message=None), now=NOW, glyphs=ASCII))
    assert lines[1] == "|- + Validate                         1.5 s"
    assert lines[-1] == "`- . Print"


def test_a_run_that_failed_says_why_in_its_first_line_however_long_it_gets() -> None:
    run = document("Error", attempt=2, message="Rate/parallel/Score: no table for ZZ")
    assert text_of(draw_run(run, now=NOW))[:2] == [
        "✘ NewBusiness  Q-1                    5.0 s  attempt 2 · Error · Rate/parallel/Score: no",
        "                                             table for ZZ",
    ]
    assert text_of(draw_runs([run], now=NOW, height=20))[0].endswith("no …")


@pytest.mark.parametrize("state", list(State))
def test_every_state_can_be_drawn(state: State) -> None:
    assert "Score" in "".join(text_of(draw_run(with_plugin(plugin(state)), now=NOW)))


@pytest.mark.parametrize(("progress", "bar"), [(0.0, "╸" + "─" * 15 + "   0 %"), (100.0, "━" * 16 + " 100 %")])
def test_a_progress_bar_is_always_as_long(progress: float, bar: str) -> None:
    assert bar in text_of(draw_run(with_plugin(plugin("In Progress", progress=progress)), now=NOW))[-1]


def test_a_plugin_that_nobody_waits_for_is_marked() -> None:
    assert text_of(draw_run(with_plugin(plugin("Complete", expected=False)), now=NOW))[-1].endswith("not waited for")


def test_a_message_cannot_steer_the_terminal_nor_be_markup() -> None:
    told = plugin("In Progress", message="\x1b[2Jgone\n[red]two\x9b lines")
    assert text_of(draw_run(with_plugin(told), now=NOW))[-1].endswith(r"\x1b[2Jgone [red]two\x9b lines")


def test_several_runs_are_drawn_in_as_much_detail_as_fits() -> None:
    runs = [document(), document("Complete")]
    lines = {height: text_of(draw_runs(runs, now=NOW, height=height)) for height in (20, 19, 15, 7, 1)}
    assert len(lines[20]) == 20
    assert "├─ ✔ Validate                         1.5 s  1 plugin" in lines[19]
    assert len(lines[19]) == 16
    assert [line[:8] for line in lines[15]] == [line[:8] for line in lines[15][:4]] * 2 or len(lines[15]) == 8
    assert [line.split()[1] for line in lines[7]] == ["NewBusiness", "NewBusiness"]
    assert lines[1] == lines[7]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(59.94, "59.9 s"), (60, "1 m 00 s"), (3_725, "1 h 02 m"), (90_000, "1 d 1 h")],
)
def test_durations_are_read_at_a_glance(seconds: float, told: str) -> None:
    drawn = text_of(draw_run(document(), now=NOW - timedelta(seconds=6) + timedelta(seconds=seconds)))
    assert drawn[0].endswith(told)


def test_changes_are_lines() -> None:
    before, after = document(), document()
    after["activities"]["Rate"]["stages"]["parallel"]["plugins"]["Score"]["progress"] = 60.0
    assert describe_changes(before, after) == ["NewBusiness Q-1  Rate/parallel/Score  In Progress 60 %: reading tables"]
    assert describe_changes(after, after) == []
    assert describe_changes(None, document("Complete"))[0] == "NewBusiness Q-1  Complete"
