"""``docs/security.md`` says what the templates say."""

from __future__ import annotations

import re

import pytest

from tests.constructs.synthesis import PROJECT
from tests.security.built import built, library_roles
from tests.security.checks import PACKS
from tests.security.estate import is_of_an_author
from tests.security.page import PAGE, documented, reason_of, with_tables
from tests.security.reasons import BY_AUTHORS, EVERY_RESOURCE
from tests.security.roles import Role

STACKS = ("Platform", "Team", "Users")


def test_the_tables_are_up_to_date() -> None:
    page = PAGE.read_text()
    assert with_tables(page) == page, "run: make security-docs"


def test_the_tests_that_it_names_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE.read_text())
    assert named
    assert [test for file, test in named if f"def {test}(" not in (PROJECT / file).read_text()] == []


@pytest.mark.parametrize("stack", STACKS)
def test_each_right_has_its_reason_and_no_reason_is_left_over(stack: str) -> None:
    for role in library_roles(stack):
        assert {resource for resource, _ in role.in_words()} == set(documented(role).why), role.path


def test_a_network_adds_what_its_interfaces_need_and_nothing_else() -> None:
    """So the page needs no tables for a core in a network."""
    plain = {role.handler: rights(role) for role in library_roles("Platform") if role.handler}
    network = {
        role.handler: {(as_of_any_core(resource), action) for resource, action in rights(role)}
        for role in library_roles("Network")
        if role.handler
    }
    (interfaces,) = [actions for actions in EVERY_RESOURCE if any(action.startswith("ec2:") for action in actions)]
    added = {("*", action) for action in interfaces}
    for handler, allowed in network.items():
        assert allowed == plain[handler] | added, handler


def as_of_any_core(resource: str) -> str:
    resource = resource.replace("network-dev", "{system}-{stage}").replace("network/dev", "{system}/{stage}")
    resource = resource.replace("<{system}-{stage}-alerts>", "{alerts topic}")
    return resource.replace("<{system}-{stage}-results>", "{results queue}")


def rights(role: Role) -> set[tuple[str, str]]:
    return {(resource, action) for resource, actions in role.in_words() for action in actions}


def test_what_is_allowed_on_every_resource_is_listed_and_is_little() -> None:
    found: set[frozenset[str]] = set()
    for app in built().values():
        for role in app.roles:
            services: dict[str, set[str]] = {}
            for action in role.allowed.get("*", ()):
                services.setdefault(action.partition(":")[0], set()).add(action)
            found |= {frozenset(actions) for actions in services.values()}
    assert found == set(EVERY_RESOURCE)
    assert len(found) <= 5


def test_no_action_is_a_wildcard() -> None:
    for app in built().values():
        for role in app.roles:
            assert not [action for actions in role.allowed.values() for action in actions if "*" in action], role.path


@pytest.mark.parametrize("pack", PACKS)
def test_each_finding_has_its_reason(pack: str) -> None:
    for name, app in built().items():
        assert [one for one in app.findings[pack] if not reason_of(one, app.reasons)] == [], name


def test_no_reason_is_left_over() -> None:
    """What the code acknowledges is found somewhere, and what is accepted of authors too."""
    acknowledged = {(reason.rule, reason.text): False for app in built().values() for reason in app.reasons}
    authors = dict.fromkeys(BY_AUTHORS, False)
    for app in built().values():
        for finding in (one for found in app.findings.values() for one in found):
            for reason in (one for one in app.reasons if one.covers(finding)):
                acknowledged[reason.rule, reason.text] = True
            if is_of_an_author(finding.path) and finding.rule in authors:
                authors[finding.rule] = True
    assert [key for key, found in (acknowledged | authors).items() if not found] == []
