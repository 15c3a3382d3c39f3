"""What a run costs: list prices of us-east-1, November 2026, in dollars, beyond any free tier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MILLION: Final = 1_000_000
TRANSITION: Final = 0.025 / 1000
INVOCATION: Final = 0.20 / MILLION
GIGABYTE_SECOND_X86: Final = 0.0000166667
GIGABYTE_SECOND_ARM: Final = 0.0000133334
PUBLISH: Final = 0.50 / MILLION
SQS_REQUEST: Final = 0.40 / MILLION
WRITE_UNIT: Final = 0.625 / MILLION
READ_UNIT: Final = 0.125 / MILLION
LOGGED_GIGABYTE: Final = 0.50
"""Ingestion, standard class."""
METRIC_MONTH: Final = 0.30
"""For each metric with its dimensions, of the first 10,000 of an account and region."""

ASSUMED_MILLISECONDS: Final = 50
"""Billed for each call of a function.

A duration that was measured here is none of AWS, so one figure is taken for all calls. It is about what the original's
841 dollars leave for durations at most: its counts cost 825.3 at the prices above, and the rest is 0.11 for a million
calls, 53 ms of 128 MB. How the 841 were reckoned is not told, and the 774 of them for the core are less than its
transitions and write units cost at these prices; so compare counts first, and dollars without durations.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumed:
    """What is billed of a run, or of a part of it.

    Attributes:
        transitions: State transitions.
        invocations: Calls of functions.
        gigabyte_seconds_arm: Their memory by the time that is billed, on Arm.
        gigabyte_seconds_x86: Likewise, on x86.
        publishes: Requests to publish; delivery to functions and queues is free.
        sqs_requests: Requests of any kind.
        write_units: Of DynamoDB, on demand.
        read_units: Of DynamoDB, on demand.
        logged_bytes: Of CloudWatch Logs.
    """

    transitions: float = 0
    invocations: float = 0
    gigabyte_seconds_arm: float = 0
    gigabyte_seconds_x86: float = 0
    publishes: float = 0
    sqs_requests: float = 0
    write_units: float = 0
    read_units: float = 0
    logged_bytes: float = 0

    def dollars(self) -> Mapping[str, float]:
        """The price of each part."""
        return {
            "transitions": self.transitions * TRANSITION,
            "invocations": self.invocations * INVOCATION,
            "durations": self.gigabyte_seconds_arm * GIGABYTE_SECOND_ARM
            + self.gigabyte_seconds_x86 * GIGABYTE_SECOND_X86,
            "publishes": self.publishes * PUBLISH,
            "sqs": self.sqs_requests * SQS_REQUEST,
            "writes": self.write_units * WRITE_UNIT,
            "reads": self.read_units * READ_UNIT,
            "logs": self.logged_bytes / 1e9 * LOGGED_GIGABYTE,
        }

    def per_million(self) -> dict[str, float]:
        """The price of each part for a million runs, and ``total``: of all but the logs.

        The original's figure has no logs in it, so they stand apart.
        """
        parts = {name: round(price * MILLION, 1) for name, price in self.dollars().items()}
        return {**parts, "total": round(sum(price for name, price in parts.items() if name != "logs"), 1)}


def original_without_durations(figures: Mapping[str, float]) -> float:
    """What the original's counts cost for a million runs at these prices."""
    consumed = Consumed(
        transitions=figures["transitions"],
        invocations=figures["lambda_core"] + figures["lambda_plugin"],
        publishes=figures["sns_publishes"],
        write_units=figures["wru"],
        read_units=figures["rru"],
    )
    return consumed.per_million()["total"]
