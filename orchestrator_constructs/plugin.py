"""A plugin: a function that does business work at a stage of an activity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from aws_cdk import Aws, CustomResource, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.acknowledgements import acknowledge
from orchestrator_constructs.interfaces import IActivityStage
from orchestrator_constructs.plugin_function import give_name, let_report, let_stages_call
from orchestrator_constructs.queues import dead_letter_queue
from orchestrator_constructs.validation import check_name, claim_name, whole_seconds
from orchestrator_runtime import filter_policy as policies
from orchestrator_runtime.contract import (
    DEFAULT_ORDER,
    PLUGINS_ATTRIBUTE,
    REGISTRATION_RESOURCE_TYPE,
    Handler,
    RegistrationProperty,
)
from orchestrator_runtime.names import PLUGIN_NAME

FilterPolicyScope = Literal["MessageAttributes", "MessageBody"]

_PROTOCOL: Final = "lambda"
_REGISTRATION_TIMEOUT: Final = Duration.minutes(2)


class Plugin(Construct):
    """Defines a plugin: subscribes a function to a stage and registers it there.

    From its deployment on, every run whose metadata matches the filter calls the
    function and waits for its report, with no redeployment of core or workflow::

        Plugin ──► subscription ──► the stage's topic ──► your function ──► results queue
           │            └── what SNS could not deliver ──► dead_letter_queue
           └─────► registration (a custom resource that the core's function serves)

    What it makes, beside the subscription and the registration: the permission
    for the stage's topics to call the function (one for each core, however many
    plugins the function is), the right of the function's role to send to the
    results queue, and a queue for messages that SNS could not deliver, for
    instance because the function is gone.

    The construct's props are the registration: a registration that the core
    refuses fails the deployment. A change of ``filter_policy`` takes up to
    15 minutes to hold in SNS. A function that is defined in this app gets the
    plugin's name in its environment (``ORCHESTRATOR_PLUGIN_NAME``), so that the
    ``plugin`` decorator of ``orchestrator_runtime`` needs none; therefore it can
    be plugins of several stages, but only under one name. A function that is
    imported without its role cannot be given the right to report: synthesis
    warns, and prints the statement that its role needs.

    One subscription belongs to a topic and a function: a function can be one
    plugin of a stage. A topic holds 200 filter policies, and so 200 plugins, unless
    AWS raises that quota.

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
    ) -> None:
        """Define the plugin.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            stage: Where it takes part: ``activity.pre``, ``.parallel`` or ``.post``.
            function: What does the work. A function, an alias or a version.
            name: Its name in the stage, as reports and the status show it. Default: ``id``.
            filter_policy: The runs that it is called for, as an SNS filter policy on their metadata,
                with at most four keys. Default: every run of the activity.
            filter_policy_scope: ``MessageAttributes``, or ``MessageBody`` to filter on the whole message,
                where the metadata is below the key ``metadata``. Default: ``MessageAttributes``.
            mandatory: Whether its error fails the stage. Default: it does.
            order: Its place in a stage that releases one plugin at a time, lower first, ties by name.
                Default: 90.
            always_run: Whether a resumed run calls it again although it was complete. Default: it does not.
            timeout: How long it may take, from its start on. Default: what the stage says.
            start_within: How soon after its release it has to report that it started. Default: what
                the stage says.
            description: What it does, for people. Default: none.

        Raises:
            ValueError: A prop is not allowed, or the stage already has a plugin of that name in this
                app, or the function already is a plugin of another name. The text says what to do.
        """
        super().__init__(scope, id)
        name = id if name is None else name
        check_name("plugin", name, PLUGIN_NAME)
        _check_filter(self, filter_policy, filter_policy_scope)
        _check_order(self, order)
        place = f"{stage.core.deployment.prefix}/{stage.activity_name}/{stage.position}"
        claim_name(self, f"{place}/{name}", f"plugin {name!r} of stage {place}")
        timeout_seconds = timeout and _seconds(f"timeout of plugin {self.node.path!r}", timeout)
        start_within_seconds = start_within and _seconds(f"start_within of plugin {self.node.path!r}", start_within)

        self._name = name
        policy = {**(filter_policy or {}), PLUGINS_ATTRIBUTE: [name]}
        topic_arn = stage.topic_arn(consumer=self)
        self._dead_letter_queue = self._queue_for_undelivered(topic_arn)
        subscription = sns.CfnSubscription(
            self,
            "Subscription",
            topic_arn=topic_arn,
            protocol=_PROTOCOL,
            endpoint=function.function_arn,
            filter_policy=policy,
            filter_policy_scope=filter_policy_scope,
            redrive_policy={"deadLetterTargetArn": self._dead_letter_queue.queue_arn},
        )
        self._subscription_arn = subscription.ref
        let_report(self, function, stage.core)
        if isinstance(function, lambda_.Function):
            give_name(function, name)

        properties = {
            RegistrationProperty.ACTIVITY: stage.activity_name,
            RegistrationProperty.STAGE: stage.position.value,
            RegistrationProperty.NAME: name,
            RegistrationProperty.SUBSCRIPTION_ARN: self._subscription_arn,
            RegistrationProperty.TOPIC_ARN: topic_arn,
            RegistrationProperty.ENDPOINT: function.function_arn,
            RegistrationProperty.PROTOCOL: _PROTOCOL,
            RegistrationProperty.MANDATORY: _text(mandatory),
            RegistrationProperty.ORDER: _text(order),
            RegistrationProperty.ALWAYS_RUN: _text(always_run),
            RegistrationProperty.TIMEOUT_SECONDS: timeout_seconds,
            RegistrationProperty.START_WITHIN_SECONDS: start_within_seconds,
            RegistrationProperty.DESCRIPTION: description,
            RegistrationProperty.FILTER_POLICY: Stack.of(self).to_json_string(policy),
            RegistrationProperty.FILTER_POLICY_SCOPE: filter_policy_scope,
            RegistrationProperty.SENDER_ROLE_IDS: function.role.role_id
            if isinstance(function.role, iam.Role)
            else None,
            # The stack, not the construct: where the function is replaced, so is the subscription, and for a
            # moment the stack holds the name twice.
            RegistrationProperty.OWNER: Aws.STACK_ID,
        }
        registration = CustomResource(
            self,
            "Registration",
            service_token=stage.core.function_arn(Handler.REGISTER_PLUGIN, consumer=self),
            service_timeout=_REGISTRATION_TIMEOUT,
            resource_type=REGISTRATION_RESOURCE_TYPE,
            properties={key.value: value for key, value in properties.items() if value is not None},
        )
        registration.node.add_dependency(subscription, *let_stages_call(function, stage.core.deployment))

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

    def _queue_for_undelivered(self, topic_arn: str) -> sqs.Queue:
        queue = dead_letter_queue(self, "Undelivered", RemovalPolicy.DESTROY)
        queue.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("sns.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": topic_arn}},
            )
        )
        acknowledge(queue, "AwsSolutions-SQS3", "It is the dead-letter queue of the plugin's subscription.")
        return queue


def _check_filter(plugin: Construct, policy: Mapping[str, Any] | None, scope: str) -> None:
    if _has_token(policy):
        return
    problems = policies.problems(
        dict(policy or {}), scope, reserved=frozenset({PLUGINS_ATTRIBUTE}), deployed_by_cloudformation=True
    )
    if problems:
        raise ValueError(f"filter_policy of plugin {plugin.node.path!r}: {'; '.join(problems)}")


def _check_order(plugin: Construct, order: int) -> None:
    if Token.is_unresolved(order):
        return
    if isinstance(order, bool) or not isinstance(order, int) or order < 0:
        raise ValueError(f"order of plugin {plugin.node.path!r} is {order!r}: use a whole number, 0 or more")


def _has_token(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_has_token(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return any(_has_token(part) for part in value)
    return Token.is_unresolved(value)


def _seconds(what: str, duration: Duration) -> str:
    if duration.is_unresolved():
        return _text(duration.to_seconds())
    return _text(whole_seconds(what, duration))


def _text(value: bool | float) -> str:
    """A property as CloudFormation would hand it on: custom resources receive every scalar as text."""
    if isinstance(value, bool):
        return str(value).lower()
    return Token.as_string(value) if Token.is_unresolved(value) else str(value)
