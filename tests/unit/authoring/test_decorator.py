from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import orchestrator_runtime
from orchestrator_runtime import OutputError, PluginHandler, PluginRun, ReportNotSentError, Skip, plugin
from orchestrator_runtime.contract import MAX_OUTPUT_BYTES, MAX_TEXT, Env, Stage, State
from orchestrator_runtime.models import Report
from orchestrator_runtime.plugin_info import PluginInfo
from orchestrator_runtime.testing import CollectedReports, NoTimer, call, sns_event
from tests.unit.authoring.plugin_calls import RUN_KEYS, Broken, LoggedLines, message, raising


def outcome(body: Callable[[PluginRun], object]) -> Report:
    return call(plugin(body))[-1]


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_the_output_is_reported_with_the_keys_of_the_message_and_the_time_of_the_start() -> None:
    reports = CollectedReports()
    seen: list[PluginRun] = []
    handler = plugin(name="Score")(lambda run: seen.append(run) or {"score": 7})  # type: ignore[func-returns-value]
    before = datetime.now(UTC)
    handler.deliver(sns_event(message("Score", "Other")), reporter=reports, environ={}, new_timer=NoTimer)
    (report,) = reports
    assert report.model_dump(mode="json", exclude_defaults=True, exclude={"started_at"}) == RUN_KEYS | {
        "plugin": "Score",
        "state": "Complete",
        "output": {"score": 7},
    }
    assert report.started_at is not None
    assert before <= report.started_at <= datetime.now(UTC)
    (run,) = seen
    assert run.metadata["line"] == "auto"
    assert run.outputs == {"Validate/pre/Address": {"zip": "94105"}}
    assert (run.stage, run.attempt, run.plugin) == (Stage.PARALLEL, 2, "Score")
    assert run.idempotency_key == "NewBusiness/q-1/Rate/parallel/Score/2"


def test_the_queue_is_the_one_that_the_message_names() -> None:
    urls: list[str] = []

    class Urls:
        def send(self, queue_url: str, report: Report) -> None:
            urls.append(queue_url)

    handler = plugin(name="Score")(lambda run: run.progress(50))
    handler.deliver(sns_event(message("Score")), reporter=Urls(), environ={}, new_timer=NoTimer)
    assert urls == ["https://sqs/results"] * 2


def test_a_message_that_does_not_release_the_plugin_is_ignored() -> None:
    reports = CollectedReports()
    handler = plugin(name="Score")(raising(AssertionError("must not run")))
    handler.deliver(sns_event(message("Other"), message()), reporter=reports, environ={})
    assert reports == []


def test_every_record_of_an_event_is_handled() -> None:
    reports = CollectedReports()
    handler = plugin(name="Score")(lambda _: None)
    event = sns_event(message("Score", uid="a"), message("Score", uid="b"))
    handler.deliver(event, reporter=reports, environ={}, new_timer=NoTimer)
    assert [(report.uid, report.state) for report in reports] == [("a", State.COMPLETE), ("b", State.COMPLETE)]


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (ValueError("no such zip"), State.ERROR, "ValueError: no such zip"),
        (ValueError(), State.ERROR, "ValueError"),
        (KeyError("line"), State.ERROR, "KeyError: 'line'"),
        (SystemExit(3), State.ERROR, "SystemExit: 3"),
        (UnprintableError(), State.ERROR, "UnprintableError"),
        (ValueError("half \ud83d of it"), State.ERROR, "ValueError: half ? of it"),
        (ValueError("x" * 5000), State.ERROR, ("ValueError: " + "x" * 5000)[:MAX_TEXT]),
        (OutputError("mine"), State.ERROR, "OutputError: mine"),
        (Skip("nothing to score"), State.DO_NOT_RUN, "nothing to score"),
        (Skip(), State.DO_NOT_RUN, None),
    ],
)
def test_how_a_body_ends_is_reported_and_not_raised(error: BaseException, state: State, text: str | None) -> None:
    last = outcome(raising(error))
    assert (last.state, last.message, last.output) == (state, text, None)


