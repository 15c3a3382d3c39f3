"""Who may use what the library defines, according to the policies of the resources themselves."""

from __future__ import annotations

from functools import cache

from tests.constructs.apps import every_prop
from tests.constructs.resource_policies import CORE_ACCOUNT, Statement, statements
from tests.constructs.synthesis import synthesize
from tests.security.built import built

ORIGIN = {"aws:SourceArn", "aws:SourceAccount"}
# Lambda hands a role only to functions of the role's own account, and documents no such keys for its trust policy.
NO_ORIGIN = {("AWS::IAM::Role", "lambda.amazonaws.com"), ("AWS::IAM::Role", "ecs-tasks.amazonaws.com")}


@cache
def every_statement() -> list[Statement]:
    templates = [template for app in built().values() for template in app.stacks.values()]
    templates += synthesize(every_prop).stacks.values()
    return [statement for template in templates for statement in statements(template)]


def allowing() -> list[Statement]:
    return [statement for statement in every_statement() if statement.effect == "Allow"]


def test_every_kind_of_policy_is_read() -> None:
    assert {statement.type for statement in every_statement()} >= {
        "AWS::IAM::Role",
        "AWS::KMS::Key",
        "AWS::Lambda::Permission",
        "AWS::Lambda::ResourcePolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    }


def is_of_a_key(statement: Statement) -> bool:
    """Whether it lets the account use a key through services that check what a principal may do with their resources.

    No principal gets at data by it that has no right of its own on a table, topic or queue.
    """
    block = statement.conditions.get("StringEquals", {})
    return statement.type == "AWS::KMS::Key" and (
        block.get("kms:CallerAccount") == [CORE_ACCOUNT]
        and {service.partition(".")[0] for service in block["kms:ViaService"]} <= {"dynamodb", "sns", "sqs"}
    )


def test_nobody_unnamed_is_allowed_anything_but_an_organizations_other_accounts() -> None:
    unnamed = [statement for statement in allowing() if statement.is_for_everybody and not is_of_a_key(statement)]
    assert unnamed
    for statement in unnamed:
        member = statement.conditions.get("StringEquals", {}).get("aws:PrincipalOrgID")
        but = statement.conditions.get("StringNotEquals", {}).get("aws:PrincipalAccount")
        assert member, statement
        assert but == [CORE_ACCOUNT], statement


def test_what_is_denied_to_everybody_is_what_comes_without_tls() -> None:
    denied = [statement for statement in every_statement() if statement.effect == "Deny"]
    assert denied
    for statement in denied:
        assert statement.conditions == {"Bool": {"aws:SecureTransport": ["false"]}}, statement


def test_a_service_acts_for_a_resource_or_an_account_that_is_named() -> None:
    for statement in allowing():
        for service in statement.principal.get("Service", []):
            if (statement.type, service) in NO_ORIGIN:
                continue
            origin = statement.keys("StringEquals", "ArnEquals", "ArnLike") & ORIGIN
            assert origin, statement
            values = [value for block in statement.conditions.values() for key in origin for value in block[key]]
            assert "*" not in values, statement


def test_no_resource_policy_allows_every_action_but_to_the_account_itself() -> None:
    for statement in allowing():
        if any(action.endswith(":*") or action == "*" for action in statement.actions):
            assert statement.type == "AWS::KMS::Key", statement
            assert statement.principal == {"AWS": [f"arn:aws:iam::{CORE_ACCOUNT}:root"]}, statement
