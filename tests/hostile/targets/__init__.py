"""The handlers, each as it is fed. A new one is a class in a file of its own, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.hostile.feeding import Target
from tests.hostile.targets.beginning import BeginRun
from tests.hostile.targets.cancelling import CancelRun
from tests.hostile.targets.dead_letters import ReportDeadLetters
from tests.hostile.targets.ending import EndRun
from tests.hostile.targets.forwarding import ForwardToFifo
from tests.hostile.targets.opening import OpenActivity
from tests.hostile.targets.plugin_function import PluginFunction
from tests.hostile.targets.receiving import ReceiveRequest
from tests.hostile.targets.reconciling import Reconcile
from tests.hostile.targets.recording import RecordResult
from tests.hostile.targets.registering import RegisterPlugin
from tests.hostile.targets.sweeping import SweepRuns
from tests.hostile.targets.watching import WatchRuns

TARGETS: Final[Mapping[str, Callable[[], Target]]] = {
    target.name: target
    for target in (
        BeginRun,
        OpenActivity,
        RecordResult,
        EndRun,
        CancelRun,
        SweepRuns,
        WatchRuns,
        ReceiveRequest,
        RegisterPlugin,
        Reconcile,
        PluginFunction,
        ForwardToFifo,
        ReportDeadLetters,
    )
}
