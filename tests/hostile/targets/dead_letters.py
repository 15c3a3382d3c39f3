"""The function that reports what died in a plugin's queue."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from orchestrator_runtime.plugin_queue.report_dead_letters import report_dead_letters
from tests.hostile.documents import plugin_message, sqs_event
from tests.hostile.feeding import BrokenPromiseError
from tests.hostile.mutations import hostile_text
from tests.hostile.values import encode

_GOOD = encode({**plugin_message(), "uid": "q-good"})


class ReportDeadLetters:
    name = "report_dead_letters"
    permanent = ()

    def make(self, random: Random) -> Any:
        texts = []
        for _ in range(random.randint(1, 3)):
            text = hostile_text(random, plugin_message())
            # Raw, or in the envelope that SNS puts around it.
            raw = random.random() < 0.5
            texts.append(text if raw else hostile_text(random, {"Type": "Notification", "Message": text}))
        texts.insert(random.randrange(len(texts) + 1), _GOOD)
        return sqs_event(*texts)

    def feed(self, event: Any) -> bool:
        sent: list[dict[str, Any]] = []
        answer = report_dead_letters(event, "Score", "3", lambda _url, text: sent.append(json.loads(text)))
        if "q-good" not in {report["uid"] for report in sent}:
            raise BrokenPromiseError("the good message of the batch was not reported")
        return not answer["batchItemFailures"]

    def tables(self) -> object:
        return None
