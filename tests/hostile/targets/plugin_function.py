"""A plugin's function: SNS and SQS bring what anybody published to the topic, or sent to the queue."""

from __future__ import annotations

from random import Random
from typing import Any

from orchestrator_runtime import PluginRun
from orchestrator_runtime.authoring.handler import PluginHandler
from orchestrator_runtime.handlers.environment import logger
from orchestrator_runtime.models import Report
from tests.hostile.documents import plugin_message, sns_event, sqs_event
from tests.hostile.feeding import BrokenPromiseError
from tests.hostile.mutations import hostile_envelope, hostile_text
from tests.hostile.values import encode


class _Reports(list[Report]):
    def send(self, queue_url: str, report: Report) -> None:
        self.append(report)


class PluginFunction:
    name = "plugin function"
    permanent = (ValueError,)

    def __init__(self) -> None:
        self._reports = _Reports()
        self._handler = PluginHandler(_body, reporter=self._reports, logger=logger)

    def make(self, random: Random) -> Any:
        kind = random.randrange(4)
        if kind == 0:
            return hostile_envelope(random, sns_event, encode(plugin_message()))
        if kind == 1:
            return sns_event(hostile_text(random, plugin_message()))
        texts = [hostile_text(random, plugin_message()) for _ in range(random.randint(1, 3))]
        if kind == 2:
            return hostile_envelope(random, sqs_event, *texts)
        good = {**plugin_message(), "uid": "q-good"}
        return sqs_event(*texts, encode(good), queue="arn:aws:sqs:eu-west-1:123456789012:Score")

    def feed(self, event: Any) -> bool:
        self._reports.clear()
        answer = self._handler.deliver(event, self._reports, {"ORCHESTRATOR_PLUGIN_NAME": "Score"})
        records = event.get("Records") if isinstance(event, dict) else None
        bodies = [r.get("body") for r in records if isinstance(r, dict)] if isinstance(records, list) else []
        good = encode({**plugin_message(), "uid": "q-good"})
        if good in bodies and "q-good" not in {report.uid for report in self._reports}:
            raise BrokenPromiseError("the good message of the batch was not worked on")
        return bool(self._reports) and not (answer or {}).get("batchItemFailures")

    def tables(self) -> object:
        return None


def _body(run: PluginRun) -> dict[str, Any]:
    return {"keys": len(run.metadata)}
