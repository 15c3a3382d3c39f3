"""What befalls a run and its plugins, played on the real tables: each moment leaves items to keep.

The story goes through everything that is written: rows in each state, plans, outputs, control items from the first
token to the run's end, registrations of each kind with the names that they hold, the settings of stages, and
announcements of overdue runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from orchestrator_runtime.contract import Ending, PluginKind, Stage, State
from orchestrator_runtime.core.failure import Failure
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.core.overdue import Announcement
from orchestrator_runtime.core.plain_registration import plain_registration
from orchestrator_runtime.core.records import RunRef
from orchestrator_runtime.core.registration import StageSettings
from orchestrator_runtime.core.subscription import Answer, Listed, NoAnswer, StageTopic, Subscription, Unseen
from orchestrator_runtime.custom_resources import RegistrationProperty as P
from orchestrator_runtime.models import Report
from orchestrator_runtime.protocol.begin_run import BeginPorts, BeginRequest, begin_run
from orchestrator_runtime.protocol.cancel_run import CancelPorts, CancelRequest, cancel_run
from orchestrator_runtime.protocol.check_deadlines import CheckPorts, check_deadlines
from orchestrator_runtime.protocol.closing import ActivityPorts, EndPorts
from orchestrator_runtime.protocol.end_run import EndRequest, end_run, write_end
from orchestrator_runtime.protocol.open_activity import OpenRequest, open_activity
from orchestrator_runtime.protocol.record_result import record_results
from orchestrator_runtime.protocol.register_plugin import RegisterPorts, register_plugin
from orchestrator_runtime.stores.active_runs import DynamoActiveRuns
from orchestrator_runtime.stores.announcements import DynamoAnnouncements
from orchestrator_runtime.stores.control import DynamoControlStore
from orchestrator_runtime.stores.due_activities import DynamoDueActivities
from orchestrator_runtime.stores.registry import DynamoRegistry
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.rules.calls import Calls, Crash
from tests.rules.memory_ports import MemoryExecutions, MemoryJournal, MemoryPublisher, MemorySignals
from tests.unit.moto_tables import CONTROL, REGISTRY, STATUS, Clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

START: Final = datetime(2026, 11, 24, 9, 30, 0, 123_000, tzinfo=UTC)
UID, WORKFLOW = "q-1", "NewBusiness"
ACTIVITIES: Final = ("Validate", "Rate", "CheckCredit")
OTHER_UIDS: Final = ("q-2", "q-3")
METADATA: Final = {"line": "auto", "premium": 1200.5, "driver": {"age": 42, "claims": []}}
OTHER_METADATA: Final = {**METADATA, "premium": 1300}
STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team-a/1"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:"
STARTER = "arn:aws:sts::123456789012:assumed-role/Operator/ann"
ROLE = "AROAIOSFODNN7EXAMPLE"


class Topics:
    """Implements ``registration_ports.Topics``: every stage has one."""

    def arn(self, activity: str, stage: Stage) -> str:
        return f"arn:aws:sns:eu-west-1:123456789012:claims-dev-{activity}-{stage}"

    def exists(self, topic_arn: str) -> bool:
        return True


@dataclass
class Subscriptions:
    """Implements ``subscription_ports.Subscriptions``: there is one."""

    subscription: Subscription

    def of_topic(self, topic_arn: str) -> Sequence[Listed]:
        return []

    def get(self, subscription_arn: str) -> Subscription | Unseen:
        return self.subscription


@dataclass
class Deployment:
    """The flows over the real stores; the topics, the state machines and the journal are in memory."""

    client: DynamoDBClient
    clock: Clock = field(default_factory=lambda: Clock(START))
    entries: int = 0

    def __post_init__(self) -> None:
        self.status = DynamoStatusStore(self.client, STATUS, self.clock)
        self.control = DynamoControlStore(self.client, CONTROL, self.clock)
        self.registry = DynamoRegistry(self.client, REGISTRY)
        self.active = DynamoActiveRuns(self.client, STATUS)
        self.due = DynamoDueActivities(self.client, CONTROL)
        self.announcements = DynamoAnnouncements(self.client, CONTROL, self.clock)
        self.publisher, self.signals = MemoryPublisher(Calls()), MemorySignals(Calls())
        self.executions, self.journal = MemoryExecutions(Calls()), MemoryJournal()

    @property
    def ports(self) -> ActivityPorts:
        return ActivityPorts(
            status=self.status,
            control=self.control,
            registry=self.registry,
            publisher=self.publisher,
            signals=self.signals,
            journal=self.journal,
            report_to="https://sqs.eu-west-1.amazonaws.com/123456789012/claims-dev-results",
            clock=self.clock,
        )

    @property
    def end_ports(self) -> EndPorts:
        return EndPorts(
            status=self.status, control=self.control, signals=self.signals, journal=self.journal, clock=self.clock
        )

    # What the flows do

    def begin(self, execution: str, *, uid: str = UID, metadata: Mapping[str, Any] | None = None) -> RunRef:
        self.clock.forward(1)
        request = BeginRequest(
            uid=uid,
            workflow=WORKFLOW,
            activities=(("Validate",), ("Rate", "CheckCredit")),
            execution=arn_of(execution),
            timeout=timedelta(days=30),
            metadata=METADATA if metadata is None else metadata,
            metadata_override=metadata is not None,
            by=STARTER,
        )
        ports = BeginPorts(
            status=self.status,
            journal=self.journal,
            executions=self.executions,
            retention=timedelta(days=90),
            clock=self.clock,
        )
        return begin_run(request, ports)

    def open(self, ref: RunRef, activity: str) -> str:
        """Enter the task of an activity; returns its token."""
        self.clock.forward(1)
        self.entries += 1
        token = f"token-{ref.attempt}-{self.entries}"
        self.signals.alive.add(token)
        open_activity(
            OpenRequest(ref=ref.activity(activity), token=token, entered=self.clock(), retry=0),
            self.ports,
        )
        return token

    def complete(self, ref: RunRef, activity: str, *at_work: str) -> list[list[str]]:
        """Enter the task of an activity, and let all plugins report that are dispatched.

        Args:
            ref: The run.
            activity: The activity.
            at_work: Plugins of the parallel stage that were dispatched before; they report first.

        Returns:
            The names in each message.
        """
        before = len(self.publisher.messages)
        self.open(ref, activity)
        for plugin in at_work:
            self.report(ref, plugin, State.COMPLETE, at=f"{activity}/{Stage.PARALLEL}")
        dispatched: list[list[str]] = []
        while new := self.publisher.messages[before + len(dispatched) :]:
            document = json.loads(new[0].body)
            dispatched.append(document["plugins"])
            for plugin in document["plugins"]:
                self.report(ref, plugin, State.COMPLETE, at=f"{activity}/{document['stage']}")
        return dispatched

    def check_deadlines(self) -> None:
        """Let the schedule invoke the check of deadlines."""
        checked = check_deadlines(CheckPorts(activity=self.ports, due=self.due, has_time=lambda: True))
        assert not checked.failed, self.journal.errors

    def report(self, ref: RunRef, plugin: str, state: State, *, at: str = "Rate/parallel", **other: Any) -> None:
        self.clock.forward(1)
        activity, stage = at.split("/")
        report = Report(
            uid=ref.uid,
            workflow=ref.workflow,
            activity=activity,
            stage=Stage(stage),
            attempt=ref.attempt,
            plugin=plugin,
            state=state,
            **other,
        )
        received = IncomingReport.of_report(report, id="1", sender=f"{ROLE}:function")
        again = record_results([received], self.ports, self.status.get_plan)
        assert not again, self.journal.errors

    def end(self, execution: str, failure: Failure | None = None) -> None:
        self.clock.forward(1)
        request = EndRequest(uid=UID, workflow=WORKFLOW, execution=arn_of(execution), failure=failure)
        end_run(request, self.end_ports)

    def cancel(self) -> None:
        self.clock.forward(1)
        request = CancelRequest(uid=UID, workflow=WORKFLOW, reason="sold twice", by="ops")
        cancel_run(request, CancelPorts(end=self.end_ports, executions=self.executions))

    def register(
        self,
        name: str,
        at: str = "Rate/parallel",
        *,
        endpoint: str | None = None,
        stack_id: str = STACK,
        **properties: str,
    ) -> None:
        """What the custom resource of a ``Plugin`` does, after its subscription was deployed."""
        self.clock.forward(1)
        activity, stage = at.split("/")
        given = {
            P.ACTIVITY: activity,
            P.STAGE: stage,
            P.NAME: name,
            P.SUBSCRIPTION_ARN: subscription_arn(at, name),
            P.FILTER_POLICY: '{"line": ["auto"]}',
            P.SENDER_ROLE_IDS: ROLE,
            **properties,
        }
        endpoint = endpoint or f"{FUNCTION}{name}"
        subscription = Subscription(
            arn=given[P.SUBSCRIPTION_ARN],
            protocol="sqs" if endpoint.startswith(QUEUE) else "lambda",
            endpoint=endpoint,
            account="123456789012",
            filter_policy={"plugins": [name]},
        )
        ports = RegisterPorts(
            registry=self.registry,
            topics=Topics(),
            subscriptions=Subscriptions(subscription),
            plugins_per_stage=200,
            clock=self.clock,
            pause=lambda: None,
        )
        register_plugin(given, ports, stack_id=stack_id)

    def find(self, endpoint: str, answer: Answer | NoAnswer | None, **subscription: Any) -> None:
        """What reconciliation does with a subscription that no construct made."""
        self.clock.forward(1)
        topic = StageTopic("CheckCredit", Stage.PRE, Topics().arn("CheckCredit", Stage.PRE))
        arn = subscription_arn("CheckCredit/pre", endpoint.rpartition(":")[2].strip("/"))
        seen = Subscription(**{"arn": arn, "protocol": "lambda", "endpoint": endpoint, **subscription})
        assert self.registry.put(plain_registration(topic, seen, answer, seen_at=self.clock(), revision="revision-1"))


def arn_of(execution: str) -> str:
    return f"arn:aws:states:eu-west-1:123456789012:execution:claims-dev-workflow-{WORKFLOW}:{execution}"


def subscription_arn(at: str, name: str) -> str:
    activity, stage = at.split("/")
    return f"{Topics().arn(activity, Stage(stage))}:{name:->36}"


def tell(deployment: Deployment) -> Iterator[str]:
    """Play the story; stop at each moment, and return its name."""
    _register(deployment)
    yield "registered"
    ref = _in_progress(deployment)
    yield "in-progress"
    _fail(deployment, ref)
    yield "failed"
    ref = _resume(deployment)
    yield "resumed"
    _complete(deployment, ref)
    yield "complete"
    _cancel(deployment)
    yield "cancelled"
    _announce(deployment)
    yield "announced"


def _register(it: Deployment) -> None:
    """The stages of three activities, and plugins of each kind with every setting, by constructs and found."""
    for activity in ACTIVITIES:
        for stage in Stage:
            settings = StageSettings(timeout_seconds=3600, start_within_seconds=900)
            if activity == "CheckCredit":
                settings = StageSettings(
                    timeout_seconds=1800, start_within_seconds=600, fail_on_optional_error=True, max_output_bytes=20_000
                )
            it.registry.put_settings(activity, stage, settings, owner=STACK, now=it.clock())
    it.register("Address", "Validate/pre")
    it.register("Score", **{P.ORDER: "10", P.TIMEOUT_SECONDS: "600", P.START_WITHIN_SECONDS: "60"})
    it.register("Discount", **{P.MANDATORY: "false", P.DESCRIPTION: "Grants what a customer has earned"})
    it.register("Fleet")
    it.register("Audit", **{P.ALWAYS_RUN: "true"})
    it.register("Garage")
    it.register(
        "Archive",
        **{
            P.KIND: PluginKind.QUEUE,
            P.REPORTS_START: "false",
            P.MANDATORY: "false",
            P.SENDER_ROLE_IDS: "",
        },
        endpoint=f"{QUEUE}archive",
    )
    it.register(
        "Ledger",
        "Rate/post",
        **{
            P.KIND: PluginKind.FIFO_QUEUE,
            P.SENDER_ROLE_IDS: f"{ROLE},AROAIOSFODNN7FEEDER1",
            P.FILTER_POLICY: '{"premium": [{"numeric": [">", 1000]}]}',
        },
        endpoint=f"{FUNCTION}ledger-feeder:live",
    )
    in_body = {P.FILTER_POLICY: '{"metadata": {"line": ["auto"]}}', P.FILTER_POLICY_SCOPE: "MessageBody"}
    it.register("Notify", "Rate/post", **in_body, **{P.ORDER: "95"})
    # CloudFormation replaces a subscription by creating the new one first: the owner holds the name twice.
    it.register("Notify", "Rate/post", **{P.ORDER: "95", P.SUBSCRIPTION_ARN: subscription_arn("Rate/post", "Notify-2")})
    says = {"pluginName": "Bureau", "order": 3, "alwaysRun": False, "default": {"mandatory": True}}
    it.find(f"{FUNCTION}bureau:live", Answer(says, "7"), filter_policy={"plugins": ["Bureau"]})
    it.find(f"{FUNCTION}silent", NoAnswer("it answered nothing"))
    it.find(f"{QUEUE}ledger", None, protocol="sqs", filter_policy={"line": ["home"]})
    it.find("https://example.com/hooks", None, protocol="https", filter_policy={"line": ["home"]})
    # All subscriptions are older than SNS takes to deliver to them, but for one that is deployed again.
    it.clock.forward(3_600)
    it.register("Fleet")


def _in_progress(it: Deployment) -> RunRef:
    """One activity is over, of the next a stage is open, with plugins in every state that an open stage knows."""
    ref = it.begin("one")
    it.open(ref, "Validate")
    it.report(ref, "Address", State.COMPLETE, at="Validate/pre", output={"street": "Łąkowa 1", "ratio": 0.1})
    it.open(ref, "Rate")
    it.report(ref, "Score", State.IN_PROGRESS)
    it.report(ref, "Score", State.IN_PROGRESS, message="the car is 4 years old", progress=37.5)
    it.report(ref, "Garage", State.IN_PROGRESS)
    it.report(ref, "Discount", State.ERROR, message="no such customer")
    it.report(ref, "Fleet", State.DO_NOT_RUN, message="one car is no fleet")
    it.report(ref, "Audit", State.IN_PROGRESS)
    it.report(ref, "Audit", State.COMPLETE, message="noted", output=[1, 2.5, None, "x" * 5_000])
    # Registered after the plan was made: it is not expected.
    it.register("Latecomer")
    it.report(ref, "Latecomer", State.IN_PROGRESS)
    # A handler dies between its claim of a dispatch and the publish.
    it.publisher.calls.crash_at(0)
    with suppress(Crash):
        it.open(ref, "CheckCredit")
    return ref


def _fail(it: Deployment, ref: RunRef) -> None:
    """A mandatory plugin's error fails its stage, and the run with what is still open."""
    it.report(ref, "Score", State.ERROR, message="the car is too old")
    it.end("one", Failure("PluginFailed", "Rate/parallel: Score: the car is too old"))


