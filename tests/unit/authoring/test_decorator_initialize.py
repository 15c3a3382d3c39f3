"""What a plugin answers when it is asked what it is."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_runtime import plugin
from orchestrator_runtime.contract import Env
from orchestrator_runtime.testing import CollectedReports, initialize
from tests.unit.authoring.plugin_calls import raising

NOT_CALLED = raising(AssertionError("must not run"))


def asked(message: Any, environ: dict[str, str], body: Any = NOT_CALLED) -> Any:
    reports = CollectedReports()
    event = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": message}}]}
    answer = plugin(body).deliver(event, reporter=reports, environ=environ)
    assert reports == []
    return answer


def test_the_answer_is_what_the_decorator_was_told() -> None:
    handler = plugin(name="Score", mandatory=False, overrides={"Rate": True}, order=10)(NOT_CALLED)
    assert initialize(handler, name="Other") == {
        "pluginName": "Score",
        "default": {"mandatory": False},
        "overrides": {"Rate": {"mandatory": True}},
        "order": 10,
        "alwaysRun": False,
        "idempotent": True,
    }


def test_the_name_is_the_environment_s_if_the_decorator_has_none() -> None:
    assert initialize(plugin(NOT_CALLED), name="Score")["pluginName"] == "Score"


@pytest.mark.parametrize("environ", [{}, {Env.PLUGIN_NAME.value: ""}])
def test_a_plugin_without_a_name_answers_all_the_same(environ: dict[str, str]) -> None:
    answer = asked('{"initialize": true}', environ)
    assert "pluginName" not in answer
    assert answer["order"] == 90


def test_lambda_asks_the_handler_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(Env.PLUGIN_NAME, "Score")
    event = {"Records": [{"Sns": {"Message": '{"initialize": true, "more": 1}'}}]}
    answer = plugin(NOT_CALLED)(event, object())
    assert answer is not None
    assert answer["pluginName"] == "Score"


@pytest.mark.parametrize(
    "text", ['{"initialize": false}', '{"initialize": 1}', '["initialize"]', "no json", None, "[" * 99_999]
)
def test_what_only_looks_like_the_question_is_no_message(text: Any) -> None:
    with pytest.raises(ValueError, match="not one that a stage sends"):
        asked(text, {Env.PLUGIN_NAME.value: "Score"})


def test_two_questions_at_once_are_none() -> None:
    event = {"Records": [{"Sns": {"Message": '{"initialize": true}'}}] * 2}
    with pytest.raises(ValueError, match="not one that a stage sends"):
        plugin(name="S")(NOT_CALLED).deliver(event, reporter=CollectedReports(), environ={})
