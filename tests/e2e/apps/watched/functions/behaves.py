"""Does what the run's metadata says."""

from __future__ import annotations

from orchestrator_runtime import PluginRun, Skip, plugin


@plugin
def handler(run: PluginRun) -> None:
    match run.metadata.get("do"):
        case "fail":
            raise RuntimeError("told to")
        case "skip":
            raise Skip("told to")
