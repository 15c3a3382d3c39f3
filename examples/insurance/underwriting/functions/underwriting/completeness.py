"""Is everything there that later plugins need? The first plugin of every run."""

from __future__ import annotations

from orchestrator_runtime import PluginRun, plugin

from .application import read_application


@plugin
def handler(run: PluginRun) -> dict[str, str]:
    application = read_application(run.metadata)
    return {"summary": f"{application.line} in {application.state} from {application.effective}"}
