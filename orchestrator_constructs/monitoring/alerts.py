"""Whom a deployment alerts: a topic that alarms and the watching function may publish to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aws_cdk import RemovalPolicy, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from orchestrator_constructs.encryption import let_alarms_use
from orchestrator_runtime.deployment import Deployment

_ALARMS: Final = "cloudwatch.amazonaws.com"


class AlertsTopic(Construct):
    """Defines the topic ``{system}-{stage}-alerts``, encrypted and closed to anything but TLS.

    It has a customer managed key, one that it is given or one of its own. The policy of ``alias/aws/sns`` cannot be
    changed, and does not let CloudWatch encrypt, so that no alarm would be published.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002
        *,
        deployment: Deployment,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, id)
        self._key = key or self._own_key(deployment)
        let_alarms_use(self._key, self)
        self._topic = sns.Topic(
            self,
            "Topic",
            topic_name=deployment.alerts_topic,
            display_name=f"Alerts of {deployment.prefix}",
            master_key=self._key,
            enforce_ssl=True,
        )

    def _own_key(self, deployment: Deployment) -> kms.IKey:
        return kms.Key(
            self,
            "Key",
            description=f"Encrypts the alerts of {deployment.prefix}",
            enable_key_rotation=True,
            # It keeps nothing but what SNS is about to deliver.
            removal_policy=RemovalPolicy.DESTROY,
        )

    @property
    def topic(self) -> sns.Topic:
        """The topic."""
        return self._topic

    def let_publish(self, function: lambda_.Function) -> None:
        """Let a function publish, and have SNS encrypt in its name; CDK's own grant names a wildcard of actions."""
        for actions, resource in (
            (["sns:Publish"], self._topic.topic_arn),
            (["kms:Decrypt", "kms:GenerateDataKey"], self._key.key_arn),
        ):
            function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[resource]))


def let_alarms_publish(scope: Construct, topic: sns.ITopic) -> None:
    """Let alarms of the account publish to a topic: its policy, and that of its key, have to name CloudWatch."""
    topic.grant_publish(_alarms_of(scope))


def subscribe_emails(topic: sns.ITopic, emails: Sequence[str]) -> None:
    """Subscribe email addresses to a topic; each has to confirm its subscription.

    Raises:
        ValueError: Something is no address.
    """
    if isinstance(emails, str):
        raise ValueError(f"alert_emails is {emails!r}: give a list of addresses, [{emails!r}]")
    for email in emails:
        if not isinstance(email, str) or not (Token.is_unresolved(email) or "@" in email.strip("@")):
            raise ValueError(f"alert_emails has {email!r}: use addresses such as 'operators@example.com'")
        topic.add_subscription(subscriptions.EmailSubscription(email))


def _alarms_of(scope: Construct) -> iam.ServicePrincipal:
    return iam.ServicePrincipal(_ALARMS, conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}})
