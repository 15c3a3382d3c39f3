"""What authors of plugins test with."""

from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, Field

from orchestrator_runtime import PluginRun, Retryable, plugin
from orchestrator_runtime.contract import State
from orchestrator_runtime.models import PluginMessage, Report
from orchestrator_runtime.testing import RememberedCalls, call, initialize, sns_event, sqs_event
from tests.unit.authoring.plugin_calls import message, raising


class Quote(BaseModel):
    vehicle_year: int = Field(alias="vehicleYear")


def test_a_model_is_metadata_as_json_would_spell_it() -> None:
    reports = call(plugin(lambda run: run.metadata), metadata=Quote(vehicleYear=2020))
    assert reports[-1].output == {"vehicleYear": 2020}


def test_a_remembered_call_is_a_duplicate_the_second_time() -> None:
    entered: list[str] = []

    @plugin(idempotent=False)
    def handler(run: PluginRun) -> str:
        entered.append(run.idempotency_key)
        return "done"

    once = RememberedCalls()
    first = call(handler, once=once)
    # The duplicate began nothing.
    assert call(handler, once=once) == [first[0].model_copy(update={"started_at": None})]
    assert call(handler, once=once, attempt=2)[-1].output == "done"
    assert entered == ["Test/test-1/Test/parallel/Plugin/1", "Test/test-1/Test/parallel/Plugin/2"]


def test_a_plugin_that_is_not_idempotent_needs_no_table_in_a_test() -> None:
    assert call(plugin(idempotent=False)(lambda _: 1))[-1].state is State.COMPLETE


def test_what_is_raised_again_is_not_remembered() -> None:
    once = RememberedCalls()
    with pytest.raises(Retryable):
        call(plugin(raising(Retryable("down"))), once=once)
    assert call(plugin(lambda _: 1), once=once)[-1].output == 1


def test_reports_of_a_call_that_raises_are_in_the_list_given() -> None:
    reports: list[Report] = []
    with pytest.raises(Retryable):
        call(plugin(raising(Retryable("down"))), reports=reports)
    assert [report.message for report in reports] == ["to be tried again: down"]
    call(plugin(lambda _: 1), reports=reports)
    assert len(reports) == 2


def test_the_last_receive_ends_in_an_error() -> None:
    last = call(plugin(raising(Retryable("down"))), last_receive=True)[-1]
    assert (last.state, last.message) == (State.ERROR, "Retryable: down")


def test_events_carry_the_message() -> None:
    sent = message("Score")
    (sns,) = sns_event(sent)["Records"]
    assert PluginMessage.model_validate_json(sns["Sns"]["Message"]) == sent
    raw, _ = sqs_event(sent, sent)["Records"]
    assert PluginMessage.model_validate_json(raw["body"]) == sent
    (enveloped,) = sqs_event(sent, raw=False)["Records"]
    envelope = json.loads(enveloped["body"])
    assert envelope["Type"] == "Notification"
    assert PluginMessage.model_validate_json(envelope["Message"]) == sent


def test_an_event_of_a_queue_says_what_a_queue_says() -> None:
    first, second = sqs_event(message("S"), message("S"), receives=3, queue="plugin.fifo", group="one")["Records"]
    assert (first["messageId"], second["messageId"]) == ("message-0", "message-1")
    assert first["attributes"]["ApproximateReceiveCount"] == "3"
    assert first["attributes"]["MessageGroupId"] == "one"
    assert first["eventSourceARN"].endswith(":plugin.fifo")
    assert "MessageGroupId" not in sqs_event(message("S"))["Records"][0]["attributes"]


def test_a_plugin_can_be_asked_what_it_is() -> None:
    assert initialize(plugin(name="Score", order=5)(lambda _: None))["order"] == 5
