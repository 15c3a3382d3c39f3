"""The apps of the estate, synthesized once, with what is found in them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.constructs.synthesis import StackTemplate
from tests.security.checks import Finding, Reason, findings, reasons_held_back
from tests.security.estate import APPS, new_app
from tests.security.roles import Role, roles_of


@dataclass(frozen=True)
class Built:
    """An app after its synthesis.

    Attributes:
        stacks: Its templates by stack id.
        findings: What each pack of cdk-nag finds, acknowledged or not.
        reasons: What its code acknowledges.
    """

    stacks: Mapping[str, StackTemplate]
    findings: Mapping[str, Sequence[Finding]]
    reasons: Sequence[Reason]

    @property
    def roles(self) -> list[Role]:
        """The roles of all its stacks."""
        return [role for template in self.stacks.values() for role in roles_of(template)]


@cache
def built() -> Mapping[str, Built]:
    """All apps by name."""
    return {name: _build(name) for name in APPS}


def library_roles(stack: str) -> list[Role]:
    """The roles of one stack of the library's app."""
    return roles_of(built()["the library"].stacks[stack])


def _build(name: str) -> Built:
    app = new_app()
    with reasons_held_back() as reasons:
        APPS[name](app)
        assembly = app.synth()
    stacks = {
        artifact.id: StackTemplate(json.loads(Path(artifact.template_full_path).read_text()))
        for artifact in assembly.stacks
    }
    return Built(stacks, findings(app), reasons)
