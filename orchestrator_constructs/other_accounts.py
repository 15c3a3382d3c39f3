"""Who else may deploy plugins: other accounts, or a whole organization, and what is opened to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aws_cdk import Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.validation import check_account

DEFAULT_PROTOCOLS: Final = ("lambda", "sqs")
"""The protocols of the endpoints that plugins have."""
_ENDPOINTS: Final[Mapping[str, str | None]] = {
    # Endpoints that have an ARN name their account.
    "lambda": "lambda:{region}:{account}:function:*",
    "sqs": "sqs:{region}:{account}:*",
    "firehose": "firehose:{region}:{account}:deliverystream/*",
    "application": "sns:{region}:{account}:endpoint/*",
    "https": None,
    "http": None,
    "email": None,
    "email-json": None,
    "sms": None,
}
"""For each protocol of SNS the ARNs of its endpoints in an account; ``None`` if its endpoints belong to no account."""
_SUBSCRIBER: Final = "${aws:PrincipalAccount}"
"""A policy variable: the account that subscribes."""
_ORGANIZATION: Final = re.compile(r"o-[a-z0-9]{10,32}")


@dataclass(frozen=True, slots=True)
class OtherAccounts:
    """Accounts that may deploy plugins, beside the core's own.

    What is opened to them is the least that a plugin needs: to subscribe to a
    stage's topic (whose attributes CloudFormation reads before), to register as
    it is deployed, to report. An identity in one of these accounts needs the same
    right from its own account as well.

    In the account of the resource itself nothing is opened: there, a statement for
    a whole organization would admit every role, whatever its own policies are.

    Attributes:
        accounts: Their numbers.
        organization_id: The organization all of whose accounts may, beside those.
        protocols: The protocols that they may subscribe with. An endpoint that has an ARN has to be the
            subscriber's own, in the topic's region.
    """

    accounts: tuple[str, ...] = ()
    organization_id: str | None = None
    protocols: tuple[str, ...] = DEFAULT_PROTOCOLS

    @classmethod
    def checked(
        cls,
        scope: Construct,
        accounts: Sequence[str],
        organization_id: str | None,
        protocols: Sequence[str] = DEFAULT_PROTOCOLS,
    ) -> OtherAccounts:
        """Take what a construct was given.

        Raises:
            ValueError: An account, the organization or a protocol is not allowed.
        """
        if isinstance(accounts, str):
            raise ValueError(f"plugin_accounts is {accounts!r}: give a list of accounts, [{accounts!r}]")
        own = Stack.of(scope).account
        for account in accounts:
            if Token.is_unresolved(account):
                # What is opened to an account carries its number in the construct's id.
                raise ValueError("plugin_accounts has a token: use accounts that are known when the app is synthesized")
            check_account("plugin_accounts", account)
            if account == own:
                raise ValueError(
                    f"plugin_accounts has {account!r}, the account of {scope.node.path!r} itself: leave it out, roles "
                    f"of this account need no more than rights of their own"
                )
        if organization_id is not None and not _ORGANIZATION.fullmatch(organization_id):
            raise ValueError(
                f"organization_id is {organization_id!r}: use the id of an AWS organization, such as 'o-a1b2c3d4e5'"
            )
        _check_protocols(protocols)
        return cls(tuple(dict.fromkeys(accounts)), organization_id, tuple(dict.fromkeys(protocols)))

    def or_else(
        self,
        scope: Construct,
        accounts: Sequence[str] | None,
        organization_id: str | None,
        protocols: Sequence[str] | None,
    ) -> OtherAccounts:
        """Take what a construct was given, and these for what it was not.

        Raises:
            ValueError: An account, the organization or a protocol is not allowed.
        """
        return OtherAccounts.checked(
            scope,
            self.accounts if accounts is None else accounts,
            self.organization_id if organization_id is None else organization_id,
            self.protocols if protocols is None else protocols,
        )

    def open_topic(self, topic: sns.Topic) -> None:
        """Let them subscribe endpoints of their own to a topic."""
        # GetTopicAttributes has neither a protocol nor an endpoint: their conditions would refuse it.
        statements = [*self.statements(topic, ["sns:GetTopicAttributes"], [topic.topic_arn])]
        for endpoints in _endpoint_conditions(topic, self.protocols):
            statements += self.statements(topic, ["sns:Subscribe"], [topic.topic_arn], endpoints)
        for statement in statements:
            topic.add_to_resource_policy(statement)

    def open_queue(self, queue: sqs.Queue) -> None:
        """Let them send to a queue."""
        for statement in self.statements(queue, ["sqs:SendMessage"], [queue.queue_arn]):
            queue.add_to_resource_policy(statement)

    def open_function(self, function: lambda_.Function) -> None:
        """Let them invoke a function that has no other permissions: an organization's policy is the whole policy."""
        if self.organization_id is None:
            for account in self.accounts:
                function.add_permission(f"PluginsOf{account}", principal=iam.AccountPrincipal(account))
            return
        # AWS::Lambda::Permission can name an organization, and cannot leave out an account of it. The two kinds of
        # resources overwrite each other's statements, so a function has either.
        document = iam.PolicyDocument(
            statements=[*self.statements(function, ["lambda:InvokeFunction"], [function.function_arn])]
        )
        lambda_.CfnResourcePolicy(
            function, "PluginsOfOthers", resource_arn=function.function_arn, policy_document=document
        )

    def statements(
        self,
        scope: Construct,
        actions: Sequence[str],
        resources: Sequence[str],
        conditions: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Iterator[iam.PolicyStatement]:
        """Write the statements of a resource's policy that allow them something.

        Args:
            scope: The resource that has the policy, in whose account nothing is allowed to the organization.
            actions: What is allowed.
            resources: The resource, as its policy names it.
            conditions: Further conditions.
        """
        more = conditions or {}
        if self.accounts:
            yield iam.PolicyStatement(
                actions=list(actions),
                principals=[iam.AccountPrincipal(account) for account in self.accounts],
                resources=list(resources),
                conditions=dict(more),
            )
        if self.organization_id:
            # The organization is a condition, and conditions hold for all principals of a statement.
            yield iam.PolicyStatement(
                actions=list(actions),
                principals=[iam.AnyPrincipal()],
                resources=list(resources),
                conditions={
                    **more,
                    "StringEquals": {"aws:PrincipalOrgID": self.organization_id, **more.get("StringEquals", {})},
                    "StringNotEquals": {"aws:PrincipalAccount": Stack.of(scope).account},
                },
            )


def _check_protocols(protocols: Sequence[str]) -> None:
    if isinstance(protocols, str):
        raise ValueError(f"plugin_protocols is {protocols!r}: give a list of protocols, [{protocols!r}]")
    if not protocols:
        raise ValueError("plugin_protocols is empty: name a protocol, or leave plugin_accounts and organization_id out")
    if unknown := [protocol for protocol in protocols if protocol not in _ENDPOINTS]:
        raise ValueError(f"plugin_protocols has {unknown}: use protocols of SNS, which are {', '.join(_ENDPOINTS)}")


def _endpoint_conditions(scope: Construct, protocols: Sequence[str]) -> Iterator[dict[str, dict[str, Any]]]:
    """The conditions on what is subscribed: endpoints of the subscriber's account, and those that have no account."""
    stack = Stack.of(scope)
    own = {protocol: pattern for protocol in protocols if (pattern := _ENDPOINTS[protocol])}
    if own:
        # No wildcard stands before the account: it would match colons, and so an account that only looks like it.
        place = {"region": stack.region, "account": _SUBSCRIBER}
        arns = [f"arn:{stack.partition}:{pattern.format(**place)}" for pattern in own.values()]
        yield {"StringEquals": {"sns:Protocol": list(own)}, "StringLike": {"sns:Endpoint": arns}}
    if anywhere := [protocol for protocol in protocols if protocol not in own]:
        yield {"StringEquals": {"sns:Protocol": anywhere}}


NOBODY_ELSE: Final = OtherAccounts()
