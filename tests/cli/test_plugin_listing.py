from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from orchestrator_cli.plugins.listing import PluginTree, plugin_lines
from orchestrator_cli.plugins.registered import Registered
from orchestrator_cli.runs.drawing import ASCII, UNICODE, Glyphs
from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.registration import Registration
from tests.cli.fakes import registration

PROBLEM = "the answer to initialize is a string, so the defaults hold: let the function answer with an object"


def rate() -> Registered:
    return {
        "Rate": {
            Stage.PRE: [
                registration("pre", "Normalize", "claims-normalize", order=10),
                registration("pre", "Enrich", "claims-enrich:live", order=20, mandatory=False, always_run=True),
            ],
            Stage.PARALLEL: [
                registration(
                    "parallel",
                    "Score",
                    only_if={"line": ["auto", "home"], "premium": [{"numeric": [">=", 100]}]},
                    timeout_seconds=300,
                    start_within_seconds=90,
                ),
                registration(
                    "parallel",
                    "Weather",
                    endpoint="arn:aws:sqs:eu-west-1:123456789012:weather.fifo",
                    kind="fifo-queue",
                    protocol="sqs",
                    owner="",
                    problem=PROBLEM,
                ),
            ],
            Stage.POST: [],
        }
    }


def one(**more: Any) -> Registered:
    return {"Rate": {Stage.PARALLEL: [registration("parallel", "Score", **more)]}}


def text_of(registered: Registered, width: int, glyphs: Glyphs = UNICODE) -> list[str]:
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(PluginTree(registered, glyphs))
    return console.export_text().splitlines()


def test_in_80_columns_notes_stand_below_each_plugin() -> None:
    assert text_of(rate(), 80) == [
        "Rate",
        "├─ pre",
        "│  ├─ Normalize  mandatory  order 10  function",
        "│  │    every run · claims-normalize · stack claims-normalize",
        "│  └─ Enrich     optional   order 20  function",
        "│       every run · always runs · claims-enrich:live · stack claims-enrich",
        "├─ parallel",
        "│  ├─ Score      mandatory            function",
        "│  │    if line = auto | home, premium >= 100 · starts within 1 m 30 s",
        "│  │    timeout 5 m · claims-score · stack claims-score",
        "│  └─ Weather    mandatory            fifo-queue",
        "│       every run · weather.fifo · subscription",
        "│       ⚠ the answer to initialize is a string, so the defaults hold: let the",
        "│       function answer with an object",
        "└─ post  no plugins",
    ]


def test_in_160_columns_they_stand_beside_it() -> None:
    assert text_of(rate(), 160) == [
        "Rate",
        "├─ pre",
        "│  ├─ Normalize  mandatory  order 10  function    every run · claims-normalize · stack claims-normalize",
        "│  └─ Enrich     optional   order 20  function    every run · always runs · claims-enrich:live"
        " · stack claims-enrich",
        "├─ parallel",
        "│  ├─ Score      mandatory            function    if line = auto | home, premium >= 100"
        " · starts within 1 m 30 s · timeout 5 m · claims-score",
        "│  │                                              stack claims-score",
        "│  └─ Weather    mandatory            fifo-queue  every run · weather.fifo · subscription",
        f"│                                                 ⚠ {PROBLEM}",
        "└─ post  no plugins",
    ]


def test_it_can_be_drawn_without_unicode() -> None:
    lines = text_of(rate(), 80, ASCII)
    assert "\n".join(lines).isascii()
    assert lines[3] == "|  |    every run - claims-normalize - stack claims-normalize"
    assert lines[12].startswith("|       ! the answer")


def test_the_order_is_told_where_there_is_one() -> None:
    assert text_of(one(), 80)[2] == "   └─ Score  mandatory  function"


@pytest.mark.parametrize("width", [20, 40, 80, 160])
def test_nothing_is_cut_off_however_long_it_is(width: int) -> None:
    name = "A plugin with a name as long as names may be"
    function = "ClaimsScoring-" + "x" * 50
    registered = {
        "Rate": {
            Stage.PRE: [registration("pre", name, function, owner="", only_if={"line": ["y" * 60]}, problem="z" * 90)],
            Stage.POST: [],
        }
    }
    lines = text_of(registered, width)
    assert max(map(len, lines)) <= width
    letters = "".join(lines).replace("│", "").replace(" ", "")
    for told in (name.replace(" ", ""), "mandatory", "order90", "function", function, "y" * 60, "z" * 90):
        assert told in letters


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"endpoint": "arn:aws:lambda:eu-west-1:123456789012:function:score:7"}, "score:7"),
        ({"endpoint": "arn:aws:sqs:eu-west-1:123456789012:score", "protocol": "sqs"}, "score"),
        ({"endpoint": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/score"}, "score"),
        ({"endpoint": "https://u:p@score.example.com/in?token=secret", "protocol": "https"}, "https://score.example.com/in"),
        ({"endpoint": "team@example.com", "protocol": "email"}, "team@example.com"),
        ({"endpoint": "arn:aws:what"}, "arn:aws:what"),
    ],
)  # fmt: skip
def test_an_endpoint_has_its_short_name_and_no_secret(more: dict[str, Any], told: str) -> None:
    assert text_of(one(**more), 160)[2].split(" · ")[1] == told


def test_a_filter_on_the_body_says_so() -> None:
    registered = one(only_if={"metadata": {"line": ["auto"]}}, filter_policy_scope="MessageBody")
    assert "if the message has metadata.line = auto · " in text_of(registered, 160)[2]


@pytest.mark.parametrize(
    ("seconds", "told"), [(45, "45 s"), (60, "1 m"), (3_600, "1 h"), (5_430, "1 h 30 m 30 s"), (864_000, "10 d")]
)
def test_deadlines_are_read_at_a_glance(seconds: int, told: str) -> None:
    assert f" · timeout {told} · " in text_of(one(timeout_seconds=seconds), 160)[2]


def test_what_others_wrote_cannot_steer_the_terminal_nor_be_markup() -> None:
    lines = text_of(one(problem="\x1b[2Jgone\n[red]two\x9b lines", endpoint="a\x07b", only_if={"a\n": ["x\x1b"]}), 160)
    assert lines[3].endswith(r"⚠ \x1b[2Jgone [red]two\x9b lines")
    assert not any("\x1b" in line or "\x07" in line for line in lines)


def test_colours_are_for_terminals() -> None:
    terminal = Console(file=io.StringIO(), width=80, force_terminal=True, color_system="standard")
    terminal.print(PluginTree(rate()))
    assert "\x1b[33m⚠ the answer" in terminal.file.getvalue()  # type: ignore[attr-defined]


def test_as_lines_every_plugin_says_all_of_itself() -> None:
    registered = rate()
    assert plugin_lines(registered) == [
        "Rate/pre/Normalize  mandatory  order 10  function  every run  claims-normalize  stack claims-normalize",
        "Rate/pre/Enrich  optional  order 20  function  every run  always runs  claims-enrich:live  "
        "stack claims-enrich",
        "Rate/parallel/Score  mandatory  function  if line = auto | home, premium >= 100  starts within 1 m 30 s  "
        "timeout 5 m  claims-score  stack claims-score",
        f"Rate/parallel/Weather  mandatory  fifo-queue  every run  weather.fifo  subscription  problem: {PROBLEM}",
        "Rate/post  no plugins",
    ]


def test_an_owner_that_is_no_stack_is_shown_as_it_is() -> None:
    found: Registration = registration("parallel", "Score", owner="somebody")
    assert plugin_lines({"Rate": {Stage.PARALLEL: [found]}})[0].endswith("  stack somebody")
