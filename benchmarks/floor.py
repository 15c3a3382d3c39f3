"""What a run of W(A, P) needs at least, on these services and with this contract, whoever writes the core.

The contract is what teams rely on: a workflow is one state machine, in which each activity is a state; a plugin is
whatever subscribes to a stage's topic; it reports to a queue; it has a row of its own in the status table; the expected
plugins are known before any of them is invoked. A design without that contract may stay below: the original invokes its
sequential plugins without a publish.
"""

from __future__ import annotations

import math
from typing import Any, Final

from benchmarks.counting import PLATFORM_TEXT, TOKEN_BYTES
from benchmarks.prices import Consumed
from benchmarks.workload import Workload

STAGES: Final = 3
OTHERS: Final = 2
"""Plugins beside the parallel ones: one before and one after."""
REPORTS_A_BATCH: Final = 10
"""What Lambda reads at once without waiting for more."""
REGISTRATION_BYTES: Final = 250
"""A name, an order, an endpoint's ARN and a filter; less is hardly possible with ARNs in it."""
KEY_BYTES: Final = 60
"""Of an item's own key and times."""


def transitions(load: Workload) -> int:
    """One into each activity.

    Begin and end of a run may be part of the first and the last activity, so they are not counted.
    """
    return load.activities


def batches(load: Workload) -> int:
    """Batches of reports: one for each plugin dispatched alone, and full ones for those dispatched together."""
    return load.activities * (2 + math.ceil(load.plugins / REPORTS_A_BATCH))


def core_invocations(load: Workload) -> int:
    """One opens each activity, and one reads each batch of reports; the latter may open the next stage."""
    return load.activities + batches(load)


def publishes(load: Workload) -> int:
    """One a stage: one plugin is dispatched alone, the others together."""
    return load.activities * STAGES


def sqs_requests(load: Workload) -> int:
    """Each plugin sends how it ended; each batch is received and deleted."""
    return load.plugin_calls + 2 * batches(load)


def write_units(load: Workload) -> int:
    """One for each plugin's outcome, each activity's opening, each batch's join, and for begin and end of the run.

    The opening may write token, plan and dispatch in one item, as long as that is within a kilobyte; the join the
    outcome of a stage and the opening of the next one.
    """
    return load.plugin_calls + load.activities + batches(load) + 2


def read_units(load: Workload) -> float:
    """As each activity opens: its registrations; as each stage opens: the run's data, for the message.

    Half a unit for four kilobytes. The join's answer contains what a batch needs, so that it need not read.
    """
    registrations = 0.5 * max(1, math.ceil((load.plugins + OTHERS) * REGISTRATION_BYTES / 4096))
    return load.activities * (registrations + 0.5 * STAGES)


def padded_item_bytes(_load: Workload) -> int:
    """A task token has to be kept somewhere."""
    return TOKEN_BYTES + KEY_BYTES


def billed_log_bytes(load: Workload) -> int:
    """What Lambda itself writes of each call of a plugin, as functions are by default; the core need not say a word."""
    return load.plugin_calls * sum(map(len, PLATFORM_TEXT))


def floor(load: Workload) -> dict[str, Any]:
    """The floors of a workload, under the names of the results; what has none is left out."""
    dollars = Consumed(
        transitions=transitions(load),
        invocations=core_invocations(load) + load.plugin_calls,
        publishes=publishes(load),
        sqs_requests=sqs_requests(load),
        write_units=write_units(load),
        read_units=read_units(load),
    ).per_million()
    return {
        "transitions": transitions(load),
        "lambda_core": core_invocations(load),
        "lambda_plugin": load.plugin_calls,
        "sns_publishes": publishes(load),
        "wru": write_units(load),
        "rru": read_units(load),
        "sqs_requests": sqs_requests(load),
        "item_bytes_padded": padded_item_bytes(load),
        "log_bytes": 0,
        "log_bytes_billed": billed_log_bytes(load),
        "dollars_per_million": {"total": dollars["total"]},
    }
