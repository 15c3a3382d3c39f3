"""Changes the core's code in small ways, one at a time, and tells which changes no test notices.

The changes are mutmut's. It wants the package next to the tests, and leaves what is decorated alone; so it
gets a copy, in which the package lies at the root and a property is a method with a name for it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import libcst as cst

PROJECT: Final = Path(__file__).parents[2]
WORKSPACE: Final = PROJECT / ".mutation"
EXPLAINED: Final = Path(__file__).with_name("explained.toml")
"""Survivors that may live, by the reason why."""
RUNTIME: Final = PROJECT / "runtime"
PACKAGE: Final = "orchestrator_runtime"

MUTATED: Final = (
    "core",
    "filter_policy",
    "contract.py",
    "protocol/activity_work.py",
    "protocol/begin_run.py",
    "protocol/cancel_run.py",
    "protocol/check_deadlines.py",
    "protocol/closing.py",
    "protocol/end_run.py",
    "protocol/open_activity.py",
    "protocol/planning.py",
    "protocol/record_result.py",
    "protocol/sweep_runs.py",
    "protocol/watch_runs.py",
)
"""What is changed, below the package."""

TESTS: Final = (
    "tests/rules",
    "tests/unit/core",
    "tests/unit/aws/test_journal.py",
    "tests/unit/registration/test_reconcile.py",
    "tests/unit/test_attributes.py",
    "tests/unit/test_contract.py",
    "tests/unit/test_filter_policy.py",
    "tests/unit/test_filter_policy_body.py",
    "tests/unit/test_filter_policy_bounds.py",
    "tests/unit/test_filter_policy_problems.py",
    "tests/unit/test_filter_policy_properties.py",
    "tests/unit/test_models.py",
    "tests/unit/test_plugin_info.py",
)
"""Who is asked to notice: tests in memory, because each is run hundreds of times."""

SETTINGS: Final = """\
[tool.pytest.ini_options]
pythonpath = ["."]
addopts = ["--import-mode=importlib", "-p", "no:logging", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov"]

[tool.mutmut]
source_paths = ["{package}"]
only_mutate = {only_mutate}
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["--hypothesis-seed=0"]
use_git_change_detection = false
timeout_constant = 8
timeout_multiplier = 5
"""

NOTICED: Final = frozenset({"killed", "timeout", "segfault"})


class PropertiesAsMethods(cst.CSTTransformer):
    """Rewrites ``@property def name`` as a method and ``name = property(method)``."""

    def leave_FunctionDef(  # noqa: N802 - the visitor's name for it
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.FunctionDef | cst.FlattenSentinel[cst.BaseStatement]:
        """Rewrite one function, if it is a property."""
        decorators = [decorator.decorator for decorator in original_node.decorators]
        if not (len(decorators) == 1 and isinstance(decorators[0], cst.Name) and decorators[0].value == "property"):
            return updated_node
        name = original_node.name.value
        method = updated_node.with_changes(decorators=[], name=cst.Name(f"get_{name}"))
        return cst.FlattenSentinel([method, cst.parse_statement(f"{name} = property(get_{name})\n")])


def main(only: str = "") -> int:
    """Run the mutants of all that is mutated, or of the files below one path of the project."""
    files = files_to_mutate(only)
    if not files:
        sys.stderr.write(f"{only!r} is nothing that is mutated: name one of {', '.join(MUTATED)} of {RUNTIME.name}/\n")
        return 2
    prepare(files)
    mutmut = Path(sys.executable).with_name("mutmut")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run([mutmut, "run"], cwd=WORKSPACE, env=environment, check=False)
    if ran.returncode:
        return ran.returncode
    return 0 if report(files) else 1


def files_to_mutate(only: str) -> list[Path]:
    """The files to mutate, relative to the runtime's folder."""
    package = RUNTIME / PACKAGE
    chosen = [path for name in MUTATED for path in sorted((package / name).rglob("*.py")) or [package / name]]
    below = Path(only).resolve() if only else package
    return [path.relative_to(RUNTIME) for path in chosen if path.is_relative_to(below)]


def prepare(files: list[Path]) -> None:
    """Lay out the copy that mutmut works on."""
    shutil.rmtree(WORKSPACE, ignore_errors=True)
    shutil.copytree(RUNTIME / PACKAGE, WORKSPACE / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(PROJECT / "tests", WORKSPACE / "tests", ignore=shutil.ignore_patterns("__pycache__", "e2e"))
    for file in files:
        copy = WORKSPACE / file
        copy.write_text(cst.parse_module(copy.read_text("utf-8")).visit(PropertiesAsMethods()).code, "utf-8")
    settings = SETTINGS.format(
        package=PACKAGE,
        only_mutate=json.dumps([str(file) for file in files]),
        tests=json.dumps(TESTS),
    )
    (WORKSPACE / "pyproject.toml").write_text(settings, "utf-8")


def report(files: list[Path]) -> bool:
    """Print the survivors that nobody has explained, each with what was changed, and how many there were of all.

    Returns:
        Whether every survivor is explained.
    """
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code

    explained = {
        change for reason in tomllib.loads(EXPLAINED.read_text("utf-8")).values() for change in changes(reason)
    }
    os.chdir(WORKSPACE)
    total: Counter[str] = Counter()
    for file in files:
        results = SourceFileMutationData(path=file)
        results.load()
        counted: Counter[str] = Counter()
        for mutant, exit_code in results.exit_code_by_key.items():
            if status_by_exit_code[exit_code] in NOTICED:
                counted["killed"] += 1
                continue
            diff = get_diff_for_mutant(mutant, path=file)
            change = Change(file.name, lines(diff, "-"), lines(diff, "+"))
            kind = "words" if change.is_of_words else "explained" if change in explained else "unexplained"
            counted[kind] += 1
            if kind == "unexplained":
                sys.stdout.write(f"\nsurvived: {mutant}\n{diff}\n")
        total += counted
        if counted:
            sys.stdout.write(f"{RUNTIME.name}/{file}: {figures(counted)}\n")
    sys.stdout.write(f"{figures(total)}\n")
    return not total["unexplained"]


@dataclass(frozen=True)
class Change:
    """What a mutant has changed: lines of code without their indentation."""

    file: str
    was: str
    becomes: str

    @property
    def is_of_words(self) -> bool:
        """Whether only the words of a sentence were changed: tests that spell each sentence would hold nothing."""
        for literal in re.findall(r'"([^"]*)"', self.was):
            others = (f"XX{literal}XX", literal.lower(), literal.upper())
            if " " in literal and self.becomes in {self.was.replace(f'"{literal}"', f'"{other}"') for other in others}:
                return True
        return False


def changes(reason: Mapping[str, Any]) -> Iterator[Change]:
    """The survivors that are explained by one reason."""
    for survivor in reason["survivors"]:
        for becomes in survivor["becomes"]:
            yield Change(survivor["file"], survivor["was"], becomes)


def lines(diff: str, sign: str) -> str:
    """The lines that a diff takes away, or adds."""
    marked = (line for line in diff.splitlines() if line.startswith(sign) and not line.startswith(sign * 3))
    return "\n".join(line[1:].strip() for line in marked)


def figures(counted: Counter[str]) -> str:
    """Say in one line how many mutants were noticed."""
    mutants, killed = counted.total(), counted["killed"]
    survived = f"mutants={mutants} killed={killed} survived={mutants - killed} ({100 * killed / mutants:.1f} %)"
    return survived + "".join(f" {kind}={counted[kind]}" for kind in ("words", "explained", "unexplained"))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
