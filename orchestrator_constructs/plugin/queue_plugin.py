"""A plugin behind a queue: its messages wait there until a function, or any other consumer, receives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IDependable

from orchestrator_constructs.encryption import checked_key
from orchestrator_constructs.interfaces import IActivityStage
from orchestrator_constructs.metrics import PluginMetrics
from orchestrator_constructs.placement import share_a_stack
from orchestrator_constructs.plugin.destinations import check_agreement, let_lambda_report
from orchestrator_constructs.plugin.function import check_stacks, give_max_receives, give_name, let_stages_call
from orchestrator_constructs.plugin.idempotency_table import remember_calls
from orchestrator_constructs.plugin.queue import DEFAULT_MAX_RECEIVES, QueueSettings, define_plugin_queue
from orchestrator_constructs.plugin.queue_functions import (
    DEAD_LETTERS_HIDDEN,
    define_dead_letter_function,
    define_fifo_feeder,
)
from orchestrator_constructs.plugin.queue_reader import connect
from orchestrator_constructs.plugin.registration import FilterPolicyScope, PluginProps, PluginRegistration
from orchestrator_constructs.plugin.rights import let_consume, let_work
from orchestrator_constructs.queues import dead_letter_queue, let_topic_send, undelivered_queue
from orchestrator_runtime.contract import DEFAULT_ORDER, PluginKind

_NOBODY_YET: Final = "whoever will be let read the queue"


class QueuePlugin(PluginMetrics, Construct):
    """Defines a plugin behind a queue: subscribes the queue to a stage and registers the plugin there.

    A queue holds back what comes too fast: a function that reads it may be limited
    to a number of calls at a time, and a consumer outside of Lambda takes what it
    can, when it can::

        the stage's topic ──► queue ──► your function, or any consumer ──► results queue
              │                 │ received ``max_receives`` times             ▲
              │                 ▼                                             │
              └ undelivered ─► dead_letter_queue ──► dead-letter function ────┘ Error

        with ``fifo``:  the stage's topic ──► feeder (a function) ──► FIFO queue ──► …

    Resources: the queue and its dead letter queue, both encrypted and closed to
    anything but TLS; the subscription and the registration; the dead-letter
    function, with a role and a log group of its own; for a FIFO queue the feeder,
    likewise, and a queue for what SNS could not deliver to it; for a ``function``
    the connection to the queue and the rights to read it and to report.

    The body of a message is the stage's message to its plugins, without SNS's
    envelope, on both kinds of queue. Whoever reads it does the work, reports to the
    queue that ``report_to`` names, and deletes the message; a function with the
    ``plugin`` decorator does all of that. It works on every stage.

    Failures: A message that was received ``max_receives`` times and not deleted
    becomes an ``Error`` of the plugin, and so does one that SNS could not deliver or
    the feeder could not forward. A message that waits longer than ``retention`` is
    lost, and the plugin's deadline ends it. ``timeout`` counts from the dispatch, the
    time in the queue included, or from the start, if one is reported.

    Limits: Deliveries are at least once. Messages of one group of a FIFO queue are
    taken one after the other: a later one waits until the one before is deleted or
    dead. A topic promises no order, so theirs is that of their arrival at the
    feeder. A function whose concurrency is limited by other means than
    ``max_concurrency`` uses up receives while it is throttled. A function that is
    imported must be imported with its role; one that another stack of the app defines
    cannot refer to the queue there. With a core in another account, what the
    feeder could not forward is ended by the plugin's deadline.

    Example:
        ::

            QueuePlugin(
                self,
                "Score",
                stage=rate.parallel,
                function=score,
                max_concurrency=5,
                filter_policy={"line": ["auto"]},
            )
            ledger = QueuePlugin(self, "Ledger", stage=rate.post, fifo=True, fifo_key="policy_number")
            ledger.grant_consume(task_definition.task_role)
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        stage: IActivityStage,
        function: lambda_.IFunction | None = None,
        name: str | None = None,
        filter_policy: Mapping[str, Any] | None = None,
        filter_policy_scope: FilterPolicyScope = "MessageAttributes",
        mandatory: bool = True,
        order: int = DEFAULT_ORDER,
        always_run: bool = False,
        timeout: Duration | None = None,
        start_within: Duration | None = None,
        description: str | None = None,
        fifo: bool = False,
        fifo_key: str | None = None,
        max_concurrency: int | None = None,
        batch_size: int = 1,
        max_receives: int = DEFAULT_MAX_RECEIVES,
        visibility_timeout: Duration | None = None,
        retention: Duration | None = None,
        idempotent: bool = True,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        """Define the plugin.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            stage: Where it takes part: ``activity.pre``, ``.parallel`` or ``.post``.
            function: What reads the queue. A function, an alias or a version. Default: whoever is let in
                by ``grant_consume``.
            name: Its name in the stage, as reports and the status show it. Default: ``id``.
            filter_policy: The runs that invoke it, as a filter policy in the language of SNS on their
                metadata, of any number of keys and at most 4 KB. Default: every run of the activity.
            filter_policy_scope: ``MessageAttributes``, or ``MessageBody`` to filter on the whole message,
                where the metadata is below the key ``metadata``. Default: ``MessageAttributes``.
            mandatory: Whether its error fails the stage. Default: it does.
            order: Its position in a sequential stage, lower first, ties by name. Default: 90.
            always_run: Whether a resumed run invokes it again although it was complete. Default: it does not.
            timeout: Its deadline, counted from its dispatch, or from its start if one is reported.
                Default: the stage's.
            start_within: The deadline of its start, counted from its dispatch. Default: none; a start may be
                reported nevertheless.
            description: What it does, for people. Default: none.
            fifo: Whether the queue is a FIFO queue. Default: it is a standard queue.
            fifo_key: The metadata key whose value keeps messages in order, one after the other.
                Default: the run's uid.
            max_concurrency: How many calls of the function may read the queue at a time, from 2 to 1000.
                Default: as many as the account allows.
            batch_size: How many messages a call of the function may bring, at most 10,000, or 10 from a
                FIFO queue. More than 10 may wait a second for each other. Default: one.
            max_receives: How often a message is received before it is dead. Default: three times.
            visibility_timeout: How long a message that was received is hidden from others, at most
                12 hours. Default: six times the function's timeout and 30 seconds at least, or 5 minutes
                where that is not known.
            retention: How long a message may wait in the queue, from a minute to 14 days; synthesis warns if
                ``timeout`` is longer. Default: 4 days, or as long as ``timeout`` if that is longer.
            idempotent: Whether the function may be called twice for the same. Otherwise it gets a
                DynamoDB table in which the ``plugin`` decorator remembers its calls; the function must be
                defined in this app. Default: it may.
            encryption_key: The customer managed key that encrypts the queues, and the table of a
                function that is not idempotent. Default: the core's, if this app defines the core; else AWS
                manages the keys.

        Raises:
            ValueError: A prop is not allowed, or the stage already has a plugin of that name in this
                app, or the function already is a plugin of another name or was imported without its
                role. The text says what to do.
        """
        super().__init__(scope, id)
        self._name = id if name is None else name
        self._stage = stage
        self._settings = QueueSettings(
            fifo=fifo,
            fifo_key=fifo_key,
            max_concurrency=max_concurrency,
            batch_size=batch_size,
            max_receives=max_receives,
            visibility_timeout=visibility_timeout,
            retention=retention,
            timeout=timeout,
        )
        self._settings.check(self.node.path, function)
        self._settings.warn_of_loss(self)
        if function is not None:
            check_stacks(self, function, stage.core)
        self._registration = PluginRegistration(
            self,
            stage,
            PluginProps(
                name=self._name,
                filter_policy=filter_policy,
                filter_policy_scope=filter_policy_scope,
                mandatory=mandatory,
                order=order,
                always_run=always_run,
                timeout=timeout,
                start_within=start_within,
                description=description,
            ),
        )
        self._given_key = encryption_key
        self._key = checked_key(self, stage.core, encryption_key)
        self._dead_letter_queue = dead_letter_queue(
            self, "Dead", RemovalPolicy.DESTROY, fifo=fifo, visibility_timeout=DEAD_LETTERS_HIDDEN, key=self._key
        )
        self._queue = define_plugin_queue(self, self._settings, function, self._dead_letter_queue, key=self._key)
        subscription, needed = self._subscribe_feeder() if fifo else self._subscribe_queue()
        self._subscription_arn = subscription.ref
        if function is not None:
            needed = [*needed, self._connect(function, idempotent=idempotent)]
        elif idempotent:
            self._registration.sent_by_unknown(_NOBODY_YET)
        else:
            raise ValueError(
                f"idempotent=False of plugin {self.node.path!r} gives its function a table, and it has no function: "
                f"leave it out, your consumer remembers for itself"
            )
        self._registration.register(
            subscription,
            kind=PluginKind.FIFO_QUEUE if fifo else PluginKind.QUEUE,
            reports_start=start_within is not None,
            after=needed,
        )

    @property
    def plugin_name(self) -> str:
        """The plugin's name in its stage."""
        return self._name

    @property
    def subscription_arn(self) -> str:
        """The ARN of the subscription to the stage's topic."""
        return self._subscription_arn

    @property
    def queue(self) -> sqs.IQueue:
        """The queue with the plugin's messages."""
        return self._queue

    @property
    def dead_letter_queue(self) -> sqs.IQueue:
        """The queue of messages that were received too often; they are reported and deleted within minutes."""
        return self._dead_letter_queue

    def grant_consume(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let a consumer outside of Lambda read the queue and report, as the role of an ECS task say.

        Args:
            grantee: The consumer. If all consumers are roles of the plugin's own stack, only they may report for
                the plugin. A role of another stack is not registered: that stack needs the queue, and so has to be
                deployed later.
        """
        principal = grantee.grant_principal
        if isinstance(principal, iam.Role) and share_a_stack(self, principal):
            self._registration.sent_by(principal)
            self._registration.not_sent_by_unknown(_NOBODY_YET)
        else:
            self._registration.sent_by_unknown("a consumer that is not defined here")
        return let_consume(self, self._queue, grantee, self._stage.core)

    def _subscribe_queue(self) -> tuple[sns.CfnSubscription, list[IDependable]]:
        """Let the topic fill the queue, and the dead letter queue with what it cannot deliver there."""
        for queue in (self._queue, self._dead_letter_queue):
            let_topic_send(queue, self._registration.topic_arn)
        subscription = self._registration.subscribe(
            protocol="sqs", endpoint=self._queue.queue_arn, undelivered=self._dead_letter_queue, raw=True
        )
        reporter = self._report_dead_letters({"Dead": self._dead_letter_queue})
        return subscription, [self._queue, self._dead_letter_queue, reporter]

    def _subscribe_feeder(self) -> tuple[sns.CfnSubscription, list[IDependable]]:
        """Put the feeder before the queue; what SNS cannot deliver to it needs a standard queue."""
        core = self._stage.core
        undelivered = undelivered_queue(
            self, "Undelivered", self._registration.topic_arn, visibility_timeout=DEAD_LETTERS_HIDDEN, key=self._key
        )
        feeder = define_fifo_feeder(self, self._name, self._queue, self._settings.fifo_key)
        grant = core.grant_report(feeder)
        self._registration.sent_by(feeder.role)
        subscription = self._registration.subscribe(
            protocol="lambda", endpoint=feeder.function_arn, undelivered=undelivered
        )
        destinations = let_lambda_report(self, feeder, core, reports_itself=True, grant=grant)
        reporter = self._report_dead_letters({"Dead": self._dead_letter_queue, "Undelivered": undelivered})
        return subscription, [undelivered, reporter, *let_stages_call(feeder, core), *destinations]

    def _report_dead_letters(self, queues: Mapping[str, sqs.IQueue]) -> lambda_.Function:
        function = define_dead_letter_function(self, self._name, self._settings.max_receives, queues)
        self._stage.core.grant_report(function)
        self._registration.sent_by(function.role)
        return function

    def _connect(self, function: lambda_.IFunction, *, idempotent: bool) -> IDependable:
        right = let_work(self, self._queue, function, self._stage.core)
        source = connect(self, self._queue, function, self._settings, right)
        check_agreement(function, reports_itself=True)
        give_name(function, self._name)
        give_max_receives(function, self._settings.max_receives)
        if not idempotent:
            remember_calls(self, function, self._stage.core, self._given_key)
        self._registration.sent_by(function.role)
        return source