def test_an_interrupt_is_not_the_body_s_to_report() -> None:
    with pytest.raises(KeyboardInterrupt):
        outcome(raising(KeyboardInterrupt()))


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (object(), "OutputError: the output is not JSON: Object of type object"),
        ({"at": datetime(2026, 1, 1, tzinfo=UTC)}, "OutputError: the output is not JSON: Object of type datetime"),
        ({1, 2}, "OutputError: the output is not JSON"),
        (math.nan, "OutputError: the output is not JSON: Out of range float"),
        (CIRCLE, "OutputError: the output is not JSON: Circular"),
        ("\ud83d", "OutputError: the output is not JSON"),
        ({(1, 2): 3}, "OutputError: the output is not JSON: keys must be"),
        (nested(100_000), "OutputError: the output is not JSON"),
        (nested(400), "OutputError: the output cannot be read back as JSON"),
        ("x" * (MAX_OUTPUT_BYTES - 1), "OutputError: the output is 50,001 bytes of JSON, more than 50,000"),
        ("ü" * (MAX_OUTPUT_BYTES // 2), "OutputError: the output is 50,002 bytes"),
        # The core writes it as six letters.
        ("\uffff" * (MAX_OUTPUT_BYTES // 6 + 1), "OutputError: the output is 50,006 bytes of JSON"),
        (nested(101), "OutputError: the output has more than 100 levels of lists and objects: nest less"),
    ],
)
def test_an_output_that_the_core_could_not_take_is_a_named_error(output: object, problem: str) -> None:
    last = outcome(lambda _: output)
    assert last.state is State.ERROR
    assert (last.message or "").startswith(problem)


@pytest.mark.parametrize(
    ("output", "read"),
    [
        (None, None),
        (0, 0),
        (False, False),
        ({"a": None, "b": (1, 2)}, {"a": None, "b": [1, 2]}),
        ({2026: 1}, {"2026": 1}),
        ("x" * (MAX_OUTPUT_BYTES - 2), "x" * (MAX_OUTPUT_BYTES - 2)),
    ],
)
def test_an_output_is_reported_as_json_reads_it(output: object, read: object) -> None:
    last = outcome(lambda _: output)
    assert (last.state, last.output) == (State.COMPLETE, read)


def test_progress_is_reported_before_the_end() -> None:
    def body(run: PluginRun) -> None:
        run.progress(0)
        run.progress(62.5, "half \udc00 way" + "y" * 2000)

    states = [(report.state, report.progress, report.message) for report in call(plugin(body))]
    assert states == [
        (State.IN_PROGRESS, 0, None),
        (State.IN_PROGRESS, 62.5, ("half ? way" + "y" * 2000)[:MAX_TEXT]),
        (State.COMPLETE, None, None),
    ]


@pytest.mark.parametrize("percent", [-1, 100.5, math.nan, math.inf])
def test_progress_that_is_no_percentage_is_an_error_of_the_body(percent: float) -> None:
    last = outcome(lambda run: run.progress(percent))
    assert last.state is State.ERROR
    assert last.message == f"ValueError: progress is given in percent, 0 to 100, got {percent!r}"


@pytest.mark.parametrize("after", [0, 1])
def test_a_report_that_cannot_be_sent_fails_the_invocation(after: int) -> None:
    handler = plugin(name="Score")(lambda run: run.progress(50))
    with pytest.raises(ReportNotSentError, match="queue is gone"):
        handler.deliver(sns_event(message("Score")), reporter=Broken(after), environ={}, new_timer=NoTimer)


@pytest.mark.parametrize("error", [ValueError("bad"), Skip("why")])
def test_an_end_that_cannot_be_reported_fails_the_invocation(error: Exception) -> None:
    handler = plugin(name="Score")(raising(error))
    with pytest.raises(ReportNotSentError):
        handler.deliver(sns_event(message("Score")), reporter=Broken(0), environ={}, new_timer=NoTimer)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"Records": []},
        {"Records": None},
        {"Records": ["text"]},
        {"Records": [{"body": "sqs"}]},
        {"Records": [{"Sns": {}}]},
        {"Records": [{"Sns": {"Message": "{}"}}, {"Sns": {}}]},
        {"Records": [{"eventSource": "aws:kinesis"}]},
        {"initialize": True},
        [],
        None,
    ],
)
def test_an_event_that_is_not_of_sns_is_refused(event: Any) -> None:
    with pytest.raises(ValueError, match="called by SNS"):
        plugin(name="Score")(lambda _: None).deliver(event, reporter=CollectedReports(), environ={})


