"""The arrows between the packages, and the sizes of files, as they are in the tree."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNTIME = ROOT / "runtime" / "orchestrator_runtime"
CONSTRUCTS = ROOT / "orchestrator_constructs"
CLI = ROOT / "orchestrator_cli"
OURS = ("orchestrator_constructs", "orchestrator_cli", "orchestrator_runtime")
ADAPTERS = tuple(f"orchestrator_runtime.{name}" for name in ("stores", "aws", "handlers"))
SDK = ("boto3", "botocore")
CDK = ("aws_cdk", "constructs")
MOST_LINES = 400
"""Of a file. A longer one does two things."""


def imports(file: Path, package_root: Path) -> Iterator[str]:
    """Full names of all that a file imports, wherever in it: for types or at last moment as well."""
    package = file.relative_to(package_root).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
            module = ".".join(filter(None, (above, node.module)))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def below(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def found(folder: Path, *forbidden: str, allowed: tuple[str, ...] = ()) -> list[str]:
    """Imports below a folder that are forbidden and not allowed, each with its place."""
    files = sorted(folder.rglob("*.py"))
    assert files, folder
    root = RUNTIME.parent if folder.is_relative_to(RUNTIME) else ROOT
    return [
        f"{file.relative_to(ROOT)}: {name}"
        for file in files
        for name in imports(file, root)
        if below(name, *forbidden) and not below(name, *allowed)
    ]


def test_the_runtime_imports_nothing_of_ours_and_no_cdk() -> None:
    assert found(RUNTIME, *CDK, "orchestrator_constructs", "orchestrator_cli", "typer", "rich") == []


def test_constructs_import_of_the_runtime_what_both_sides_share() -> None:
    allowed = tuple(
        f"orchestrator_runtime.{shared}"
        for shared in ("contract", "custom_resources", "deployment", "filter_policy", "names")
    )
    assert found(CONSTRUCTS, "orchestrator_runtime", "orchestrator_cli", *SDK, allowed=allowed) == []


def test_the_command_line_imports_no_cdk_and_no_constructs() -> None:
    assert found(CLI, *CDK, "orchestrator_constructs") == []


def test_the_core_is_pure() -> None:
    ports = [f"orchestrator_runtime.{file.stem}" for file in RUNTIME.glob("*ports.py")]
    assert {"orchestrator_runtime.ports", "orchestrator_runtime.watch_ports"} < {*ports}
    forbidden = (*SDK, *ADAPTERS, *ports, "orchestrator_runtime.protocol", "aws_lambda_powertools")
    assert found(RUNTIME / "core", *forbidden) == []


def test_the_protocol_knows_ports_only() -> None:
    assert found(RUNTIME / "protocol", *SDK, *ADAPTERS, "aws_lambda_powertools") == []


def test_stores_and_adapters_decide_nothing() -> None:
    for folder in ("stores", "aws"):
        assert found(RUNTIME / folder, "orchestrator_runtime.protocol", "orchestrator_runtime.handlers") == []


def test_the_contract_needs_the_standard_library_only() -> None:
    for file in ("contract.py", "custom_resources.py", "deployment.py", "names.py", "foreign_text.py"):
        for name in imports(RUNTIME / file, RUNTIME.parent):
            ours = any(below(name, f"orchestrator_runtime.{module}") for module in ("contract", "foreign_text"))
            assert ours or name.split(".")[0] in sys.stdlib_module_names, name


def test_names_in_text_are_no_imports_and_imports_in_functions_are(tmp_path: Path) -> None:
    file = tmp_path / "package" / "inner" / "module.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        '"""import boto3"""\ndef f():\n    import a.b\n    from c import d\n    from . import e\n    from ..g import h'
    )
    assert sorted(imports(file, tmp_path)) == ["a.b", "c.d", "package.g.h", "package.inner.e"]


LOADED = "import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"


def loaded_by(module: str) -> set[str]:
    """Top-level packages that an import brings with it, in a Python of its own."""
    paths = f"import sys; sys.path[:0] = {[str(RUNTIME.parent), str(ROOT)]!r}; "
    code = paths + LOADED.format(module=module)
    answer = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(answer.stdout.split())


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("orchestrator_runtime", {"aws_cdk", "typer", "rich", "orchestrator_cli", "orchestrator_constructs", "boto3"}),
        ("orchestrator_runtime.contract", {"aws_cdk", "pydantic", "boto3", "aws_lambda_powertools"}),
        ("orchestrator_runtime.filter_policy", {"aws_cdk", "boto3", "pydantic"}),
        ("orchestrator_cli.main", {"aws_cdk", "boto3", "orchestrator_constructs"}),
    ],
)
def test_an_import_brings_no_more_than_it_needs(module: str, without: set[str]) -> None:
    loaded = loaded_by(module)
    assert module.split(".", maxsplit=1)[0] in loaded
    assert loaded & without == set()


def test_no_file_of_ours_is_long() -> None:
    folders = (RUNTIME, CONSTRUCTS, CLI)
    files = [ROOT / "app.py", *(file for folder in folders for file in folder.rglob("*.py"))]
    files += [file for file in (ROOT / "examples").rglob("*.py") if "cdk.out" not in file.parts]
    long = {str(file.relative_to(ROOT)): lines for file in files if (lines := _lines(file)) > MOST_LINES}
    assert long == {}


def _lines(file: Path) -> int:
    return len(file.read_text("utf-8").splitlines())
