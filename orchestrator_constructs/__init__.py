"""AWS CDK constructs for workflows that teams extend by deploying plugins.

A platform team composes ``OrchestratorCore``, ``Activity`` and ``Workflow``.
Other teams find a stage with ``Activity.from_system`` and put a ``Plugin`` on it,
in apps of their own.
"""

from orchestrator_constructs.activity.activity import Activity
from orchestrator_constructs.activity.stage import ParallelStage, SequentialStage
from orchestrator_constructs.activity.stage_options import StageOptions
from orchestrator_constructs.core.core import OrchestratorCore
from orchestrator_constructs.interfaces import IActivity, IActivityStage, IOrchestratorCore, IWorkflow
from orchestrator_constructs.monitoring.options import MonitoringAlarms
from orchestrator_constructs.monitoring.workflow_monitoring import WorkflowMonitoring
from orchestrator_constructs.plugin.plugin import Plugin
from orchestrator_constructs.plugin.queue_plugin import QueuePlugin
from orchestrator_constructs.run_status import RunStatus
from orchestrator_constructs.runtime_layer import RuntimeLayer
from orchestrator_constructs.workflow.workflow import Workflow
from orchestrator_runtime.contract import Handler, Stage

__all__ = [
    "Activity",
    "Handler",
    "IActivity",
    "IActivityStage",
    "IOrchestratorCore",
    "IWorkflow",
    "MonitoringAlarms",
    "OrchestratorCore",
    "ParallelStage",
    "Plugin",
    "QueuePlugin",
    "RunStatus",
    "RuntimeLayer",
    "SequentialStage",
    "Stage",
    "StageOptions",
    "Workflow",
    "WorkflowMonitoring",
]
