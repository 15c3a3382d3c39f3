"""Subscribes a plugin to its stage and registers it there, whatever kind of plugin it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from aws_cdk import CfnResource, CustomResource, Duration, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IDependable

from orchestrator_constructs.custom_resource import RESOURCE_TIMEOUT
from orchestrator_constructs.interfaces import IActivityStage
from orchestrator_constructs.property_text import bool_as_text, number_as_text, seconds_as_text
from orchestrator_constructs.validation import check_count, check_name, claim_name
from orchestrator_runtime import filter_policy as policies
from orchestrator_runtime.contract import MAX_DESCRIPTION_BYTES, MAX_ORDER, PLUGINS_ATTRIBUTE, Handler, PluginKind
from orchestrator_runtime.custom_resources import REGISTRATION_RESOURCE_TYPE, RegistrationProperty
from orchestrator_runtime.names import PLUGIN_NAME, problem_with_text

FilterPolicyScope = Literal["MessageAttributes", "MessageBody"]

_REGION_IN_ARN: Final = 3


@dataclass(frozen=True, kw_only=True)
class PluginProps:
    """The props that all constructs of plugins have; the constructs document them."""

    name: str
    filter_policy: Mapping[str, Any] | None
    filter_policy_scope: FilterPolicyScope
    mandatory: bool
    order: int
    always_run: bool
    timeout: Duration | None
    start_within: Duration | None
    description: str | None


class PluginRegistration:
    """The subscription and the registration of one plugin, as children of its construct.

    Args:
        plugin: The plugin's construct.
        stage: The stage.
        props: The plugin's props.

    Raises:
        ValueError: A prop is not allowed, or the stage already has a plugin of that name in this app.
    """

    def __init__(self, plugin: Construct, stage: IActivityStage, props: PluginProps) -> None:
        check_name("plugin", props.name, PLUGIN_NAME)
        path = plugin.node.path
        _check_region(plugin, stage)
        _check_filter(path, props.filter_policy, props.filter_policy_scope)
        _check_description(path, props.description)
        check_count(f"order of plugin {path!r}", props.order, at_least=0, at_most=MAX_ORDER)
        place = f"{stage.core.deployment.prefix}/{stage.activity_name}/{stage.position}"
        claim_name(plugin, f"{place}/{props.name}", f"plugin {props.name!r} of stage {place}")
        self._timeout = props.timeout and seconds_as_text(f"timeout of plugin {path!r}", props.timeout)
        self._start_within = props.start_within and seconds_as_text(
            f"start_within of plugin {path!r}", props.start_within
        )
        self._plugin = plugin
        self._stage = stage
        self._props = props
        self._role_ids: dict[str, str] = {}
        self._unknown_senders: set[str] = set()
        self._resource: CustomResource | None = None
        self.topic_arn = stage.topic_arn(consumer=plugin)

    def subscribe(
        self, *, protocol: str, endpoint: str, undelivered: sqs.IQueue, raw: bool = False
    ) -> sns.CfnSubscription:
        """Subscribe to the stage's topic, for the messages that invoke this plugin.

        The core evaluates the plugin's own filter policy, and invokes the plugin by its name.

        Args:
            protocol: How SNS delivers.
            endpoint: To whom.
            undelivered: Takes what SNS could not deliver.
            raw: Deliver the message alone, without SNS's envelope.
        """
        return sns.CfnSubscription(
            self._plugin,
            "Subscription",
            topic_arn=self.topic_arn,
            protocol=protocol,
            endpoint=endpoint,
            filter_policy={PLUGINS_ATTRIBUTE: [self._props.name]},
            filter_policy_scope=policies.MESSAGE_ATTRIBUTES,
            raw_message_delivery=raw or None,
            redrive_policy={"deadLetterTargetArn": undelivered.queue_arn},
        )

    def register(
        self, subscription: sns.CfnSubscription, *, kind: PluginKind, reports_start: bool, after: Iterable[IDependable]
    ) -> None:
        """Register the plugin, after everything that it needs to be invoked and to report.

        Args:
            subscription: The plugin's subscription.
            kind: What stands behind it.
            reports_start: Whether it reports that it started.
            after: What has to be deployed before.
        """
        stage, props = self._stage, self._props
        properties = {
            RegistrationProperty.ACTIVITY: stage.activity_name,
            RegistrationProperty.STAGE: stage.position.value,
            RegistrationProperty.NAME: props.name,
            RegistrationProperty.SUBSCRIPTION_ARN: subscription.ref,
            RegistrationProperty.KIND: kind.value,
            RegistrationProperty.MANDATORY: bool_as_text(props.mandatory),
            RegistrationProperty.ORDER: number_as_text(props.order),
            RegistrationProperty.ALWAYS_RUN: bool_as_text(props.always_run),
            RegistrationProperty.TIMEOUT_SECONDS: self._timeout,
            RegistrationProperty.START_WITHIN_SECONDS: self._start_within,
            RegistrationProperty.REPORTS_START: bool_as_text(reports_start),
            RegistrationProperty.DESCRIPTION: props.description,
            RegistrationProperty.FILTER_POLICY: _filter_text(self._plugin, props.filter_policy),
            RegistrationProperty.FILTER_POLICY_SCOPE: props.filter_policy_scope if props.filter_policy else None,
            RegistrationProperty.SENDER_ROLE_IDS: self._senders,
        }
        self._resource = CustomResource(
            self._plugin,
            "Registration",
            service_token=stage.core.function_arn(Handler.REGISTER_PLUGIN, consumer=self._plugin),
            service_timeout=RESOURCE_TIMEOUT,
            resource_type=REGISTRATION_RESOURCE_TYPE,
            properties={key.value: value for key, value in properties.items() if value is not None},
        )
        self._resource.node.add_dependency(subscription, *after)

    def sent_by(self, role: iam.IRole | None) -> None:
        """Have reports accepted that come from this role; of an imported one nothing is known but its name."""
        if isinstance(role, iam.Role):
            self._role_ids.setdefault(role.node.addr, role.role_id)
            self._senders_changed()
        else:
            self.sent_by_unknown("a role that is not defined here")

    def sent_by_unknown(self, whom: str) -> None:
        """Have reports accepted from any role, as somebody reports whose role's id is not known."""
        self._unknown_senders.add(whom)
        self._senders_changed()

    def not_sent_by_unknown(self, whom: str) -> None:
        """Take that back."""
        self._unknown_senders.discard(whom)
        self._senders_changed()

    def _senders_changed(self) -> None:
        """Tell the registration, if it is there already."""
        if self._resource is None:
            return
        resource = self._resource.node.default_child
        assert isinstance(resource, CfnResource)  # noqa: S101 - what a custom resource consists of
        name = RegistrationProperty.SENDER_ROLE_IDS.value
        if self._senders is None:
            resource.add_property_deletion_override(name)
        else:
            resource.add_property_override(name, self._senders)

    @property
    def _senders(self) -> str | None:
        return None if self._unknown_senders else ",".join(self._role_ids.values()) or None


