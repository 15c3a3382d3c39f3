"""Says in lines what reconciliation found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from rich.text import Text

from orchestrator_cli.plugins.reconciling import Finding, Reconciliation
from orchestrator_runtime.core.findings import ProblemKind, RepairAction

_STYLES: Final[Mapping[str, str]] = {
    RepairAction.ADDED: "green",
    RepairAction.CHANGED: "cyan",
    RepairAction.REMOVED: "yellow",
}


def describe_findings(found: Reconciliation, *, repaired: bool) -> Iterator[Text]:
    """One line for each finding, and one that sums them up.

    Args:
        found: What the core answered.
        repaired: Whether it repaired; otherwise it only looked.
    """
    problems = [problem for problem in found.problems if repaired or not _is_also_a_repair(problem, found)]
    of_problems = [_line(problem, problem.what, "bold red") for problem in problems]
    of_repairs = [
        _line(repair, repair.what if repaired else f"would be {repair.what}", _STYLES.get(repair.what, ""))
        for repair in found.repairs
    ]
    yield from of_repairs + of_problems if repaired else of_problems + of_repairs
    yield Text(_summary(found, problems=len(problems), repaired=repaired), style="bold")


def _is_also_a_repair(problem: Finding, found: Reconciliation) -> bool:
    """Whether a problem is listed as a repair already: a subscription without registration is both."""
    return problem.what == ProblemKind.NOT_REGISTERED and any(
        repair.subscription == problem.subscription and repair.what == RepairAction.ADDED for repair in found.repairs
    )


def _line(finding: Finding, what: str, style: str) -> Text:
    detail = f": {finding.detail}" if finding.detail else ""
    return Text.assemble((what, style), f" {finding.place}{detail}")


def _summary(found: Reconciliation, *, problems: int, repaired: bool) -> str:
    checked = _count(found.checked, "subscription")
    if repaired:
        repairs = _count(len(found.repairs), "repair") if found.repairs else "nothing to repair"
        left = f", {_count(problems, 'problem')} left for you" if problems else ""
        return f"{repairs}{left}; looked at {checked}"
    if not (problems or found.repairs):
        return f"nothing wrong with {checked}"
    parts = [_count(problems, "problem")] if problems else []
    if found.repairs:
        parts.append(f"{_count(len(found.repairs), 'repair')} for 'orchestrator plugins reconcile'")
    return f"{' and '.join(parts)}; looked at {checked}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
