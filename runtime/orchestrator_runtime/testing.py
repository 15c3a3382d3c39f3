"""For the tests of plugins: call a handler without AWS and see what it reports.

::

    from orchestrator_runtime.testing import call

    def test_score() -> None:
        reports = call(handler, metadata={"line": "auto"})
        assert reports[-1].output == {"score": 0.7}
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import JsonValue

from orchestrator_runtime.contract import Env, Stage
from orchestrator_runtime.models import PluginMessage, Report
from orchestrator_runtime.plugin_decorator import PluginHandler


class CollectedReports(list[Report]):
    """A reporter that keeps the reports, in the order in which they were sent."""

    def send(self, queue_url: str, report: Report) -> None:  # noqa: ARG002  (there is only one list)
        """Keep one report."""
        self.append(report)


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


def call(
    handler: PluginHandler,
    *,
    metadata: Mapping[str, JsonValue] | None = None,
    outputs: Mapping[str, JsonValue] | None = None,
    name: str = "Plugin",
    uid: str = "test-1",
    workflow: str = "Test",
    activity: str = "Test",
    stage: Stage | str = Stage.PARALLEL,
    attempt: int = 1,
) -> list[Report]:
    """Call a plugin as a stage would, and return what it reported.

    Args:
        handler: What ``@plugin`` made.
        metadata: The run's data. Default: none.
        outputs: What earlier stages' plugins returned, keyed ``activity/stage/plugin``. Default: none.
        name: The plugin's name, if the decorator gives it none.
        uid: The run's id.
        workflow: The workflow's name.
        activity: The activity's name.
        stage: ``pre``, ``parallel`` or ``post``.
        attempt: The run's attempt.

    Returns:
        The reports in order: the first says that the work began, the last how it ended.
    """
    environ = {str(Env.PLUGIN_NAME): name}
    message = PluginMessage(
        uid=uid,
        workflow=workflow,
        activity=activity,
        stage=Stage(stage),
        attempt=attempt,
        plugins=[handler.name_in(environ)],
        now=datetime.now(UTC),
        metadata=dict(metadata or {}),
        outputs=dict(outputs or {}),
        report_to="https://sqs.test/results",
    )
    reports = CollectedReports()
    handler.deliver(sns_event(message), reporter=reports, environ=environ)
    return list(reports)
