"""The monitoring of a deployment: alerts, alarms, a dashboard and queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from orchestrator_constructs.core.core import OrchestratorCore
from orchestrator_constructs.monitoring.alarms import SystemAlarms
from orchestrator_constructs.monitoring.alerts import AlertsTopic, let_alarms_publish, subscribe_emails
from orchestrator_constructs.monitoring.dashboard import SystemDashboard
from orchestrator_constructs.monitoring.options import MonitoringAlarms
from orchestrator_constructs.monitoring.queries import QueryPack
from orchestrator_constructs.monitoring.watch import RunWatch
from orchestrator_constructs.placement import share_a_stack
from orchestrator_constructs.state_machine import apply_boundary
from orchestrator_constructs.validation import claim_name, whole_minutes
from orchestrator_runtime.contract import Handler

_EVERY_MINUTE: Final = Duration.minutes(1)


class WorkflowMonitoring(Construct):
    """Defines the monitoring of a core, its workflows and its plugins.

    ::

        WorkflowMonitoring(self, "Monitoring", core=core, alert_emails=["operators@example.com"])

    Workflows and plugins of other apps need no line of their own: the core publishes
    their metrics, and the dashboard searches for them.

    Resources: the alerts topic ``{system}-{stage}-alerts``, unless you bring one, with
    a key of its own if neither this construct nor the core has one; the function
    ``{system}-{stage}-watch-runs`` with a role, a log group and a schedule; alarms
    ``{system}-{stage}-…``; a dashboard ``{system}-{stage}``; saved queries in the
    folder ``{system}-{stage}/``.

    Failures: where an invocation of the function fails, the next one announces what
    that one did not.

    Limits: one for a core, in the core's stack. There is no alarm on the age of an
    iterator: nothing of the library reads a stream.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        core: OrchestratorCore,
        alerts_topic: sns.ITopic | None = None,
        alert_emails: Sequence[str] = (),
        watch_every: Duration = _EVERY_MINUTE,
        alarms: MonitoringAlarms | None = None,
        dashboard: bool = True,
        queries: bool = True,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        """Define the monitoring.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            core: The core, defined in the same stack.
            alerts_topic: The topic of alerts. The policy of an imported one has to let ``cloudwatch.amazonaws.com``
                publish, and so has that of its key, which cannot be ``alias/aws/sns``. Default: a topic is defined.
            alert_emails: Addresses that get the alerts, once they have confirmed. Default: none.
            watch_every: Time between two counts of the runs in progress, in whole minutes. Default: one minute.
            alarms: Which alarms there are, and their thresholds. Default: all, see ``MonitoringAlarms``.
            dashboard: Whether to define a dashboard. Default: yes.
            queries: Whether to define saved queries. Default: yes.
            encryption_key: The customer managed key that encrypts the topic of alerts that is defined here. Default:
                the core's; if it has none, a key is defined, for $1 a month.

        Raises:
            ValueError: A prop is not allowed, ``encryption_key`` is given with ``alerts_topic``, the core is in
                another stack or not defined by this app, or the app has a monitoring of it already.
        """
        super().__init__(scope, id)
        if not isinstance(core, OrchestratorCore) or not share_a_stack(self, core):
            where = core.node.path if isinstance(core, Construct) else repr(core)
            raise ValueError(
                f"core of monitoring {self.node.path!r} is {where!r}, which this stack does not define: put the "
                f"monitoring beside its OrchestratorCore"
            )
        deployment = core.deployment
        claim_name(self, f"{deployment.prefix} monitoring", f"the monitoring of {deployment.prefix!r}")
        whole_minutes("watch_every", watch_every, at_least=1)
        apply_boundary(self, core.permissions_boundary)
        if alerts_topic is not None and encryption_key is not None:
            raise ValueError(
                f"monitoring {self.node.path!r} has both alerts_topic {alerts_topic.node.path!r} and an "
                f"encryption_key, which encrypts only a topic that the monitoring defines: leave one of them out"
            )
        own = None
        if alerts_topic is None:
            key = encryption_key or core.encryption_key_for(self)
            own = AlertsTopic(self, "Alerts", deployment=deployment, key=key)
            alerts_topic = own.topic
        self._topic = alerts_topic
        let_alarms_publish(self, self._topic)
        subscribe_emails(self._topic, alert_emails)
        watch = RunWatch(
            self,
            "Watch",
            deployment=deployment,
            parts=core.parts,
            topic_arn=self._topic.topic_arn,
            every=watch_every,
        )
        if own:
            own.let_publish(watch.function)
        else:
            self._topic.grant_publish(watch.function)
        functions = {**core.parts.functions.all, Handler.WATCH_RUNS: watch.function}
        chosen = alarms or MonitoringAlarms()
        self._alarms = SystemAlarms(self, "Alarms", core=core, functions=functions, chosen=chosen).alarms
        if chosen.dead_letters:
            self._alarms += core.dead_letter_alarms
        for alarm in self._alarms:
            alarm.add_alarm_action(actions.SnsAction(self._topic))
        if dashboard:
            SystemDashboard(self, "Dashboard", core=core, functions=functions, alarms=self._alarms)
        if queries:
            QueryPack(
                self,
                "Queries",
                deployment=deployment,
                log_groups=[function.log_group for function in functions.values()],
            )

    @property
    def alerts_topic(self) -> sns.ITopic:
        """The topic that alarms and overdue runs are announced on."""
        return self._topic

    @property
    def alarms(self) -> list[cloudwatch.Alarm]:
        """All alarms that publish to the topic, including those on the core's dead-letter queues."""
        return list(self._alarms)
