"""Starts executions, waits for them, and counts their state transitions."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from benchmarks.polling import eventually
from orchestrator_cli.local import LocalEnvironment

_AT_ONCE = 10


class FailedRunError(Exception):
    """An execution did not succeed: there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution that has succeeded.

    Attributes:
        arn: Its ARN.
        started: When it started.
        stopped: When it ended.
    """

    arn: str
    started: datetime
    stopped: datetime

    @property
    def seconds(self) -> float:
        """From start to end."""
        return (self.stopped - self.started).total_seconds()


def run_all(aws: LocalEnvironment, machine: str, inputs: Sequence[object]) -> list[Execution]:
    """Start an execution for each input, as nearly together as can be, and wait until all have succeeded.

    Raises:
        FailedRunError: One failed.
    """
    client = aws.client("stepfunctions")

    def start(given: object) -> str:
        return client.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]

    def ended(arn: str) -> Execution | None:
        seen = client.describe_execution(executionArn=arn)
        if seen["status"] == "RUNNING":
            return None
        if seen["status"] != "SUCCEEDED":
            raise FailedRunError(f"{arn} is {seen['status']}: {seen.get('error')}: {seen.get('cause')}")
        return Execution(arn, seen["startDate"], seen["stopDate"])

    with ThreadPoolExecutor(min(_AT_ONCE, len(inputs))) as threads:
        arns = list(threads.map(start, inputs))
    return [eventually(lambda arn=arn: ended(arn), what=f"the end of {arn}") for arn in arns]  # type: ignore[misc]


def seconds(executions: Iterable[Execution]) -> float:
    """From the first start to the last end."""
    known = list(executions)
    return (max(one.stopped for one in known) - min(one.started for one in known)).total_seconds()


class Transitions:
    """Counts the states that were entered, of all executions that came since it was made."""

    def __init__(self, aws: LocalEnvironment) -> None:
        self._client = aws.client("stepfunctions")
        self._before = self._executions()

    def _executions(self) -> set[str]:
        machines = [
            machine["stateMachineArn"]
            for page in self._client.get_paginator("list_state_machines").paginate()
            for machine in page["stateMachines"]
        ]
        pages = self._client.get_paginator("list_executions")
        return {
            execution["executionArn"]
            for machine in machines
            for page in pages.paginate(stateMachineArn=machine)
            for execution in page["executions"]
        }

    def count(self) -> int:
        """How many there were."""
        pages = self._client.get_paginator("get_execution_history")
        return sum(
            event["type"].endswith("StateEntered")
            for execution in self._executions() - self._before
            for page in pages.paginate(executionArn=execution)
            for event in page["events"]
        )
