"""Plugins that are not idempotent, with Powertools' idempotency utility on moto's DynamoDB."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from orchestrator_runtime import PluginHandler, PluginRun, ReportNotSentError, Retryable, Skip, plugin
from orchestrator_runtime.authoring.idempotency_table import IdempotencyTable, Layers, idempotency_table
from orchestrator_runtime.authoring.outcome import Outcome
from orchestrator_runtime.contract import MAX_OUTPUT_BYTES, Env, State
from orchestrator_runtime.models import Report
from orchestrator_runtime.plugin_info import PluginInfo
from orchestrator_runtime.testing import CollectedReports, NoTimer, call, sns_event, sqs_event
from tests.unit.authoring.plugin_calls import Broken, LoggedLines, message, raising
from tests.unit.moto_tables import items, meanwhile

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "calls"
DAY = 86_400


@dataclass
class Context:
    """Lambda's, as far as it is asked."""

    remaining: int = 60_000
    aws_request_id: str = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining


@pytest.fixture
def table(aws: None, dynamodb_client: DynamoDBClient) -> Layers:
    dynamodb_client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    return Layers.over(TABLE, dynamodb_client)


class Counted:
    """A body that ends in one way after another, and counts how often it is entered."""

    __name__ = "counted"

    def __init__(self, *ends: Any) -> None:
        self.ends = list(ends)
        self.entered = 0

    def __call__(self, run: PluginRun) -> object:
        self.entered += 1
        end = self.ends.pop(0)
        if isinstance(end, BaseException):
            raise end
        return end


def deliver(
    body: Callable[[PluginRun], object], table: Layers, *, context: object = None, **other: Any
) -> list[Report]:
    reports = CollectedReports()
    context = Context() if context is None else context
    handler = plugin(name="Score", idempotent=False)(body)
    event = sns_event(message("Score", **other))
    once = IdempotencyTable(table, context)
    handler.deliver(event, reports, {}, once=once, new_timer=NoTimer, context=context)
    return list(reports)


