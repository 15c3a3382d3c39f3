"""What an operator sees: counted, measured, announced, written down; each by making it happen."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator_cli.local.function_logs import function_logs
from orchestrator_runtime.contract import Handler, Metric
from tests.e2e.conftest import APPS
from tests.e2e.system import System, eventually

pytestmark = [pytest.mark.e2e]

OUTSIDE = "Wait/parallel/Outside"


@pytest.fixture(scope="module")
def outputs(local_aws: Any) -> dict[str, str]:
    local_aws.deploy(APPS / "watched")
    [stack] = local_aws.client("cloudformation").describe_stacks(StackName="watched-e2e")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.fixture(scope="module")
def watched(local_aws: Any, outputs: dict[str, str]) -> System:
    return System(local_aws, "watched", "e2e")


def lines(system: System) -> list[dict[str, Any]]:
    """What the functions wrote that counts or measures something of this system."""
    found = []
    for line in function_logs(system.aws.session):
        text = line.partition("  ")[2]
        if '"_aws"' in text:
            document = json.loads(text)
            [directive] = document["_aws"]["CloudWatchMetrics"]
            if directive["Namespace"] == system.deployment.prefix:
                found.append(document)
    return found


def values(system: System, metric: Metric, **of: str) -> list[float]:
    """All values of a metric with these dimensions, in the order in which they were written."""
    found: list[float] = []
    for line in lines(system):
        [directive] = line["_aws"]["CloudWatchMetrics"]
        sets = [dict.fromkeys(names) for names in directive["Dimensions"]]
        if metric in line and any({name: line[name] for name in names} == of for names in sets):
            found += line[metric]
    return found


def when(look: Callable[[], bool], what: str) -> None:
    eventually(lambda: look() or None, what=what)


def watch(system: System) -> None:
    """Let the watch look, as its schedule does each minute."""
    called = system.aws.client("lambda").invoke(
        FunctionName=system.deployment.function(Handler.WATCH_RUNS), Payload=b"{}"
    )
    assert "FunctionError" not in called, called["Payload"].read()


def last(system: System, metric: Metric, **of: str) -> float:
    return values(system, metric, **of)[-1]


def test_each_way_to_end_is_counted(watched: System) -> None:
    assert watched.run("Quick", "q-ok").exit_code == 0
    assert watched.run("Quick", "q-fails", {"do": "fail"}).exit_code == 1
    assert watched.tell("retry", "Quick", "q-fails", "--watch").exit_code == 1
    for metric, number in (
        (Metric.RUNS_STARTED, 2),
        (Metric.RUNS_RESUMED, 1),
        (Metric.RUNS_COMPLETED, 1),
        (Metric.RUNS_FAILED, 2),
    ):
        for of in ({}, {"workflow": "Quick"}):
            assert sum(values(watched, metric, **of)) == number, (metric, of)
    assert len(values(watched, Metric.RUN_DURATION, workflow="Quick")) == 3
    stage = {"activity": "Check", "stage": "parallel"}
    assert len(values(watched, Metric.STAGE_DURATION, **stage)) == 3
    assert sorted(values(watched, Metric.PLUGIN_ERRORS, **stage, plugin="Behaves")) == [0, 1, 1]
    assert all(took >= 0 for took in values(watched, Metric.PLUGIN_DURATION, **stage, plugin="Behaves"))
    assert len(values(watched, Metric.PLUGIN_TIME_TO_START, **stage, plugin="Behaves")) == 3
