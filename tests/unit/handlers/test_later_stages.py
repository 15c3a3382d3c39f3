"""Each function takes an activity through all its stages, and over the leftovers of an earlier attempt."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from orchestrator_runtime.contract import Env, Stage
from orchestrator_runtime.handlers import (
    begin_run,
    cancel_run,
    check_deadlines,
    end_run,
    environment,
    open_activity,
    record_result,
    sweep_runs,
)
from orchestrator_runtime.stores.control import DynamoControlStore
from orchestrator_runtime.stores.items import utc_now
from tests.unit.handlers.conftest import Core
from tests.unit.handlers.events import TOKEN, batch, begin, end, opening, report
from tests.unit.moto_tables import CONTROL
from tests.unit.samples import a_registration, run_ref

MACHINE = "claims-dev-workflow-NewBusiness"
FAILED = {"Error": "PluginFailed", "Cause": "why"}


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Moves the core's clock."""
    return lambda by: monkeypatch.setattr(environment, "utc_now", lambda: utc_now() + by)


@pytest.fixture
def start(core: Core, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """Starts executions, as moto runs them: forever."""
    states = boto3.client("stepfunctions")
    machine = states.create_state_machine(name=MACHINE, definition="{}", roleArn="arn:aws:iam::123456789012:role/any")
    arn = machine["stateMachineArn"]
    monkeypatch.setenv(Env.WORKFLOW_ARN_PREFIX, arn.removesuffix("NewBusiness"))
    return lambda: states.start_execution(stateMachineArn=arn)["executionArn"]


@pytest.fixture
def resumed(core: Core, start: Callable[[], str]) -> str:
    """A run that failed after Score was complete, begun again; the execution of its second attempt."""
    core.deploy(
        a_registration("Check", stage=Stage.PRE, mandatory=False, start_within_seconds=60, always_run=True),
        a_registration("Score", always_run=True),
    )
    first, second = start(), start()
    begin_run.lambda_handler(begin({"uid": "q-1"}, first), None)
    open_activity.lambda_handler(opening(), None)
    record_result.lambda_handler(batch(report("Check", stage="pre")), None)
    record_result.lambda_handler(batch(report(output={"points": 7})), None)
    end_run.lambda_handler(end(first, error=FAILED), None)
    begin_run.lambda_handler(begin({"uid": "q-1"}, second), None)
    core.published()
    core.signals.clear()
    return second


def check() -> dict[str, Any]:
    return check_deadlines.lambda_handler({}, SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000))


def score_is_dispatched_without_its_former_output(core: Core) -> None:
    assert [(message["attempt"], message["plugins"]) for message in core.published()] == [(2, ["Score"])]
    assert core.status.outputs(run_ref(2)) == {}


def test_a_report_that_closes_a_stage_drops_what_an_earlier_attempt_left_in_the_next(core: Core, resumed: str) -> None:
    open_activity.lambda_handler(opening(attempt=2), None)
    core.published()
    record_result.lambda_handler(batch(report("Check", stage="pre", attempt=2)), None)
    score_is_dispatched_without_its_former_output(core)


def test_a_deadline_that_closes_a_stage_drops_what_an_earlier_attempt_left_in_the_next(
    core: Core, resumed: str, later: Callable[[timedelta], None]
) -> None:
    open_activity.lambda_handler(opening(attempt=2), None)
    core.published()
    later(timedelta(seconds=61))
    assert check()["checked"] == 1
    score_is_dispatched_without_its_former_output(core)


@pytest.fixture
def waits_for_an_optional_plugin(core: Core) -> Core:
    core.deploy(a_registration(mandatory=False, start_within_seconds=60, timeout_seconds=600))
    begin_run.lambda_handler(begin({"uid": "q-1"}), None)
    open_activity.lambda_handler(opening(), None)
    return core


@pytest.mark.usefixtures("waits_for_an_optional_plugin")
def test_a_deadline_that_closes_the_last_stage_answers_the_task(core: Core, later: Callable[[timedelta], None]) -> None:
    later(timedelta(seconds=61))
    check()
    [(operation, sent)] = core.signals
    assert (operation, sent["taskToken"]) == ("SendTaskSuccess", TOKEN)


@pytest.mark.usefixtures("waits_for_an_optional_plugin")
def test_a_later_entry_of_the_task_enforces_deadlines(core: Core, later: Callable[[timedelta], None]) -> None:
    record_result.lambda_handler(batch(report(state="In Progress")), None)
    later(timedelta(seconds=601))
    open_activity.lambda_handler(opening(token="next", entered="2026-11-25T09:30:00.123Z"), None)
    [(operation, sent)] = core.signals
    assert (operation, sent["taskToken"]) == ("SendTaskSuccess", "next")
    plugin = core.document()["activities"]["Rate"]["stages"]["parallel"]["plugins"]["Score"]
    assert plugin["message"].startswith("did not finish within 600 s; started at ")


def items_of(core: Core) -> list[tuple[str, bool]]:
    """The attempts of the control items of Rate, and whether their run has ended."""
    found = [item for item in core.rows(CONTROL) if item["path"]["S"] == "NewBusiness/Rate/"]
    return [(item["attempt"]["N"], "run_ended" in item) for item in found]


def end_it(execution: str) -> None:
    end_run.lambda_handler(end(execution, error=FAILED), None)


def cancel_it(_execution: str) -> None:
    cancel_run.lambda_handler({"uid": "q-1", "workflow": "NewBusiness"}, None)


def sweep_it(execution: str) -> None:
    detail = {"executionArn": execution, "status": "ABORTED", "input": '{"uid": "q-1"}'}
    event = {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}
    sweep_runs.lambda_handler(event, None)


@pytest.mark.parametrize("ends", [end_it, cancel_it, sweep_it], ids=["end-run", "cancel-run", "sweep-runs"])
def test_the_end_of_an_attempt_replaces_the_item_of_an_earlier_one(
    core: Core, resumed: str, ends: Callable[[str], None]
) -> None:
    """So that a late invocation of open-activity finds that the run has ended."""
    assert items_of(core) == [("1", False)]
    ends(resumed)
    assert items_of(core) == [("2", True)]


@pytest.mark.usefixtures("waits_for_an_optional_plugin")
def test_an_item_that_expires_while_it_is_checked_is_replaced(
    core: Core, later: Callable[[timedelta], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    core.client.delete_item(TableName="status", Key={"uid": {"S": "q-1"}, "path": {"S": "NewBusiness/"}})
    ends = DynamoControlStore.end

    def expire(self: DynamoControlStore, *given: Any, **other: Any) -> Any:
        core.client.update_item(
            TableName=CONTROL,
            Key={"uid": {"S": "q-1"}, "path": {"S": "NewBusiness/Rate/"}},
            UpdateExpression="SET expires_at = :past",
            ExpressionAttributeValues={":past": {"N": "1"}},
        )
        return ends(self, *given, **other)

    monkeypatch.setattr(DynamoControlStore, "end", expire)
    later(timedelta(seconds=61))
    assert check() == {"checked": 1, "failed": 0, "left": False}
    assert items_of(core) == [("1", True)]
