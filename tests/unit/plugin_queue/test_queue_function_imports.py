"""The functions around a queue need no layer: nothing that Lambda's Python does not bring."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "runtime" / "orchestrator_runtime" / "plugin_queue"
ALLOWED = ("boto3", "orchestrator_runtime.contract", "orchestrator_runtime.plugin_queue")


def imported(file: Path) -> set[str]:
    """Modules that a file imports, but for types."""
    tree = ast.parse(file.read_text("utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    modules = set()
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            modules.add(str(node.module))
    return modules


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.name)
def test_only_the_standard_library_boto3_and_the_contract_are_imported(file: Path) -> None:
    others = {name for name in imported(file) if name.split(".")[0] not in sys.stdlib_module_names}
    assert {name for name in others if not any(name == one or name.startswith(f"{one}.") for one in ALLOWED)} == set()


def test_both_functions_are_looked_at() -> None:
    assert {"forward_to_fifo.py", "report_dead_letters.py"} <= {file.name for file in FOLDER.glob("*.py")}
    assert "boto3" in imported(FOLDER / "forward_to_fifo.py")
