"""Deploys a workload to a fresh local AWS, runs it, and counts."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.calls import Call, CallLog, functions_beside
from benchmarks.counting import WRITES, figures
from benchmarks.executions import Transitions, run_all, seconds
from benchmarks.polling import eventually
from benchmarks.warming import INITIALIZE, start_functions
from benchmarks.workload import Workload
from orchestrator_cli.local import LocalEnvironment
from orchestrator_runtime.contract import Handler
from orchestrator_runtime.deployment import CoreOutput, Deployment

APPS: Final = Path(__file__).parent / "apps"
DEPLOYMENT: Final = Deployment("bench", "marks")
PLUGIN: Final = "empty.handler"
WAITING: Final[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]


class Deployed:
    """A workload that is deployed and has run once, so that every function is warm.

    Attributes:
        aws: The local AWS.
        load: The workload.
        log: The calls.
    """

    def __init__(self, aws: LocalEnvironment, load: Workload) -> None:
        self.aws, self.load = aws, load
        self.log = CallLog(aws.emulator.calls, functions_beside(DEPLOYMENT))
        self._machine = self._parameter(DEPLOYMENT.workflow_parameter("Work"))
        self._nothing = self._parameter(DEPLOYMENT.workflow_parameter("Nothing"))
        self._results = self._parameter(DEPLOYMENT.core_parameter(CoreOutput.RESULTS_QUEUE_URL))
        self._runs = 0

    def _parameter(self, name: str) -> str:
        return self.aws.client("ssm").get_parameter(Name=name)["Parameter"]["Value"]

    def run(self, at_once: int = 1) -> tuple[list[Call], float]:
        """Run once, or several times at once: all calls, and the seconds from the first start to the last end."""
        self.log.skip()
        inputs = [{"uid": f"run-{self._runs + number}"} for number in range(at_once)]
        self._runs += at_once
        wall = seconds(run_all(self.aws, self._machine, inputs))
        return eventually(lambda: self._settled(at_once), what=f"the last calls of {self.load.name}"), wall

    def _settled(self, runs: int) -> list[Call] | None:
        """The calls, once the results queue is empty and every plugin's call has ended."""
        sqs = self.aws.client("sqs")
        waiting = sqs.get_queue_attributes(QueueUrl=self._results, AttributeNames=WAITING)["Attributes"]
        if any(int(count) for count in waiting.values()):
            return None
        calls = self.log.peek()
        plugins = sum(call["kind"] == "invocation" and call["handler"] == PLUGIN for call in calls)
        return calls if plugins >= runs * self.load.plugin_calls else None

    def measure(self, runs: int) -> dict[str, Any]:
        """Run so many times, one after another, and count: means of a run, and the median of the seconds.

        Now and then the emulator starts one more process for a function, and that run takes twice as long.
        """
        transitions = Transitions(self.aws)
        calls: list[Call] = []
        walls: list[float] = []
        for _ in range(runs):
            of_this, wall = self.run()
            calls += of_this
            walls.append(wall)
        return figures(calls, transitions=transitions.count(), runs=runs, wall=statistics.median(walls))

    def measure_empty(self) -> dict[str, int]:
        """Run an activity that no plugin matches: its transitions, and the writes and publishes of its function."""
        transitions = Transitions(self.aws)
        self.log.skip()
        run_all(self.aws, self._nothing, [{"uid": "nothing"}])
        opens = DEPLOYMENT.function(Handler.OPEN_ACTIVITY)
        mine = [call for call in self.log.peek() if call["kind"] == "request" and call["caller"] == opens]
        return {
            # Of the run, two begin and end it.
            "transitions": transitions.count() - 2,
            "writes": sum(call["operation"] in WRITES for call in mine),
            "publishes": sum(call["operation"] == "Publish" for call in mine),
        }

    def measure_at_once(self, runs: int) -> dict[str, Any]:
        """Run so many times at once, and count: means of a run, but the seconds are those of all."""
        transitions = Transitions(self.aws)
        calls, wall = self.run(runs)
        return figures(calls, transitions=transitions.count(), runs=runs, wall=wall)


@contextmanager
def deployed(load: Workload, say: Callable[[str], None] = lambda _text: None) -> Iterator[Deployed]:
    """Deploy a workload to a local AWS of its own, and run it once."""
    with LocalEnvironment(record_calls=True) as aws:
        say(f"deploy W({load.activities},{load.plugins})")
        aws.deploy(APPS / "workload", context={"activities": str(load.activities), "plugins": str(load.plugins)})
        system = Deployed(aws, load)
        say("warm up")
        start_functions(aws, PLUGIN, INITIALIZE)
        system.run()
        yield system
