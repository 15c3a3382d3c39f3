"""Names and limits that synth time and run time share."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import pytest

from orchestrator_runtime import contract
from orchestrator_runtime.contract import REPORTABLE, Env, Handler, Stage, State
from orchestrator_runtime.custom_resources import RegistrationProperty
from orchestrator_runtime.deployment import CORE_EXPORT_SUFFIX, STAGE_EXPORT_SUFFIX, CoreOutput, Deployment
from orchestrator_runtime.names import COMPONENT_NAME, PLUGIN_NAME, SYSTEM_NAME, problem_with_name, problem_with_uid

DEPLOYMENT = Deployment("claims", "dev")


def test_states_are_spelled_as_people_know_them() -> None:
    assert [str(state) for state in State] == [
        "Not Started",
        "In Progress",
        "Mandatory Completed",
        "Complete",
        "Error",
        "Optional Task Error",
        "Do Not Run",
    ]
    assert [state for state in State if state.is_done] == [State.COMPLETE, State.DO_NOT_RUN]
    terminal = [State.COMPLETE, State.ERROR, State.OPTIONAL_TASK_ERROR, State.DO_NOT_RUN]
    assert [state for state in State if state.is_terminal] == terminal
    assert {State.IN_PROGRESS, State.COMPLETE, State.ERROR, State.DO_NOT_RUN} == REPORTABLE


def test_stages_are_in_the_order_in_which_they_run() -> None:
    assert [str(stage) for stage in Stage] == ["pre", "parallel", "post"]
    assert [stage for stage in Stage if stage.is_sequential] == [Stage.PRE, Stage.POST]
    assert [stage.following for stage in Stage] == [(Stage.PARALLEL, Stage.POST), (Stage.POST,), ()]
    assert list(STAGE_EXPORT_SUFFIX.values()) == ["pre-processing", "parallel-processing", "post-processing"]
    assert set(CORE_EXPORT_SUFFIX) <= set(CoreOutput)


@pytest.mark.parametrize("handler", Handler)
def test_every_entry_point_is_a_function(handler: Handler) -> None:
    module, _, name = handler.entry_point.rpartition(".")
    assert name == "lambda_handler"
    assert callable(getattr(import_module(module), name))


def test_physical_names_and_parameters() -> None:
    names = [
        DEPLOYMENT.prefix,
        DEPLOYMENT.results_queue,
        DEPLOYMENT.function(Handler.REGISTER_PLUGIN),
        DEPLOYMENT.workflow("NewBusiness"),
        DEPLOYMENT.topic("Rate", Stage.PRE),
        DEPLOYMENT.core_parameter(CoreOutput.RESULTS_QUEUE_URL),
        DEPLOYMENT.topic_parameter("Rate", Stage.POST),
        DEPLOYMENT.workflow_parameter("NewBusiness"),
        DEPLOYMENT.workflows_path,
    ]
    assert names == [
        "claims-dev",
        "claims-dev-results",
        "claims-dev-register-plugin",
        "claims-dev-workflow-NewBusiness",
        "claims-dev-Rate-pre",
        "/claims/dev/core/results-queue-url",
        "/claims/dev/activities/Rate/post/topic-arn",
        "/claims/dev/workflows/NewBusiness/state-machine-arn",
        "/claims/dev/workflows/",
    ]


def test_environment_variables_have_one_prefix_and_properties_the_form_of_cloudformation() -> None:
    assert all(name.startswith("ORCHESTRATOR_") for name in (*Env, contract.CACHE_DIR_VARIABLE))
    assert all(re.fullmatch(r"([A-Z][a-z]+)+", name) for name in RegistrationProperty)


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (
            COMPONENT_NAME,
            ["R", "0", "Rate", "Rate-2_b", "x" * 64],
            ["", "-a", "_a", "a b", "a/b", "a.b", "ä", "a\n", "x" * 65, None, 5, "~plan"],
        ),
        (PLUGIN_NAME, ["Score", "A b.c-d_e", "x" * 64], ["", " a", "a/b", "~plan", "a\n", "a\x00", "x" * 65, None]),
        (
            SYSTEM_NAME,
            ["claims", "C", "a-1", "x" * 32],
            ["", "1a", "-a", "aws", "AwsThing", "ssm-x", "a_b", "x" * 33, None],
        ),
    ],
)
def test_names(pattern: re.Pattern[str], good: list[str], bad: list[Any]) -> None:
    assert [problem_with_name("thing", name, pattern) for name in good] == [None] * len(good)
    for name in bad:
        problem = problem_with_name("thing", name, pattern)
        assert problem is not None
        assert problem.startswith(f"the thing name {name!r} is not allowed: use 1 to ")
        assert "\n" not in problem


def test_a_sentence_has_of_a_value_what_people_read_or_nothing() -> None:
    value = "\x00" * 100_000
    assert str(problem_with_name("thing", value)).startswith(f"the thing name {repr(value)[:200]}… is not allowed")
    assert str(problem_with_name("thing", value, quoting=False)).startswith("the thing name is not allowed: use 1 to")
    assert str(problem_with_uid([value])).startswith("uid must be a non-empty string, got ['")
    assert len(str(problem_with_uid([value]))) < 300
    assert str(problem_with_uid("a\x00", quoting=False)).startswith("uid has control characters")
    assert str(problem_with_uid(0, quoting=False)) == "uid must be a non-empty string: give every run an id of its own"


@pytest.mark.parametrize("uid", ["q", "a/b c", "ü\U0001f697", "x" * 256, "\U0001f697" * 256, "~", "0"])
def test_uids_that_are_fine(uid: str) -> None:
    assert problem_with_uid(uid) is None


@pytest.mark.parametrize(
    ("uid", "told"),
    [
        (None, "non-empty string, got None"),
        ("", "non-empty string, got ''"),
        (7, "non-empty string, got 7"),
        ("x" * 257, "257 characters long: use at most 256"),
        (" q", "white space at its ends"),
        ("q\t1", "control characters"),
        ("q\x7f", "control characters"),
        ("q\x85x", "control characters"),
        ("q\u2029x", "control characters"),
        ("q\ud800", "uid"),
        ("q\u202e1-", "invisible ones"),
        ("q\u200b1", "invisible ones"),
        ("q\U000e00311", "invisible ones"),
    ],
    ids=ascii,
)
def test_uids_that_are_refused(uid: object, told: str) -> None:
    problem = problem_with_uid(uid)
    assert problem is not None
    assert told in problem
