"""Who else may deploy plugins: other accounts, or a whole organization, and what is opened to them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from aws_cdk import Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from orchestrator_constructs.validation import check_account

_ORGANIZATION: Final = re.compile(r"o-[a-z0-9]{10,32}")


@dataclass(frozen=True, slots=True)
class OtherAccounts:
    """Accounts that may deploy plugins, beside the core's own.

    What is opened to them is the least that a plugin needs: to subscribe to a
    stage's topic (whose attributes CloudFormation reads before), to register as
    it is deployed, to report. An identity in one of these accounts needs the same
    right from its own account as well.

    Attributes:
        accounts: Their numbers.
        organization_id: The organization all of whose accounts may, beside those.
    """

    accounts: tuple[str, ...] = ()
    organization_id: str | None = None

    @classmethod
    def checked(cls, accounts: Sequence[str], organization_id: str | None) -> OtherAccounts:
        """Take what a construct was given.

        Raises:
            ValueError: An account or the organization has a wrong shape.
        """
        if isinstance(accounts, str):
            raise ValueError(f"plugin_accounts is {accounts!r}: give a list of accounts, [{accounts!r}]")
        for account in accounts:
            if Token.is_unresolved(account):
                # What is opened to an account carries its number in the construct's id.
                raise ValueError("plugin_accounts has a token: use accounts that are known when the app is synthesized")
            check_account("plugin_accounts", account)
        if organization_id is not None and not _ORGANIZATION.fullmatch(organization_id):
            raise ValueError(
                f"organization_id is {organization_id!r}: use the id of an AWS organization, such as 'o-a1b2c3d4e5'"
            )
        return cls(accounts=tuple(dict.fromkeys(accounts)), organization_id=organization_id)

    def or_else(self, accounts: Sequence[str] | None, organization_id: str | None) -> OtherAccounts:
        """Take what a construct was given, and these for what it was not.

        Raises:
            ValueError: An account or the organization has a wrong shape.
        """
        return OtherAccounts.checked(
            self.accounts if accounts is None else accounts,
            self.organization_id if organization_id is None else organization_id,
        )

    def open_topic(self, topic: sns.Topic) -> None:
        """Let them subscribe to a topic."""
        for statement in self._statements(["sns:GetTopicAttributes", "sns:Subscribe"], topic.topic_arn):
            topic.add_to_resource_policy(statement)

    def open_queue(self, queue: sqs.Queue) -> None:
        """Let them send to a queue."""
        for statement in self._statements(["sqs:SendMessage"], queue.queue_arn):
            queue.add_to_resource_policy(statement)

    def open_function(self, function: lambda_.Function) -> None:
        """Let them invoke a function."""
        for account in self.accounts:
            function.add_permission(f"PluginsOf{account}", principal=iam.AccountPrincipal(account))
        if self.organization_id:
            function.add_permission("PluginsOfOrganization", principal=iam.OrganizationPrincipal(self.organization_id))

    def _statements(self, actions: Sequence[str], resource: str) -> Iterator[iam.PolicyStatement]:
        # The organization is a condition, and conditions hold for all principals of a statement.
        principals: list[list[iam.IPrincipal]] = [
            [iam.AccountPrincipal(account) for account in self.accounts],
            [iam.OrganizationPrincipal(self.organization_id)] if self.organization_id else [],
        ]
        for together in filter(None, principals):
            yield iam.PolicyStatement(actions=list(actions), principals=together, resources=[resource])


NOBODY_ELSE: Final = OtherAccounts()
