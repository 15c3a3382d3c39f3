"""Counts what calls come to: the original's figures in the original's way, and beside them what AWS would bill.

They differ where the emulator does. It says one unit of each strongly consistent read, however large it was, and
nothing of a write whose condition failed; its task tokens are short. AWS bills reads by four kilobytes, refused writes,
too, and each write of an item by its size, a token of a thousand characters included.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.calls import LAMBDA, Call
from benchmarks.prices import ASSUMED_MILLISECONDS, Consumed

WRITES: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"})
READS: Final = frozenset({"GetItem", "Query", "BatchGetItem"})
CORE: Final = "orchestrator_runtime."
"""What the handlers of the core's functions start with."""
TOKEN_BYTES: Final = 1000
"""Of a task token in AWS; the emulator's have 36."""
PLAN: Final = "~plan/"
LINE_OVERHEAD: Final = 26
"""Bytes that CloudWatch Logs adds to each line when it bills."""

_TIME, _ID = "2026-11-28T17:21:46.322Z", "6f7f0961-f834-4211-8a7a-f6fe80b88d56"
PLATFORM_JSON: Final = (
    f'{{"time":"{_TIME}","type":"platform.start","record":{{"requestId":"{_ID}","version":"$LATEST"}}}}',
    f'{{"time":"{_TIME}","type":"platform.report","record":{{"requestId":"{_ID}","metrics":{{"durationMs":101.51,'
    '"billedDurationMs":102,"memorySizeMB":512,"maxMemoryUsedMB":110},"status":"success"}}',
)
"""What Lambda itself writes of a call where logs are JSON, at its default level, in the documented form."""
PLATFORM_TEXT: Final = (
    f"START RequestId: {_ID} Version: $LATEST",
    f"END RequestId: {_ID}",
    f"REPORT RequestId: {_ID}\tDuration: 101.51 ms\tBilled Duration: 102 ms\t"
    "Memory Size: 128 MB\tMax Memory Used: 90 MB",
)
"""Likewise, where they are text."""
PLATFORM: Final = {"json": PLATFORM_JSON, "text": PLATFORM_TEXT, "nothing": ()}
"""By how a function's logs are set: with system logs from ``WARN`` on, a call that went well leaves no line."""


@dataclass(frozen=True, slots=True)
class Bill:
    """What some calls come to."""

    calls: Sequence[Call]

    def _requests(self, service: str) -> list[Call]:
        return [call for call in self.calls if call["kind"] == "request" and call["service"] == service]

    def invocations(self, *, core: bool) -> list[Call]:
        """Calls of functions, of the core or of plugins."""
        found = [call for call in self.calls if call["kind"] == "invocation"]
        return [call for call in found if call["handler"].startswith(CORE) == core]

    @property
    def publishes(self) -> int:
        """Publishes of SNS."""
        return sum(call["operation"] == "Publish" for call in self._requests("sns"))

    def sqs_requests(self, *, core: bool) -> int:
        """Requests of SQS: of Lambda for the core, and sends of plugins.

        What Lambda reads for a function is billed to its queue: a receive and a delete a batch. Receives that
        found nothing are not counted here. They go on whether there are runs or not.
        """
        return sum((call["caller"] == LAMBDA) == core for call in self._requests("sqs"))

    @property
    def write_units(self) -> float:
        """Of the emulator's ``ConsumedCapacity``."""
        return math.fsum(call["units"] for call in self._dynamodb(WRITES))

    @property
    def read_units(self) -> float:
        """Of the emulator's ``ConsumedCapacity``."""
        return math.fsum(call["units"] for call in self._dynamodb(READS))

    @property
    def billed_write_units(self) -> float:
        """With what AWS bills for writes that were refused, and with task tokens as long as AWS makes them."""
        refused = [one for call in self._dynamodb(WRITES) if call["refused"] for one in call["writes"]]
        written = [one for call in self._dynamodb(WRITES) if not call["refused"] for one in call["writes"]]
        longer = [_units(_padded(one, "bytes"), _padded(one, "bytes_before")) for one in written]
        counted = [_units(one["bytes"], one["bytes_before"]) for one in written]
        again = sum(_units(_padded(one, "bytes")) for one in refused)
        return float(self.write_units + sum(longer) - sum(counted) + again)

    @property
    def billed_read_units(self) -> float:
        """By the size of what was read, as AWS bills it."""
        return math.fsum(
            max(call["units"], call["units"] * math.ceil(call["read_bytes"] / 4096))
            for call in self._dynamodb(READS)
            if not call["refused"]
        )

    def _dynamodb(self, operations: Iterable[str]) -> list[Call]:
        return [call for call in self._requests("dynamodb") if call["operation"] in operations]

    @property
    def _items(self) -> list[Call]:
        return [one for call in self._dynamodb(WRITES) for one in call["writes"]]

    def largest_item(self, *, plans: bool, padded: bool = False) -> int:
        """Bytes of the largest item that was written.

        Args:
            plans: Whether of the expected sets, or of all else.
            padded: Whether task tokens count as long as AWS makes them.
        """
        sizes = [
            _padded(one, "bytes") if padded else one["bytes"]
            for one in self._items
            if one["key"][-1].endswith(PLAN) == plans
        ]
        return max(sizes, default=0)

    def logged(self, *, platform: bool) -> int:
        """Bytes that the functions wrote to their logs.

        Args:
            platform: Whether with the lines of Lambda itself, and what CloudWatch adds to each line when it bills.
        """
        total = 0
        for call in (*self.invocations(core=True), *self.invocations(core=False)):
            total += call["log_bytes"]
            if platform:
                lines = PLATFORM[call["lambda_writes"]]
                total += sum(map(len, lines)) + LINE_OVERHEAD * (len(lines) + call["log_lines"])
        return total

    def consumed(self, *, transitions: float, runs: int, as_billed: bool = False) -> tuple[Consumed, Consumed]:
        """What is billed of a run, on average: of the core, and of the plugins' functions.

        Args:
            transitions: State transitions of a run.
            runs: How many runs there were.
            as_billed: Whether DynamoDB's units are those that AWS bills. Default: those of the original's way.
        """
        seconds = ASSUMED_MILLISECONDS / 1000

        def functions(*, core: bool) -> dict[str, float]:
            found = self.invocations(core=core)
            arm, x86 = (sum(call["megabytes"] for call in found if call["arm"] == arm) / 1024 for arm in (True, False))
            return {
                "invocations": len(found) / runs,
                "gigabyte_seconds_arm": arm * seconds / runs,
                "gigabyte_seconds_x86": x86 * seconds / runs,
                "sqs_requests": self.sqs_requests(core=core) / runs,
            }

        core = Consumed(
            transitions=transitions,
            publishes=self.publishes / runs,
            write_units=(self.billed_write_units if as_billed else self.write_units) / runs,
            read_units=(self.billed_read_units if as_billed else self.read_units) / runs,
            logged_bytes=self.logged(platform=True) / runs,
            **functions(core=True),
        )
        return core, Consumed(**functions(core=False))


