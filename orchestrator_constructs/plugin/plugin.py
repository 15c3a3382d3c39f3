"""A plugin: a function that does business work at a stage of an activity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.encryption import checked_key
from orchestrator_constructs.interfaces import IActivityStage
from orchestrator_constructs.metrics import PluginMetrics
from orchestrator_constructs.plugin.destinations import let_lambda_report
from orchestrator_constructs.plugin.function import check_stacks, give_name, let_stages_call
from orchestrator_constructs.plugin.idempotency_table import remember_calls
from orchestrator_constructs.plugin.registration import FilterPolicyScope, PluginProps, PluginRegistration
from orchestrator_constructs.plugin.rights import let_report
from orchestrator_constructs.queues import undelivered_queue
from orchestrator_runtime.contract import DEFAULT_ORDER, PluginKind

_PROTOCOL: Final = "lambda"


class Plugin(PluginMetrics, Construct):
    """Defines a plugin: subscribes a function to a stage and registers it there.

    From its deployment on, every run whose metadata matches the filter policy
    invokes the function and waits for its report, with no redeployment of core or
    workflow::

        Plugin ──► subscription ──► the stage's topic ──► your function ──► results queue
           │            └── what SNS could not deliver ──► dead_letter_queue        ▲
           │                                  calls that failed for good ──► Lambda ┘
           └─────► registration (a custom resource that the core's function serves)

    Beside the subscription and the registration, it defines: the permission for the
    core's topics to invoke the function (one for each core, however many plugins
    the function is), the right of the function's role to send to the results
    queue, Lambda's destination for invocations that failed for good, and a queue
    for messages that SNS could not deliver, for instance because the function
    does not exist any more.

    The function reports itself, with the ``plugin`` decorator of
    ``orchestrator_runtime`` or by sending the report document. Where it crashed,
    was killed or raised to the last of Lambda's three tries, Lambda reports it, at
    once; where even that is lost, the plugin's deadline ends it with a named error.
    With ``reports_itself=False`` any function will do, as it is: Lambda reports
    what it returned as output, or what it raised as error.

    The construct's props are the registration: a registration that the core
    refuses fails the deployment. The core evaluates ``filter_policy``; the
    subscription itself filters by the plugin's name only. A changed
    ``filter_policy`` holds from the next stage that opens. SNS may take up to 15
    minutes until a new or renamed plugin receives messages; until then, the core
    dispatches it again every few minutes. A function that is defined in this app
    gets the plugin's name in its environment (``ORCHESTRATOR_PLUGIN_NAME``), so that the
    decorator needs none; therefore it can be plugins of several stages, but only
    under one name. A function that is imported without its role, or with one that
    is not to be changed, cannot be given the right to report: synthesis warns, and
    prints the statement that its role needs.

    Limits: One subscription belongs to a topic and a function: a function can be
    one plugin of a stage, and a plugin that moves to another place in the app is
    removed by one deployment and defined there by the next, because SNS refuses
    the second subscription of the same function with another dead-letter queue.
    A topic holds 200 filter policies, and so 200 plugins, unless AWS raises that
    quota. A ``filter_policy`` may name any number of keys and values, and is at most
    4 KB of JSON. A function, alias or version has one destination: Lambda reports
    to one core only, and to none if the function's author configures asynchronous
    invocations (synthesis warns). No destination leads to a core in another account, and none is
    set on an imported function unless ``reports_itself=False`` asks for it: where
    such a function is killed, its plugin's deadline ends it (synthesis warns). A
    function in another stack than the core's has its plugin there, or in a third.

    Example:
        ::

            rate = Activity.from_system(self, "Rate", system="claims", stage="dev", name="Rate")
            Plugin(
                self,
                "Score",
                stage=rate.parallel,
                function=score,
                filter_policy={"line": ["auto"], "premium": [{"numeric": [">=", 1000]}]},
                mandatory=False,
            )
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        stage: IActivityStage,
        function: lambda_.IFunction,
        name: str | None = None,
        filter_policy: Mapping[str, Any] | None = None,
        filter_policy_scope: FilterPolicyScope = "MessageAttributes",
        mandatory: bool = True,
        order: int = DEFAULT_ORDER,
        always_run: bool = False,
        timeout: Duration | None = None,
        start_within: Duration | None = None,
        description: str | None = None,
        reports_itself: bool = True,
        idempotent: bool = True,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        """Define the plugin.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            stage: Where it takes part: ``activity.pre``, ``.parallel`` or ``.post``.
            function: What does the work. A function, an alias or a version.
            name: Its name in the stage, as reports and the status show it. Default: ``id``.
            filter_policy: The runs that invoke it, as a filter policy in the language of SNS on their
                metadata, of any number of keys and at most 4 KB. Default: every run of the activity.
            filter_policy_scope: ``MessageAttributes``, or ``MessageBody`` to filter on the whole message,
                where the metadata is below the key ``metadata``. Default: ``MessageAttributes``.
            mandatory: Whether its error fails the stage. Default: it does.
            order: Its position in a sequential stage, lower first, ties by name. Default: 90.
            always_run: Whether a resumed run invokes it again although it was complete. Default: it does not.
            timeout: Its deadline, counted from its start, or from its dispatch if it reports no start.
                Default: the stage's.
            start_within: The deadline of its start, counted from its dispatch. Default: the stage's.
            description: What it does, for people. Default: none.
            reports_itself: Whether the function reports its outcome. Otherwise Lambda does, through its
                destinations on success and on failure, and no start is reported. Default: it does.
            idempotent: Whether the function may be invoked twice for the same run and attempt: deliveries
                are at least once. Otherwise it gets a DynamoDB table in which the decorator stores its
                invocations; the function must be defined in this app. Default: it may.
            encryption_key: The customer managed key that encrypts ``dead_letter_queue``, and the table of a
                function that is not idempotent. Default: the core's, if this app defines the core; else AWS
                manages the keys.

        Raises:
            ValueError: A prop is not allowed, or the stage already has a plugin of that name in this
                app, or the function already is a plugin of another name, or its destinations are taken.
                The text says what to do.
        """
        super().__init__(scope, id)
        self._name = id if name is None else name
        self._stage = stage
        _check_reporting(self, start_within, reports_itself=reports_itself, idempotent=idempotent)
        check_stacks(self, function, stage.core)
        registration = PluginRegistration(
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
        self._dead_letter_queue = undelivered_queue(
            self, "Undelivered", registration.topic_arn, key=checked_key(self, stage.core, encryption_key)
        )
        subscription = registration.subscribe(
            protocol=_PROTOCOL, endpoint=function.function_arn, undelivered=self._dead_letter_queue
        )
        self._subscription_arn = subscription.ref
        give_name(function, self._name)
        if not idempotent:
            remember_calls(self, function, stage.core, encryption_key)
        registration.sent_by(function.role)
        grant = let_report(self, function, stage.core)
        destinations = let_lambda_report(self, function, stage.core, reports_itself=reports_itself, grant=grant)
        registration.register(
            subscription,
            kind=PluginKind.FUNCTION,
            reports_start=reports_itself,
            after=[*let_stages_call(function, stage.core), *destinations],
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
    def dead_letter_queue(self) -> sqs.IQueue:
        """The queue of messages that SNS could not deliver to the function."""
        return self._dead_letter_queue


def _check_reporting(
    plugin: Construct, start_within: Duration | None, *, reports_itself: bool, idempotent: bool
) -> None:
    if reports_itself:
        return
    for prop, given in (("start_within", start_within is not None), ("idempotent", not idempotent)):
        if given:
            raise ValueError(
                f"{prop} of plugin {plugin.node.path!r} has no meaning with reports_itself=False: it is the plugin "
                f"decorator that reports a start and remembers calls; leave {prop} out, or let the function report"
            )