@pytest.mark.parametrize("text", ["", "no json", "{}", "[]", "null", '{"uid": "hush"}', '{"attempt": "hush"}', None, 3])
def test_a_message_that_is_not_of_the_core_is_refused_without_its_values(text: Any) -> None:
    with pytest.raises(ValueError, match="not one that a stage sends") as caught:
        plugin(name="Score")(lambda _: None).deliver(
            {"Records": [{"Sns": {"Message": text}}]}, reporter=CollectedReports(), environ={}
        )
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_nothing_runs_if_one_record_cannot_be_read() -> None:
    event = sns_event(message("Score"))
    event["Records"].append({"Sns": {"Message": "{}"}})
    reports = CollectedReports()
    with pytest.raises(ValueError, match="not one that a stage sends"):
        plugin(name="Score")(lambda _: None).deliver(event, reporter=reports, environ={})
    assert reports == []


def test_the_name_is_the_decorator_s_or_the_environment_s() -> None:
    environ = {Env.PLUGIN_NAME.value: "FromEnvironment"}
    assert plugin(lambda _: None).name_in(environ) == "FromEnvironment"
    assert plugin(name="Own")(lambda _: None).name_in(environ) == "Own"


@pytest.mark.parametrize("environ", [{}, {Env.PLUGIN_NAME.value: ""}])
def test_a_plugin_without_a_name_says_how_to_name_it(environ: Mapping[str, str]) -> None:
    with pytest.raises(ValueError, match=r"@plugin\(name=\.\.\.\).*ORCHESTRATOR_PLUGIN_NAME"):
        plugin(lambda _: None).name_in(environ)


def test_names_that_are_not_allowed_are_refused() -> None:
    with pytest.raises(ValueError, match="plugin name 'a/b' is not allowed"):
        plugin(name="a/b")(lambda _: None)
    with pytest.raises(ValueError, match="ORCHESTRATOR_PLUGIN_NAME: the plugin name 'a/b'"):
        plugin(lambda _: None).name_in({Env.PLUGIN_NAME.value: "a/b"})


def test_a_name_as_position_is_refused() -> None:
    with pytest.raises(TypeError, match=r"got 'Score': a name is written @plugin\(name="):
        plugin("Score")  # type: ignore[call-overload]


def test_what_the_decorator_is_told_is_what_the_plugin_says_of_itself() -> None:
    handler = plugin(
        name="Score",
        mandatory=False,
        overrides={"Rate": True},
        order=10,
        always_run=True,
        timeout=timedelta(minutes=5),
        start_within=timedelta(seconds=60),
        description="Scores the driver",
        fifo_key="policy",
        idempotent=False,
    )(lambda _: None)
    assert handler.info == PluginInfo(
        name="Score",
        mandatory=False,
        overrides={"Rate": True},
        order=10,
        always_run=True,
        timeout_seconds=300,
        start_within_seconds=60,
        description="Scores the driver",
        fifo_key="policy",
        idempotent=False,
    )


def test_a_bad_value_is_refused_where_it_is_written() -> None:
    with pytest.raises(TypeError, match=r"@plugin: timeout must be a datetime\.timedelta, got 5"):
        plugin(timeout=5)  # type: ignore[call-overload]


def test_without_values_and_with_empty_parentheses_it_says_the_same() -> None:
    assert plugin(lambda _: None).info == plugin()(lambda _: None).info == PluginInfo()


