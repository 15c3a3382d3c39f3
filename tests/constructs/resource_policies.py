"""The statements of a template's resource policies, and whom they admit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from tests.constructs.synthesis import Resource, StackTemplate

CORE_ACCOUNT: Final = "123456789012"
"""Stands for the account that a template is deployed to."""
_PLACE: Final = {"AccountId": CORE_ACCOUNT, "Partition": "aws", "Region": "eu-west-1"}
_DOCUMENTS: Final = ("PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument")
_WILDCARD: Final = "*"


@dataclass(frozen=True)
class Statement:
    """A statement of a resource's policy.

    Attributes:
        type: The type of the template's resource that has the statement.
        where: The logical id of that.
        effect: ``Allow`` or ``Deny``.
        principal: The principals by their kind; ``{"AWS": ["*"]}`` is everybody.
        actions: The actions.
        resources: The resources, readable.
        conditions: Operators, keys and values, readable.
    """

    type: str
    where: str
    effect: str
    principal: Mapping[str, list[str]]
    actions: list[str]
    resources: list[str]
    conditions: Mapping[str, Mapping[str, list[str]]]

    @property
    def is_for_everybody(self) -> bool:
        """Whether it names no principal."""
        return _WILDCARD in self.principal.get("AWS", [])

    def keys(self, *operators: str) -> set[str]:
        """The condition keys under some operators, or under all."""
        return {key for name, block in self.conditions.items() if not operators or name in operators for key in block}

    def admits_by_itself(self, account: str, request: Mapping[str, str]) -> bool:
        """Whether it lets a role in, of this account, that has no policy of its own in that account.

        Args:
            account: The role's account.
            request: The condition keys of the request.
        """
        if account == CORE_ACCOUNT and not self.is_for_everybody:
            # An account as principal leaves it to the policies of that account.
            return False
        return self.admits(account, request)

    def admits(self, account: str, request: Mapping[str, str]) -> bool:
        """Whether it lets a role in, of this account, if policies of that account let it, too."""
        named = f"arn:aws:iam::{account}:root"
        context = {"aws:PrincipalAccount": account, **request}
        return (
            self.effect == "Allow"
            and (self.is_for_everybody or bool({named, account} & {*self.principal.get("AWS", [])}))
            and all(
                _holds(operator, context.get(key), [_filled(value, context) for value in values])
                for operator, block in self.conditions.items()
                for key, values in block.items()
            )
        )


def statements(template: StackTemplate) -> Iterator[Statement]:
    """Every statement of every resource policy, trust policy and permission of a template."""
    for logical_id, resource in template.body["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Lambda::Permission":
            yield _permission(template, logical_id, resource)
        for name in _DOCUMENTS:
            for statement in properties.get(name, {}).get("Statement", []):
                if "Principal" in statement:
                    yield Statement(
                        type=resource["Type"],
                        where=logical_id,
                        effect=statement["Effect"],
                        principal=_principal(template, statement["Principal"]),
                        actions=_listed(statement["Action"]),
                        resources=_texts(template, statement.get("Resource", [])),
                        conditions={
                            operator: {key: _texts(template, values) for key, values in block.items()}
                            for operator, block in statement.get("Condition", {}).items()
                        },
                    )


def _permission(template: StackTemplate, logical_id: str, resource: Resource) -> Statement:
    """What Lambda makes of a permission."""
    properties = resource["Properties"]
    principal = str(template.readable(properties["Principal"]))
    kind = "Service" if principal.endswith(".amazonaws.com") else "AWS"
    keys = {"SourceArn": "ArnLike", "SourceAccount": "StringEquals", "PrincipalOrgID": "StringEquals"}
    conditions: dict[str, dict[str, list[str]]] = {}
    for name, operator in keys.items():
        if name in properties:
            conditions.setdefault(operator, {})[f"aws:{name}"] = _texts(template, properties[name])
    return Statement(
        type=resource["Type"],
        where=logical_id,
        effect="Allow",
        principal={kind: [principal]},
        actions=[properties["Action"]],
        resources=_texts(template, properties["FunctionName"]),
        conditions=conditions,
    )


def _holds(operator: str, got: str | None, wanted: list[str]) -> bool:
    match operator:
        case "StringEquals":
            return got in wanted
        case "StringNotEquals":
            return got not in wanted
        case "StringLike" | "ArnLike" | "ArnEquals":
            return got is not None and any(fnmatchcase(got, pattern) for pattern in wanted)
    raise AssertionError(f"no meaning is written for {operator}")


def _filled(value: str, context: Mapping[str, str]) -> str:
    for key, filled in context.items():
        value = value.replace(f"${{{key}}}", filled)
    return value


def _principal(template: StackTemplate, principal: Any) -> dict[str, list[str]]:
    if principal == _WILDCARD:
        return {"AWS": [_WILDCARD]}
    return {kind: _texts(template, values) for kind, values in principal.items()}


def _texts(template: StackTemplate, value: Any) -> list[str]:
    texts = [str(one) for one in _listed(template.readable(value))]
    for name, there in _PLACE.items():
        texts = [text.replace(f"<{name}>", there) for text in texts]
    return texts


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
