"""Workflow orchestration by plugins: the part that runs in Lambda.

Authors of plugins need what is exported here and, for their tests,
:mod:`orchestrator_runtime.testing`. Names are imported on first use, because a
CDK app and the core's own functions import this package for other parts of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from orchestrator_runtime.authoring.decorator import plugin
    from orchestrator_runtime.authoring.handler import PluginHandler
    from orchestrator_runtime.authoring.once import Once
    from orchestrator_runtime.authoring.output import OutputError
    from orchestrator_runtime.authoring.reporting import Reporter, ReportNotSentError, SqsReporter
    from orchestrator_runtime.authoring.run import PluginRun, Retryable, Skip
    from orchestrator_runtime.models import PluginMessage, Report

__all__ = [
    "Once",
    "OutputError",
    "PluginHandler",
    "PluginMessage",
    "PluginRun",
    "Report",
    "ReportNotSentError",
    "Reporter",
    "Retryable",
    "Skip",
    "SqsReporter",
    "plugin",
]

_HOMES: Final = {
    "Once": "authoring.once",
    "OutputError": "authoring.output",
    "PluginHandler": "authoring.handler",
    "PluginMessage": "models",
    "PluginRun": "authoring.run",
    "Report": "models",
    "ReportNotSentError": "authoring.reporting",
    "Reporter": "authoring.reporting",
    "Retryable": "authoring.run",
    "Skip": "authoring.run",
    "SqsReporter": "authoring.reporting",
    "plugin": "authoring.decorator",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  (module attributes are of every type)
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
