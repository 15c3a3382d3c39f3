"""What cdk-nag finds in the library and in the example, and what is written about it in the code.

An acknowledgement takes a finding away before anyone can count it. Here they are held back and
noted down, so that each finding is seen and looked up among the reasons afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from unittest import mock

from aws_cdk import Acknowledgment, App
from cdk_nag import AwsSolutionsChecks, NIST80053R5Checks, ServerlessChecks
from constructs import IConstruct

PACKS: Final[Mapping[str, Any]] = {
    "AwsSolutions": AwsSolutionsChecks,
    "Serverless": ServerlessChecks,
    "NIST 800-53 r5": NIST80053R5Checks,
}
_HELD_BACK: Final = "orchestrator_constructs.acknowledgements.Validations"


@dataclass(frozen=True)
class Finding:
    """What a pack says of a resource.

    Attributes:
        rule: The rule, with what it names in brackets.
        path: The resource's construct path.
    """

    rule: str
    path: str


@dataclass(frozen=True)
class Reason:
    """What the code says of a rule.

    Attributes:
        rule: As in a finding.
        scope: The path of the construct that it holds for, with all that is below.
        text: Why it is right as it is.
    """

    rule: str
    scope: str
    text: str

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding."""
        return self.rule == finding.rule and f"{finding.path}/".startswith(f"{self.scope}/")


@contextmanager
def reasons_held_back() -> Iterator[list[Reason]]:
    """Note acknowledgements down instead of making them."""
    reasons: list[Reason] = []

    class Notes:
        """Stands for the validations of a construct."""

        def __init__(self, scope: IConstruct) -> None:
            self._path = scope.node.path

        @classmethod
        def of(cls, scope: IConstruct) -> Notes:
            return cls(scope)

        def acknowledge(self, *acknowledged: Acknowledgment) -> None:
            reasons.extend(Reason(one.id, self._path, one.reason or "") for one in acknowledged)

    with mock.patch(_HELD_BACK, Notes):
        yield reasons


def findings(app: App) -> Mapping[str, Sequence[Finding]]:
    """What each pack finds in an app after its synthesis."""
    return {
        name: [
            Finding(violation.rule_name, resource.construct_path or "")
            for violation in pack().validate_scope(app).violations
            for resource in violation.violating_resources
        ]
        for name, pack in PACKS.items()
    }