def test_lambda_calls_the_handler_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    reports = CollectedReports()
    monkeypatch.setenv(Env.PLUGIN_NAME, "Score")

    def body(run: PluginRun) -> str:
        """Score it."""
        return run.plugin

    handler = PluginHandler(body, reporter=reports)
    handler(sns_event(message("Score")), object())
    assert reports[-1].output == "Score"
    assert (handler.__name__, handler.__doc__) == ("body", "Score it.")  # type: ignore[attr-defined]


def test_one_line_is_logged_for_each_thing_and_no_payload() -> None:
    logged = LoggedLines()

    def deliver(body: Callable[[PluginRun], object]) -> list[dict[str, Any]]:
        handler = PluginHandler(body, info=PluginInfo(name="Score"), logger=logged.logger)
        event = sns_event(message("Score"), message("Other"))
        handler.deliver(event, reporter=CollectedReports(), environ={}, new_timer=NoTimer)
        assert "hush" not in logged.text
        assert "94105" not in logged.text
        return logged.taken()

    ignored = "ignored: the message does not release this plugin"
    done: Callable[[PluginRun], object] = lambda run: run.metadata  # noqa: E731
    for body, ends in [
        (done, ["reported Complete"]),
        (raising(Skip()), ["reported Do Not Run"]),
        (raising(ValueError("bad")), ["failed", "reported Error"]),
    ]:
        lines = deliver(body)
        assert [line["message"] for line in lines] == ["started", *ends, ignored]
        for line in lines:
            assert {key: line[key] for key in RUN_KEYS} == RUN_KEYS
            assert line["plugin"] == "Score"
    assert "plugin" not in logged.logger.get_current_keys()


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)  # a busy machine is no failure
@given(json_values)
def test_any_json_value_of_some_size_comes_through(value: object) -> None:
    assert outcome(lambda _: value).output == value


odd_values = st.recursive(
    st.floats() | st.binary() | st.text(st.characters()) | st.complex_numbers() | st.datetimes() | st.integers(),
    lambda inner: st.lists(inner) | st.frozensets(st.integers()) | st.dictionaries(st.integers() | st.text(), inner),
    max_leaves=10,
)


@settings(deadline=None)  # a busy machine is no failure
@given(odd_values)
def test_any_result_at_all_ends_in_one_terminal_report(value: object) -> None:
    reports = call(plugin(lambda _: value))
    assert [report.state.is_terminal for report in reports] == [True]
    json.dumps(reports[-1].model_dump(mode="json"), allow_nan=False).encode()


@settings(deadline=None)  # a busy machine is no failure
@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_of_an_exception_can_be_sent(text: str) -> None:
    last = outcome(raising(RuntimeError(text)))
    assert last.state is State.ERROR
    Report.model_validate_json(json.dumps(last.model_dump(mode="json")))


@settings(deadline=None)  # a busy machine is no failure
@given(json_values)
def test_any_json_that_is_no_message_is_refused(value: object) -> None:
    event = {"Records": [{"Sns": {"Message": json.dumps(value)}}]}
    with pytest.raises(ValueError, match="not one that a stage sends"):
        plugin(name="Score")(lambda _: None).deliver(event, reporter=CollectedReports(), environ={})


def test_the_door_is_sorted_and_leads_to_what_it_names() -> None:
    assert orchestrator_runtime.__all__ == sorted(orchestrator_runtime.__all__)
    for name in orchestrator_runtime.__all__:
        assert getattr(orchestrator_runtime, name).__name__ == name
    assert set(orchestrator_runtime.__all__) <= set(dir(orchestrator_runtime))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        orchestrator_runtime.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import orchestrator_runtime", ["aws_cdk", "orchestrator_cli", "typer", "rich", "boto3", "pydantic"]),
        (
            "from orchestrator_runtime import plugin; plugin(idempotent=True)(lambda run: None)",
            ["aws_cdk", "orchestrator_cli", "typer", "rich", "asyncio", "aws_lambda_powertools.utilities.idempotency"],
        ),
    ],
)
def test_importing_the_runtime_brings_nothing_that_it_does_not_need(statement: str, absent: list[str]) -> None:
    code = f"{statement}\nimport sys\nprint([name for name in {absent!r} if name in sys.modules])"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.strip() == "[]"
