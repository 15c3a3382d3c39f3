"""Whatever others wrote, no command prints what would steer the terminal, hide text, or forge a line."""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from orchestrator_cli.aws_gateway import AwsGateway
from orchestrator_cli.gateway import Answer, Caller, DeadLetter, Execution
from orchestrator_cli.one_line import one_line, visible, visible_lines
from orchestrator_cli.printing import print_traceback
from orchestrator_runtime.contract import DeadLetters, Stage
from orchestrator_runtime.core.history import HistoryEntry, HistoryKind
from tests.cli.fakes import CLAIMS, IN_CLAIMS, NOW, FakeGateway, activity, document, invoke, plugin, registration
from tests.cli.fakes import stage as a_stage

FORBIDDEN = frozenset(
    chr(code)
    for code in (
        *(code for code in range(0x20) if code != 0x0A),
        *range(0x7F, 0xA0),
        0xAD,
        0x061C,
        0x180E,
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
        0xFEFF,
        0x3164,
        0xE0041,
    )
)
BAD = "".join(sorted(FORBIDDEN)) + "\x1b]0;owned\x07" + "\nFORGED\r\nFORGED\rFORGED"
OF_RICH = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What Rich steers a terminal with. Nothing in BAD is of this form."""
EARLIER = "arn:aws:states:eu-west-1:123456789012:execution:claims-dev-workflow-NewBusiness:first"
RUN = ("run", "NewBusiness", "--uid", "Q-1")
UNKNOWN = ("run", "None", "--uid", "Q-1")


def bad(name: str) -> str:
    return f"{name}{BAD}"


def hostile_document(state: str, *, execution: str = "arn:run-1") -> dict[str, Any]:
    plugins: dict[str, Any] = {
        bad("Score"): plugin("In Progress", -3, progress=55.0, message=bad("reading")),
        bad("Weather"): plugin("Optional Task Error", -3, -2, mandatory=False, message=bad("none")),
        bad("Flood"): plugin("Error", -3, -2, message=bad("wet"), expected=False),
    }
    stage = {**a_stage("Error", -4, **plugins), "message": bad("failed")}
    return {
        **document(state),
        "uid": bad("Q-1"),
        "workflow": bad("NewBusiness"),
        "message": bad("because"),
        "execution": execution,
        "metadata": {"line": bad("home"), bad("key"): {bad("inner"): [bad("value")]}},
        "activities": {bad("Rate"): activity("Error", parallel=stage)},
    }


def hostile_gateway() -> FakeGateway:
    """An account in which every text is hostile that somebody else may have written."""
    names = FakeGateway().parameters | {
        CLAIMS.workflow_parameter("W").replace("/W/", f"/{bad('W')}/"): "arn",
        CLAIMS.topic_parameter("A", Stage.PRE).replace("/A/", f"/{bad('A')}/"): "arn",
    }
    found = registration(
        "parallel",
        bad("Score"),
        endpoint=f"https://{'a'}/{BAD}",
        kind=bad("kind"),
        description=bad("does"),
        problem=bad("odd"),
        only_if={bad("line"): [bad("auto"), {"prefix": bad("x")}], bad("odd"): BAD},
    )
    finding = {"stage": bad("Rate/pre"), "plugin": bad("Score"), "detail": bad("why"), "subscription_arn": bad("arn")}
    gateway = FakeGateway(
        rows=[hostile_document("Error", execution=EARLIER), hostile_document("Error")],
        executions=[Execution("RUNNING"), Execution("FAILED", bad("Error"), bad("cause"))],
        parameters=names,
        registered=[
            found,
            replace(found, owner=bad("team"), endpoint=bad("odd"), stage=Stage.PRE),
            replace(found, owner="", endpoint=f"arn:aws:sqs:eu-west-1:1:{BAD}", stage=Stage.POST),
        ],
        done=[
            HistoryEntry(
                at=NOW,
                attempt=1,
                what=what,
                by=bad("bob"),
                detail=bad("why"),
                execution=f"arn:{BAD}",
                activity=bad("Rate"),
                stage=Stage.PRE,
                plugin=bad("Score"),
            )
            for what in HistoryKind
        ],
        letters={
            f"https://{kind}": [DeadLetter(id=bad("id"), body=bad("{"), sender=bad("AROA"), receipt="r")]
            for kind in DeadLetters
        },
        answer=Answer(
            {
                "repairs": [{"action": bad("added"), **finding}],
                "problems": [{"kind": bad("never-matches"), **finding}],
                "checked": 1,
                "execution": bad("arn"),
                "attempt": 1,
                "batchItemFailures": [{"itemIdentifier": bad("id")}],
            }
        ),
    )
    gateway.caller = lambda: Caller(arn="arn:me", account=bad("1234"), region=bad("eu"))  # type: ignore[method-assign]
    return gateway


def refusing(answer: Answer) -> Callable[[], FakeGateway]:
    def gateway() -> FakeGateway:
        hostile = hostile_gateway()
        hostile.answer = answer
        return hostile

    return gateway


def without_run() -> FakeGateway:
    gateway = hostile_gateway()
    gateway.rows, gateway.done = [None], None
    return gateway


def refused() -> FakeGateway:
    gateway = hostile_gateway()
    gateway.rows = [hostile_document("Error", execution=EARLIER)]
    return gateway


CANCEL = ("cancel", "NewBusiness", "Q-1")
FUNCTION_FAILED = refusing(Answer({"errorType": bad("E"), "errorMessage": bad("m")}, failed=True))
CASES: list[tuple[tuple[str, ...], Callable[[], FakeGateway]]] = [
    (RUN, hostile_gateway),
    (RUN, refused),
    ((*RUN, "--watch"), hostile_gateway),
    ((*RUN, "--json"), hostile_gateway),
    ((*RUN, "--watch", "--json"), hostile_gateway),
    (UNKNOWN, hostile_gateway),
    (("status", "NewBusiness", "Q-1"), hostile_gateway),
    (("status", "NewBusiness", "Q-1", "--json"), hostile_gateway),
    (("status", "NewBusiness", "Q-1"), without_run),
    (("status", "None", "Q-1"), without_run),
    (("history", "NewBusiness", "Q-1"), hostile_gateway),
    (("history", "NewBusiness", "Q-1", "--json"), hostile_gateway),
    (("history", "None", "Q-1"), without_run),
    (CANCEL, hostile_gateway),
    ((*CANCEL, "--json"), hostile_gateway),
    (CANCEL, refusing(Answer({"refused": bad("no")}))),
    (CANCEL, refusing(Answer(bad("what")))),
    (CANCEL, FUNCTION_FAILED),
    (("retry", "NewBusiness", "Q-1"), hostile_gateway),
    (("retry", "NewBusiness", "Q-1", "--watch"), hostile_gateway),
    (("redrive",), hostile_gateway),
    (("redrive", "--json"), hostile_gateway),
    (("redrive", "results"), FUNCTION_FAILED),
    (("redrive", "sweeps"), FUNCTION_FAILED),
    (("plugins",), hostile_gateway),
    (("plugins", "--json"), hostile_gateway),
    (("plugins", "--activity", "None"), hostile_gateway),
    (("plugins", "reconcile"), hostile_gateway),
    (("plugins", "reconcile"), FUNCTION_FAILED),
    (("plugins", "doctor"), hostile_gateway),
    (("plugins", "doctor", "--json"), hostile_gateway),
]


def assert_harmless(text: str) -> None:
    assert text
    assert not FORBIDDEN & {*text}, sorted(map(ascii, FORBIDDEN & {*text}))
    assert not re.search(r"^FORGED", text, re.MULTILINE)


@pytest.mark.parametrize("terminal", [False, True], ids=["piped", "terminal"])
@pytest.mark.parametrize(
    ("command", "gateway"), CASES, ids=[f"{' '.join(command)} {number}" for number, (command, _) in enumerate(CASES)]
)
def test_no_command_prints_what_steers_the_terminal(
    command: tuple[str, ...], gateway: Callable[[], FakeGateway], terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm-256color")
    world = gateway()
    for name in ("NewBusiness", "None"):
        world.parameters.setdefault(CLAIMS.workflow_parameter("NewBusiness"), name)
    result = invoke(world, *command, *IN_CLAIMS)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    printed = result.stdout + result.stderr
    assert_harmless(OF_RICH.sub("", printed.replace("\r", "") if terminal else printed))
    if "--json" in command and result.stdout:
        json.loads(result.stdout)


def test_a_refused_start_shows_both_metadata_and_forges_nothing() -> None:
    """Guards the test above: it has to come as far as that."""
    result = invoke(refused(), *RUN, *IN_CLAIMS)
    assert result.exit_code == 1
    assert "was refused: cause" in result.stderr
    assert '- line: "home' in result.stderr
    assert_harmless(result.stderr)


def test_who_gives_the_command_is_harmless() -> None:
    gateway = hostile_gateway()
    gateway.caller = lambda: Caller(arn=bad("arn"), account="1234", region="eu")  # type: ignore[method-assign]
    result = invoke(gateway, *CANCEL, *IN_CLAIMS)
    assert result.exit_code == 0
    assert_harmless(result.stderr)


@pytest.mark.parametrize("code", ["AccessDenied", "ExpiredToken", "ThrottlingException", bad("Odd")])
def test_what_aws_says_of_an_error_is_harmless(code: str) -> None:
    error = {"Error": {"Code": code, "Message": bad("no")}}

    def refuse(*_: object, **__: object) -> None:
        raise ClientError(error, "GetParameter")  # type: ignore[arg-type]

    session: Any = type("Session", (), {"client": refuse, "region_name": "eu-west-1"})()
    gateway = hostile_gateway()
    gateway.parameter = AwsGateway(session).parameter  # type: ignore[method-assign]
    result = invoke(gateway, *RUN, *IN_CLAIMS)
    assert result.exit_code in {1, 2}
    assert_harmless(result.stderr)


def test_what_the_sdk_says_of_an_error_is_harmless() -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise EndpointConnectionError(endpoint_url=bad("https://"))

    session: Any = type("Session", (), {"client": unreachable, "region_name": "eu-west-1"})()
    gateway = hostile_gateway()
    gateway.caller = AwsGateway(session).caller  # type: ignore[method-assign]
    result = invoke(gateway, *RUN, *IN_CLAIMS)
    assert result.exit_code == 1
    assert_harmless(result.stderr)


def test_a_traceback_is_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    error = ValueError(BAD.replace("\n", ""))
    print_traceback(ValueError, error, None)
    assert_harmless(stream.getvalue())


def test_the_world_is_hostile_in_every_text() -> None:
    """Guards the test above: what is not in the world is not tried."""
    row = copy.deepcopy(hostile_document("Error"))
    assert all("\x1b" in row[field] for field in ("uid", "workflow", "message"))
    assert all("\x1b" in name for name in row["activities"])


@pytest.mark.parametrize(
    ("text", "line", "shown"),
    [
        ("plain größer 漢字 ✔", "plain größer 漢字 ✔", "plain größer 漢字 ✔"),
        ("a\nb", "a b", r"a\x0ab"),
        ("a\r\n\tb", "a b", r"a\x0d\x0a\x09b"),
        ("a\rb", r"a\x0db", r"a\x0db"),
        ("\x1b[2J\x7f\x9b", r"\x1b[2J\x7f\x9b", r"\x1b[2J\x7f\x9b"),
        ("\u202etxt.exe\u2066", r"\u202etxt.exe\u2066", r"\u202etxt.exe\u2066"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("a\u2028b\u3164", r"a\u2028b\u3164", r"a\u2028b\u3164"),
        ("a\u00a0b\u3000c", "a b c", "a b c"),
        ("\U000e0041\ud800", r"\U000e0041\ud800", r"\U000e0041\ud800"),
    ],
)
def test_what_is_not_printable_is_shown_as_an_escape(text: str, line: str, shown: str) -> None:
    assert one_line(text) == line
    assert visible(text) == shown


def test_lines_stay_lines() -> None:
    assert visible_lines("a\x1b\r\n\tb\n") == "a\\x1b\n    b\n"