def _padded(item: Call, size: str) -> int:
    """An item's size, before or after a write, if its task token were as long as AWS makes them."""
    more = TOKEN_BYTES - item["token_bytes"] if item["token_bytes"] and item[size] else 0
    return int(item[size]) + more


def _units(*sizes: int) -> int:
    """What a write of one item is billed: the larger of what stood there and what stands there."""
    return max(1, *(math.ceil(size / 1024) for size in sizes))


def figures(calls: Sequence[Call], *, transitions: int, runs: int, wall: float) -> dict[str, Any]:
    """The figures of a workload: means of its runs, under the names that they have in the original's file.

    Args:
        calls: All calls of the runs.
        transitions: State transitions of all runs.
        runs: How many there were.
        wall: Seconds.
    """
    bill = Bill(calls)
    core, plugins = (part.per_million() for part in bill.consumed(transitions=transitions / runs, runs=runs))
    billed = [
        part.per_million()["total"] for part in bill.consumed(transitions=transitions / runs, runs=runs, as_billed=True)
    ]
    return {
        "transitions": _mean(transitions, runs),
        "lambda_core": _mean(len(bill.invocations(core=True)), runs),
        "lambda_plugin": _mean(len(bill.invocations(core=False)), runs),
        "sns_publishes": _mean(bill.publishes, runs),
        "wru": _mean(bill.write_units, runs),
        "rru": _mean(bill.read_units, runs),
        "item_bytes": bill.largest_item(plans=False),
        "wall_s": round(wall, 3),
        "dollars_per_million": {
            "core": core["total"],
            "total": round(core["total"] + plugins["total"], 1),
            "without_durations": round(core["total"] + plugins["total"] - core["durations"] - plugins["durations"], 1),
            "as_billed": round(sum(billed), 1),
            "logs": core["logs"],
            "parts": {name: round(core[name] + plugins[name], 1) for name in core if name not in {"total", "logs"}},
        },
        "sqs_requests": _mean(bill.sqs_requests(core=True) + bill.sqs_requests(core=False), runs),
        "wru_billed": _mean(bill.billed_write_units, runs),
        "rru_billed": _mean(bill.billed_read_units, runs),
        "item_bytes_padded": bill.largest_item(plans=False, padded=True),
        "plan_bytes": bill.largest_item(plans=True),
        "log_bytes": _mean(bill.logged(platform=False), runs),
        "log_bytes_billed": _mean(bill.logged(platform=True), runs),
    }


def _mean(total: float, runs: int) -> float:
    mean = round(total / runs, 1)
    return int(mean) if mean == int(mean) else mean
