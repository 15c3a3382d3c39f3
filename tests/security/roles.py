"""The roles of a template, and what each may do, in words that a reader of the documentation knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from orchestrator_runtime.contract import Handler
from tests.constructs.synthesis import Resource, StackTemplate

_PATH: Final = "aws:cdk:path"
_PLACES: Final = (
    (re.compile(r"arn:<Partition>:(\w+):<Region>:<AccountId>:"), r"arn:…:\1:…:"),
    (re.compile(r"^<(claims-dev-.*)>$"), r"\1"),
    (re.compile(r"^</claims/dev/core/(.*)-arn>$"), r"{\1}"),
    (re.compile("claims-dev"), "{system}-{stage}"),
    (re.compile("claims/dev"), "{system}/{stage}"),
    (re.compile(r"activity-Rate"), "activity-{activity}"),
    (re.compile(r"workflow-NewBusiness"), "workflow-{workflow}"),
)
_NAMED: Final = {
    "{system}-{stage}-results": "{results queue}",
    "{system}-{stage}-alerts": "{alerts topic}",
    "{results-queue}": "{results queue}",
    "{status-table}": "{status table}",
}
_TABLES: Final = {
    "Status": "status table",
    "Control": "control table",
    "Registry": "registry",
    "OrchestratorCalls": "table of calls",
}
_QUEUES: Final = {"Queue": "plugin's queue", "Undelivered": "queue of what SNS could not deliver"}


@dataclass(frozen=True)
class Role:
    """A role of a stack.

    Attributes:
        template: The stack's template.
        logical_id: The role's logical id.
    """

    template: StackTemplate
    logical_id: str

    @property
    def path(self) -> str:
        """Its construct path, without the last part, which all have."""
        return path_of(self.template, self.logical_id)

    @cached_property
    def handler(self) -> Handler | None:
        """Which handler of the core has it, if one does."""
        for function in self.template.resources("AWS::Lambda::Function").values():
            properties = function["Properties"]
            if properties["Role"] == {"Fn::GetAtt": [self.logical_id, "Arn"]}:
                return next((one for one in Handler if one.entry_point == properties["Handler"]), None)
        return None

    @cached_property
    def allowed(self) -> Mapping[str, set[str]]:
        """What it may do: actions by resource, as the template has it."""
        return self.template.allowed({"Properties": {"Role": {"Fn::GetAtt": [self.logical_id, "Arn"]}}})

    def in_words(self) -> Iterator[tuple[str, list[str]]]:
        """What it may do: a resource in words, and the actions on it."""
        found: dict[str, set[str]] = {}
        for resource, actions in self.allowed.items():
            found.setdefault(in_words(self.template, resource), set()).update(actions)
        for resource in sorted(found):
            yield resource, sorted(found[resource])


def roles_of(template: StackTemplate) -> list[Role]:
    """The roles of a template, in the order of their definition."""
    return [Role(template, logical_id) for logical_id in template.resources("AWS::IAM::Role")]


def path_of(template: StackTemplate, logical_id: str) -> str:
    """The path of the construct that a resource belongs to."""
    return str(template.body["Resources"][logical_id]["Metadata"][_PATH]).removesuffix("/Resource")


def in_words(template: StackTemplate, resource: str) -> str:
    """Write the resource of a statement as a pattern that holds for every deployment."""
    logical_id, _, rest = resource.removeprefix("<").partition(">")
    if (defined := template.body["Resources"].get(logical_id)) is not None:
        return f"{{{_kind(defined, path_of(template, logical_id))}}}{rest}"
    for pattern, words in _PLACES:
        resource = pattern.sub(words, resource)
    return _NAMED.get(resource, resource)


def _kind(resource: Resource, path: str) -> str:
    last = path.rpartition("/")[2]
    match resource["Type"]:
        case "AWS::DynamoDB::GlobalTable":
            return _TABLES[last]
        case "AWS::Logs::LogGroup":
            return "own log group"
        case "AWS::SQS::Queue":
            return _QUEUES.get(last, "dead letter queue")
        case "AWS::KMS::Key":
            return "key of the alerts"
    raise ValueError(f"{path} is in a policy, and there is no word for it yet: give it one in {__name__}")
