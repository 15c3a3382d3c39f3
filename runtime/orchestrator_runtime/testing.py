"""For the tests of plugins: call a handler without AWS and see what it reports.

::

    from orchestrator_runtime.testing import call

    def test_score() -> None:
        reports = call(handler, metadata={"line": "auto"})
        assert reports[-1].output == {"score": 0.7}
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from threading import Timer
from typing import Any

from pydantic import BaseModel, JsonValue

from orchestrator_runtime.authoring.handler import PluginHandler
from orchestrator_runtime.authoring.once import EveryTime, Once
from orchestrator_runtime.authoring.outcome import Outcome
from orchestrator_runtime.contract import INITIALIZE, PROGRESS_EVERY_SECONDS, Env, Stage
from orchestrator_runtime.models import PluginMessage, Report

_REGION_AND_ACCOUNT = "eu-west-1:123456789012"


class CollectedReports(list[Report]):
    """A reporter that keeps the reports, in the order in which they were sent."""

    def send(self, queue_url: str, report: Report) -> None:  # noqa: ARG002  (there is only one list)
        """Keep one report."""
        self.append(report)


class NoTimer(Timer):
    """A timer whose time never comes: nothing that a test sees is to depend on how long something takes."""

    def run(self) -> None:
        """Do nothing."""


class RememberedCalls:
    """Remembers how calls ended, as the table of a plugin that is not idempotent does.

    Give the same one to :func:`call` twice, and the second is a duplicate of the first::

        once = RememberedCalls()
        assert call(handler, once=once)[-1] == call(handler, once=once)[-1]
    """

    def __init__(self) -> None:
        self._ended: dict[str, Outcome] = {}

    def do(self, key: str, delivery: str, work: Callable[[], Outcome]) -> Outcome:  # noqa: ARG002  (of the port)
        """Do the work, unless it was done."""
        if key not in self._ended:
            self._ended[key] = work()
        return self._ended[key]


def sns_event(*messages: PluginMessage) -> dict[str, Any]:
    """Make the event with which SNS calls a Lambda function.

    Args:
        messages: One record each. SNS itself sends one at a time.
    """
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "Sns": {"Type": "Notification", "Message": message.model_dump_json()},
            }
            for message in messages
        ]
    }


def sqs_event(
    *messages: PluginMessage, receives: int = 1, raw: bool = True, queue: str = "plugin", group: str | None = None
) -> dict[str, Any]:
    """Make the event with which a queue calls a Lambda function.

    Args:
        messages: One record each, with the ids ``message-0``, ``message-1`` and so on.
        receives: How often the messages were received, this time included.
        raw: Whether SNS delivers them raw to the queue, or in its envelope.
        queue: The queue's name; the name of a FIFO queue ends in ``.fifo``.
        group: The messages' group in a FIFO queue. Default: none.
    """
    attributes = {"ApproximateReceiveCount": str(receives), "SenderId": "AIDAEXAMPLE"}
    if group is not None:
        attributes["MessageGroupId"] = group
    return {
        "Records": [
            {
                "messageId": f"message-{place}",
                "receiptHandle": f"receipt-{place}",
                "body": message.model_dump_json() if raw else _in_envelope(message),
                "attributes": attributes,
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{_REGION_AND_ACCOUNT}:{queue}",
                "awsRegion": "eu-west-1",
            }
            for place, message in enumerate(messages)
        ]
    }


def initialize(handler: PluginHandler, *, name: str | None = None) -> dict[str, Any]:
    """Ask a plugin what it is, as registration does where no construct says it.

    Args:
        handler: What ``@plugin`` made.
        name: The plugin's name in its environment. Default: there is none.

    Returns:
        Its answer.
    """
    event = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps({INITIALIZE: True})}}]}
    environ = {} if name is None else {str(Env.PLUGIN_NAME): name}
    answer = handler.deliver(event, reporter=CollectedReports(), environ=environ)
    return answer or {}


def call(
    handler: PluginHandler,
    *,
    metadata: Mapping[str, JsonValue] | BaseModel | None = None,
    outputs: Mapping[str, JsonValue] | None = None,
    name: str = "Plugin",
    uid: str = "test-1",
    workflow: str = "Test",
    activity: str = "Test",
    stage: Stage | str = Stage.PARALLEL,
    attempt: int = 1,
    last_receive: bool = False,
    once: Once | None = None,
    reports: list[Report] | None = None,
) -> list[Report]:
    """Call a plugin as a stage would, and return what it reported.

    Args:
        handler: What ``@plugin`` made.
        metadata: The run's data, or a model that says it. Default: none.
        outputs: What earlier stages' plugins returned, keyed ``activity/stage/plugin``. Default: none.
        name: The plugin's name, if the decorator gives it none.
        uid: The run's id.
        workflow: The workflow's name.
        activity: The activity's name.
        stage: ``pre``, ``parallel`` or ``post``.
        attempt: The run's attempt.
        last_receive: Call it behind a queue that will not deliver the message again.
            Default: call it as SNS does.
        once: Remembers calls, for duplicates; see :class:`RememberedCalls`. Default: nothing is remembered.
        reports: A list that the reports are added to as well, for calls that raise.

    Returns:
        The reports in order: progress, all that the function told, and last how it ended. Nothing depends on how long
        that takes: that the call is at work, which it reports after a second, is not among them, and no progress is
        held back.

    Raises:
        Retryable: The function raised it, as Lambda would see it; what was reported before is in ``reports``.
            With ``last_receive`` it is reported as ``Error`` instead.
    """
    environ = {str(Env.PLUGIN_NAME): name, str(Env.MAX_RECEIVES): "1"}
    message = PluginMessage(
        uid=uid,
        workflow=workflow,
        activity=activity,
        stage=Stage(stage),
        attempt=attempt,
        plugins=[handler.name_in(environ)],
        now=datetime.now(UTC),
        metadata=_plain(metadata),
        outputs=dict(outputs or {}),
        report_to="https://sqs.test/results",
    )
    collected = CollectedReports()
    # All progress is due, however soon it comes.
    clock = itertools.count(step=PROGRESS_EVERY_SECONDS).__next__
    event = sqs_event(message) if last_receive else sns_event(message)
    try:
        handler.deliver(
            event,
            reporter=collected,
            environ=environ,
            once=EveryTime() if once is None else once,
            new_timer=NoTimer,
            clock=clock,
        )
    finally:
        if reports is not None:
            reports += collected
    return list(collected)


def _plain(metadata: Mapping[str, JsonValue] | BaseModel | None) -> dict[str, JsonValue]:
    if isinstance(metadata, BaseModel):
        return metadata.model_dump(mode="json", by_alias=True)
    return dict(metadata or {})


def _in_envelope(message: PluginMessage) -> str:
    notification = {
        "Type": "Notification",
        "MessageId": "0f4e1c1e-1f5e-5a7e-9d2a-4c2f5f1b7a11",
        "TopicArn": f"arn:aws:sns:{_REGION_AND_ACCOUNT}:claims-dev-{message.activity}-{message.stage}",
        "Message": message.model_dump_json(),
        "Timestamp": "2026-11-24T09:30:00.000Z",
    }
    return json.dumps(notification)