def _resume(it: Deployment) -> RunRef:
    """A second attempt keeps what was done and dispatches the rest; one plugin was removed meanwhile."""
    assert it.registry.unregister("Rate", Stage.PARALLEL, subscription_arn("Rate/parallel", "Garage"), owner=STACK)
    ref = it.begin("two")
    it.open(ref, "Validate")
    it.open(ref, "Rate")
    it.report(ref, "Score", State.COMPLETE, output={"score": 0.2})
    return ref


def _complete(it: Deployment, ref: RunRef) -> None:
    """All that is left is done."""
    it.complete(ref, "Rate", "Archive", "Audit", "Discount", "Latecomer")
    it.complete(ref, "CheckCredit")
    it.end("two")


def _cancel(it: Deployment) -> None:
    """A third attempt, with other metadata, is ended on purpose, and two other runs by their executions."""
    ref = it.begin("three", metadata=OTHER_METADATA)
    it.open(ref, "Validate")
    it.open(ref, "Rate")
    it.cancel()
    for uid, ending in zip(OTHER_UIDS, (Ending.STOPPED, Ending.TIMED_OUT), strict=True):
        it.begin(uid, uid=uid)
        run = it.status.get_run(uid, WORKFLOW)
        assert run is not None
        write_end(run, it.end_ports, ending=ending, message="from outside", at=it.clock())


def _announce(it: Deployment) -> None:
    """An overdue run is announced."""
    ref = it.begin("overdue", uid="overdue")
    run = it.status.get_run(ref.uid, ref.workflow)
    assert run is not None
    it.clock.forward(3_600)
    announcement = Announcement(
        ref=ref,
        execution=run.execution,
        started_at=run.started_at,
        expected=timedelta(hours=1),
        expires_at=run.expires_at,
    )
    assert it.announcements.add(announcement)