@pytest.mark.parametrize(
    ("end", "state", "told"),
    [
        ({"score": 7}, State.COMPLETE, None),
        (None, State.COMPLETE, None),
        (Skip("why"), State.DO_NOT_RUN, "why"),
        (ValueError("half \ud83d of it"), State.ERROR, "ValueError: half ? of it"),
        ({1}, State.ERROR, "OutputError: the output is not JSON: Object of type set is not JSON serializable"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("request_id", ["request-1", "request-2"])
def test_a_duplicate_reports_the_same_end_without_entering_the_body(
    table: Layers, end: Any, state: State, told: str | None, request_id: str
) -> None:
    body = Counted(end)
    first = deliver(body, table)
    again = deliver(body, table, context=Context(aws_request_id=request_id))
    assert body.entered == 1
    assert [report.state for report in first] == [state]
    assert first[0].started_at is not None
    assert again == [first[0].model_copy(update={"started_at": None})]
    assert (again[0].message or "").startswith(told or "")


def test_a_refused_write_that_does_not_say_what_stands_there_leads_to_a_look(
    table: Layers, dynamodb_client: DynamoDBClient
) -> None:
    """So it is with a boto3 that does not ask for the item yet."""

    def say_less(parsed: dict[str, Any], **_: Any) -> None:
        parsed.pop("Item", None)

    body = Counted("done")
    deliver(body, table)
    dynamodb_client.meta.events.register("after-call.dynamodb.PutItem", say_less)
    try:
        assert deliver(body, table)[0].output == "done"
    finally:
        dynamodb_client.meta.events.unregister("after-call.dynamodb.PutItem", say_less)


def test_another_attempt_is_another_call(table: Layers) -> None:
    body = Counted(1, 2)
    assert deliver(body, table, attempt=1)[-1].output == 1
    assert deliver(body, table, attempt=2)[-1].output == 2
    assert deliver(body, table, attempt=1)[-1].output == 1


def test_the_same_run_of_another_core_is_another_call(table: Layers) -> None:
    """A function may be shared by the cores of two systems, whose runs may have the same names."""
    body = Counted(1, 2)
    assert deliver(body, table, report_to="https://sqs/one")[-1].output == 1
    assert deliver(body, table, report_to="https://sqs/two")[-1].output == 2


def test_a_call_is_remembered_for_more_than_a_day_and_leaves_no_payload_in_its_key(
    table: Layers, dynamodb_client: DynamoDBClient
) -> None:
    deliver(Counted("done"), table, uid="hush")
    (item,) = items(dynamodb_client, TABLE)
    assert item["id"]["S"].startswith("orchestrator#")
    assert "hush" not in item["id"]["S"]
    assert int(item["expiration"]["N"]) - int(item["in_progress_expiration"]["N"]) // 1000 > DAY


@pytest.mark.parametrize("character", ["x", '"', "\\", "\x01", "ü", "€", "🚗"])
def test_the_largest_output_is_remembered(table: Layers, character: str) -> None:
    size = len(json.dumps(character, ensure_ascii=False).encode()) - 2
    output = character * ((MAX_OUTPUT_BYTES - 2) // size)
    body = Counted(output)
    deliver(body, table)
    assert deliver(body, table)[0].output == output


def test_what_is_to_be_tried_again_enters_the_body_again(table: Layers) -> None:
    body = Counted(Retryable("down"), "done")
    with pytest.raises(Retryable, match="down"):
        deliver(body, table)
    assert deliver(body, table)[-1].output == "done"
    assert body.entered == 2


def test_on_the_last_receive_it_is_an_error_and_not_remembered(table: Layers) -> None:
    body = Counted(Retryable("down"), "done")
    handler = plugin(name="Score", idempotent=False)(body)
    reports = CollectedReports()
    event = sqs_event(message("Score"))
    environ = {Env.MAX_RECEIVES.value: "1"}
    assert handler.deliver(event, reports, environ, once=IdempotencyTable(table, Context())) == {
        "batchItemFailures": []
    }
    assert (reports[-1].state, reports[-1].message) == (State.ERROR, "Retryable: down")
    assert deliver(body, table)[-1].output == "done"


def test_an_interrupted_report_is_made_up_for_without_the_body(table: Layers) -> None:
    body = Counted("done")
    handler = plugin(name="Score", idempotent=False)(body)
    event = sns_event(message("Score"))
    with pytest.raises(ReportNotSentError):
        handler.deliver(event, Broken(0), {}, once=IdempotencyTable(table, Context()), new_timer=NoTimer)
    assert [report.output for report in deliver(body, table)] == ["done"]
    assert body.entered == 1


def test_a_duplicate_while_the_first_is_at_work_is_ignored(table: Layers) -> None:
    logged = LoggedLines()
    duplicates: list[list[Report]] = []

    def body(run: PluginRun) -> str:
        reports = CollectedReports()
        other = PluginHandler(
            raising(AssertionError("must not run")),
            info=PluginInfo(name="Score", idempotent=False),
            logger=logged.logger,
        )
        context = Context(aws_request_id="request-2")
        once = IdempotencyTable(table, context)
        other.deliver(sns_event(message("Score")), reports, {}, once=once, context=context)
        duplicates.append(list(reports))
        return "done"

    assert deliver(body, table)[-1].output == "done"
    assert duplicates == [[]]
    (line,) = logged.taken()
    assert line["message"] == "ignored: another delivery of the same call is at work"


def test_an_invocation_that_was_killed_can_be_repeated(table: Layers) -> None:
    killed = Counted(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        # It had no time left: that is when Lambda kills.
        deliver(killed, table, context=Context(remaining=-1000))
    assert deliver(Counted("done"), table)[-1].output == "done"


def test_another_delivery_leaves_alone_what_may_be_alive(table: Layers) -> None:
    with pytest.raises(KeyboardInterrupt):
        deliver(Counted(KeyboardInterrupt()), table)
    assert deliver(Counted(), table, context=Context(aws_request_id="request-2")) == []


def test_the_repetition_of_what_died_early_is_repeated_until_it_may_begin(table: Layers) -> None:
    with pytest.raises(KeyboardInterrupt):
        deliver(Counted(KeyboardInterrupt()), table)
    body = Counted()
    with pytest.raises(Retryable, match="an earlier invocation for the same delivery may still be at work"):
        deliver(body, table)
    assert body.entered == 0


def test_in_a_queue_a_message_that_comes_again_is_the_same_delivery(table: Layers) -> None:
    handler = plugin(name="Score", idempotent=False)(Counted(KeyboardInterrupt()))

    def receive(request_id: str) -> Any:
        context = Context(aws_request_id=request_id)
        event = sqs_event(message("Score"))
        return handler.deliver(event, CollectedReports(), {}, once=IdempotencyTable(table, context), context=context)

    with pytest.raises(KeyboardInterrupt):
        receive("request-1")
    assert receive("request-2") == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}


def refuse() -> None:
    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not yours"}}, "UpdateItem")


def test_a_table_that_cannot_be_used_has_the_call_repeated_and_the_body_not_entered(
    table: Layers, dynamodb_client: DynamoDBClient
) -> None:
    body = Counted()
    with (
        meanwhile(dynamodb_client, "PutItem", refuse),
        pytest.raises(Retryable, match=r"the idempotency table calls cannot be used: .*not yours"),
    ):
        deliver(body, table)
    assert body.entered == 0


def test_an_end_that_could_not_be_noted_down_is_reported_all_the_same(
    table: Layers, dynamodb_client: DynamoDBClient
) -> None:
    logged = LoggedLines()
    with meanwhile(dynamodb_client, "UpdateItem", refuse):
        outcome = IdempotencyTable(table, Context(), logged.logger).do(
            "key", "request-1", lambda: Outcome(State.COMPLETE)
        )
    assert outcome == Outcome(State.COMPLETE)
    (line,) = logged.taken()
    assert line["message"] == "the idempotency table does not know how this call ended"


def test_work_that_could_not_be_forgotten_raises_what_it_raised(table: Layers, dynamodb_client: DynamoDBClient) -> None:
    with meanwhile(dynamodb_client, "DeleteItem", refuse), pytest.raises(Retryable, match=r"^down$"):
        deliver(Counted(Retryable("down")), table)


def test_progress_that_could_not_be_reported_does_not_have_the_body_entered_twice(
    table: Layers,
) -> None:
    seen: list[int] = []

    class SometimesBroken(CollectedReports):
        def send(self, queue_url: str, report: Report) -> None:
            if report.progress is not None and report.progress < 50:
                raise ReportNotSentError("queue is gone")
            super().send(queue_url, report)

    def body(run: PluginRun) -> None:
        run.progress(25)
        run.progress(75)
        seen.append(1)

    reports = SometimesBroken()
    handler = plugin(name="Score", idempotent=False)(body)
    once = IdempotencyTable(table, Context())
    handler.deliver(sns_event(message("Score")), reports, {}, once=once, new_timer=NoTimer)
    assert [report.progress for report in reports] == [75, None]
    assert seen == [1]


def test_without_a_table_it_is_an_error_that_says_what_to_set() -> None:
    reports = CollectedReports()
    handler = plugin(name="Score", idempotent=False)(raising(AssertionError("must not run")))
    assert handler.deliver(sns_event(message("Score")), reports, {}) is None
    (report,) = reports
    assert report.state is State.ERROR
    assert (report.message or "").startswith("NoIdempotencyTableError: ")
    assert "idempotent=False on its Plugin construct" in (report.message or "")
    assert "ORCHESTRATOR_IDEMPOTENCY_TABLE" in (report.message or "")


def test_the_environment_names_the_table(
    table: Layers, monkeypatch: pytest.MonkeyPatch, dynamodb_client: DynamoDBClient
) -> None:
    monkeypatch.setenv(Env.PLUGIN_NAME, "Score")
    monkeypatch.setenv(Env.IDEMPOTENCY_TABLE, TABLE)
    body = Counted("done")
    reports = CollectedReports()
    handler = PluginHandler(body, info=PluginInfo(idempotent=False), reporter=reports)
    for _ in range(2):
        handler(sns_event(message("Score")), Context())
    assert body.entered == 1
    # A body that is held up for a second by a busy machine would be reported as at work, too.
    assert [report.state for report in reports if report.state.is_terminal] == [State.COMPLETE, State.COMPLETE]
    assert len(items(dynamodb_client, TABLE)) == 1


def test_a_client_is_made_once_for_a_table(aws: None) -> None:
    assert idempotency_table("one", None)._layers is idempotency_table("one", None)._layers
    assert idempotency_table("one", None)._layers is not idempotency_table("two", None)._layers


def test_an_idempotent_plugin_needs_no_table_and_is_called_each_time() -> None:
    body = Counted(1, 2)
    handler = plugin(body)
    assert [call(handler)[-1].output, call(handler)[-1].output] == [1, 2]
