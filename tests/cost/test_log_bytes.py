"""How much a run writes into logs: by every function of the core, and by plugins that the decorator made."""

from __future__ import annotations

import io
import json
from itertools import count
from typing import Any, cast

from aws_lambda_powertools import Logger

from orchestrator_runtime.authoring.handler import PluginHandler
from orchestrator_runtime.aws.journal import LoggedJournal
from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.models import PluginMessage, Report
from orchestrator_runtime.testing import NoTimer
from tests.rules.world import ACTIVITY, UID, World, plugin, received

MOST_BYTES_A_CALL = 2048
ACTIVITIES = ("Validate", ACTIVITY)
PARALLEL = 5
NAMES = [f"CheckSomething{number}" for number in range(PARALLEL)]
CALLS = len(ACTIVITIES) * (PARALLEL + 2)

# What Lambda itself writes of a call of a plugin's function that logs in JSON and is traced: two lines at INFO,
# here as AWS shows them in its documentation. The core's own functions log such lines from WARN on only.
ID = "6d68ca91-49c9-448d-89b8-7ca3e6dc66aa"
PLATFORM_LINES = (
    {
        "time": "2026-11-24T09:30:00.123Z",
        "type": "platform.start",
        "record": {"requestId": ID, "version": "$LATEST"},
    },
    {
        "time": "2026-11-24T09:30:00.223Z",
        "type": "platform.report",
        "record": {
            "requestId": ID,
            "metrics": {"durationMs": 101.51, "billedDurationMs": 102, "memorySizeMB": 512, "maxMemoryUsedMB": 133},
            "tracing": {
                "spanId": "54565fb41ac79632",
                "type": "X-Amzn-Trace-Id",
                "value": "Root=1-62e900b2-710d76f009d6e7785905449a;Parent=0efbd19962d95b05;Sampled=1",
            },
            "status": "success",
        },
    },
)
_NUMBERS = count()


class Functions:
    """A run's functions, all of which write to one log."""

    def __init__(self) -> None:
        self.log = io.StringIO()
        number = next(_NUMBERS)
        logger = Logger(service=f"record-result-{number}", location=None, stream=self.log)
        self.plugin_logger = Logger(service=f"plugin-{number}", stream=self.log)
        self.world = World(
            *(
                plugin(name, activity=activity, stage=stage, subscription_arn=f"arn:{activity}:{stage}:{name}")
                for activity in ACTIVITIES
                for stage in Stage
                for name in (NAMES if stage is Stage.PARALLEL else NAMES[:1])
            )
        )
        self.world.journal = cast("Any", LoggedJournal(logger, "claims-dev", stream=self.log))

    def play(self) -> None:
        self.world.begin()
        for activity in ACTIVITIES:
            self.world.open(activity)
            for stage in Stage:
                message = json.loads(self.world.publisher.messages[-1].body)
                assert (message["activity"], message["stage"]) == (activity, stage)
                for name in message["plugins"]:
                    self.world.clock.forward(1.234)
                    self._call(name, message)
        self.world.end()

    def _call(self, name: str, message: dict[str, Any]) -> None:
        handler = PluginHandler(lambda _run: None, reporter=self, logger=self.plugin_logger)
        sns = {"Type": "Notification", "TopicArn": "arn:topic", "Message": json.dumps(message)}
        event = {"Records": [{"EventSource": "aws:sns", "EventSubscriptionArn": "arn:s", "Sns": sns}]}
        handler.deliver(event, self, {"ORCHESTRATOR_PLUGIN_NAME": name}, new_timer=NoTimer)

    def send(self, queue_url: str, report: Report) -> None:
        """Implements ``Reporter``; each report comes in a batch of its own."""
        told = report.model_dump(exclude={"plugin", "state"}, exclude_none=True)
        assert self.world.report_all([received(report.plugin, report.state, **told)]) == []


def test_a_plugin_call_writes_little_into_logs() -> None:
    functions = Functions()
    functions.play()
    assert functions.world.run.state is State.COMPLETE
    lines = functions.log.getvalue().replace(f'"uid":"{UID}"', f'"uid":"{ID}"').splitlines()
    assert all(ID in line for line in lines)
    messages = [json.loads(line)["message"] for line in lines]
    assert messages.count("plugin ended") == messages.count("started") == CALLS
    assert PluginMessage.model_validate_json(functions.world.publisher.messages[0].body).uid == UID
    written = sum(len(line.encode()) + 1 for line in lines)
    by_lambda = CALLS * sum(len(json.dumps(line, separators=(",", ":"))) + 1 for line in PLATFORM_LINES)
    a_call = (written + by_lambda) / CALLS
    print(f"{written / CALLS:,.0f} bytes of a call by functions, {a_call:,.0f} with the lines of Lambda")
    assert a_call <= MOST_BYTES_A_CALL
