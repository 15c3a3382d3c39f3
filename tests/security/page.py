"""Writes the tables of ``docs/security.md`` from the synthesized templates.

::

    python -m tests.security.page

Each table stands between two comments that name it; everything else on the page is written by hand.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tests.constructs.synthesis import PROJECT
from tests.security.built import Built, built, library_roles
from tests.security.checks import PACKS, Finding, Reason
from tests.security.estate import is_of_an_author
from tests.security.reasons import BY_AUTHORS, CORE, EVERY_RESOURCE, OTHERS, Documented
from tests.security.roles import Role

PAGE: Final = PROJECT / "docs" / "security.md"


def documented(role: Role) -> Documented:
    """What is written about a role.

    Raises:
        KeyError: Nothing is.
    """
    return CORE[role.handler] if role.handler else OTHERS[role.path]


def reason_of(finding: Finding, reasons: Iterable[Reason]) -> str | None:
    """The reason that is written for a finding, in the code or for what authors bring; ``None`` if there is none."""
    for reason in reasons:
        if reason.covers(finding):
            return reason.text
    return BY_AUTHORS.get(finding.rule) if is_of_an_author(finding.path) else None


def roles_of_the_platform() -> str:
    """One table for each role of core, activity and workflow."""
    return _tables(library_roles("Platform"))


def roles_of_plugins() -> str:
    """One table for each role of a plugin's construct, and one for who is granted things."""
    return _tables([*library_roles("Team"), *library_roles("Users")])


def every_resource() -> str:
    """What is allowed on every resource, and why."""
    rows = [
        (", ".join(f"`{action}`" for action in sorted(actions)), about.who, about.reason)
        for actions, about in EVERY_RESOURCE.items()
    ]
    return _table(("actions on `*`", "of", "why nothing narrower will do"), rows)


def checks() -> str:
    """How many findings there are by pack, and then each rule with its reasons."""
    found = {pack: Counter(_rows(pack, built().values())) for pack in PACKS}
    summary = [
        (
            pack,
            len({rule for rule, _ in rows}),
            rows.total(),
            sum(count for (_, reason), count in rows.items() if reason is not None),
            sum(count for (_, reason), count in rows.items() if reason is None),
        )
        for pack, rows in found.items()
    ]
    details = [
        (f"`{rule}`", count, reason or "none")
        for rows in found.values()
        for (rule, reason), count in sorted(rows.items(), key=lambda row: (row[0][0], -row[1], row[0][1] or ""))
    ]
    return "\n\n".join(
        (
            _table(("pack", "rules that find something", "findings", "accepted for a reason", "open"), summary),
            _table(("rule", "findings", "why it is right as it is"), details),
        )
    )


SECTIONS: Final[Mapping[str, Callable[[], str]]] = {
    "every resource": every_resource,
    "checks": checks,
    "roles of the platform": roles_of_the_platform,
    "roles of plugins": roles_of_plugins,
}


def with_tables(page: str) -> str:
    """The page with its tables as they should be.

    Raises:
        ValueError: It has no place for one of them.
    """
    for name, table in SECTIONS.items():
        place = re.compile(rf"(?<=<!-- generated: {name} -->\n).*?(?=<!-- end of {name} -->)", re.S)
        before, *after = place.split(page)
        page, places = f"\n{table()}\n\n".join((before, *after)), len(after)
        if places != 1:
            raise ValueError(f"the page has {places} places for {name!r}: write the two comments, once")
    return page


def _rows(pack: str, apps: Iterable[Built]) -> Iterable[tuple[str, str | None]]:
    for app in apps:
        for finding in app.findings[pack]:
            yield finding.rule.partition("[")[0], reason_of(finding, app.reasons)


def _tables(roles: Iterable[Role]) -> str:
    return "\n\n".join(_role(role, documented(role)) for role in roles)


def _role(role: Role, about: Documented) -> str:
    rows = [
        (f"`{resource}`", ", ".join(f"`{action}`" for action in actions), about.why[resource])
        for resource, actions in role.in_words()
    ]
    return f"**{about.title}**: {about.purpose}\n\n{_table(('resource', 'actions', 'why'), rows)}"


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    columns = list(heads)
    lines = [f"| {' | '.join(str(cell) for cell in row)} |" for row in (columns, *rows)]
    return "\n".join((lines[0], "|---" * len(columns) + "|", *lines[1:]))


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
