"""What the services alone take, on the same emulator."""

from __future__ import annotations

import time

from benchmarks.calls import CallLog
from benchmarks.executions import run_all, seconds
from benchmarks.polling import eventually
from benchmarks.warming import NOTHING, start_functions
from benchmarks.workload_runs import APPS
from orchestrator_cli.local import LocalEnvironment


class Bare:
    """The bare app: three hops in a row, and one message to many functions. Made warm: each was done once.

    Args:
        aws: A local AWS, which it is deployed to.
        functions: How many functions the one message goes to.
    """

    def __init__(self, aws: LocalEnvironment, functions: int) -> None:
        aws.deploy(APPS / "bare", context={"functions": str(functions)})
        self._aws, self._functions = aws, functions
        self._log = CallLog(aws.emulator.calls)
        [stack] = aws.client("cloudformation").describe_stacks(StackName="bare")["Stacks"]
        self._outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        start_functions(aws, "bare.relay", NOTHING)
        self.hops()
        self.to_many()

    def hops(self) -> float:
        """Seconds that three token-wait hops in a row take."""
        return seconds(run_all(self._aws, self._outputs["Machine"], [{}]))

    def to_one(self) -> float:
        """Seconds from a publish to one function to the deletion of what that sent to the queue."""
        return self._deliver("One", 1)

    def to_many(self) -> float:
        """Seconds from a publish to all functions to the deletion of the last of what they sent to the queue."""
        return self._deliver("Many", self._functions)

    def _deliver(self, topic: str, functions: int) -> float:
        self._log.skip()
        started = time.time()
        self._aws.client("sns").publish(TopicArn=self._outputs[topic], Message="fan-out")

        def all_deleted() -> float | None:
            deletes = [call for call in self._log.peek() if call.get("operation") == "DeleteMessageBatch"]
            done = sum(call["messages"] for call in deletes) >= functions
            return max(call["time"] for call in deletes) if done else None

        ended = eventually(all_deleted, what=f"{functions} deletions")
        return ended - started