def _check_region(plugin: Construct, stage: IActivityStage) -> None:
    here = Stack.of(plugin).region
    there = stage.core.topic_arn_pattern(consumer=plugin).split(":")[_REGION_IN_ARN]
    if here != there and not Token.is_unresolved(here) and not Token.is_unresolved(there):
        raise ValueError(
            f"plugin {plugin.node.path!r} would be deployed to {here}, and its core lies in {there}: CloudFormation "
            f"calls the core's function only from its own region, deploy the plugin to {there}"
        )


def _filter_text(plugin: Construct, policy: Mapping[str, Any] | None) -> str | None:
    """The filter policy as JSON: inside of objects, CloudFormation would drop null, and turn numbers into text."""
    if not policy:
        return None
    if _has(policy, Token.is_unresolved):
        return Stack.of(plugin).to_json_string(policy)
    return json.dumps(policy, ensure_ascii=False, separators=(",", ":"))


def _check_description(path: str, description: str | None) -> None:
    if description is None or Token.is_unresolved(description):
        return
    what = f"description of plugin {path!r}"
    if problem := problem_with_text(what, description):
        raise ValueError(problem)
    if (size := len(description.encode())) > MAX_DESCRIPTION_BYTES:
        raise ValueError(f"{what} is {size:,} bytes, at most {MAX_DESCRIPTION_BYTES:,} are allowed: shorten it")


def _check_filter(path: str, policy: Mapping[str, Any] | None, scope: str) -> None:
    if _has(policy, Token.is_unresolved):
        # The core checks the rest when the plugin is deployed.
        if policy and _has(policy, lambda value: value is None):
            raise ValueError(
                f"filter_policy of plugin {path!r}: null and a token cannot be in one policy, since the CDK drops null "
                "where it resolves tokens: use a value that is known at synth time, or {'exists': false}"
            )
        return
    problems = policies.problems(dict(policy or {}), scope, reserved={PLUGINS_ATTRIBUTE}, for_core=True)
    if problems:
        raise ValueError(f"filter_policy of plugin {path!r}: {'; '.join(problems)}")


def _has(value: object, wanted: Callable[[object], bool]) -> bool:
    """Whether a value, or any part of it, is one of those that are wanted."""
    if isinstance(value, Mapping):
        return any(_has(part, wanted) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return any(_has(part, wanted) for part in value)
    return wanted(value)
