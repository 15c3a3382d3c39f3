"""The command itself: what it loads, and how it says things."""

from __future__ import annotations

import subprocess
import sys

import pytest

from orchestrator_cli.errors import UsageError
from tests.cli.fakes import FakeGateway, invoke

_HEAVY = "('aws_cdk', 'boto3', 'botocore')"


@pytest.mark.parametrize(
    "arguments", ["['--help']", "['run', '--help']", "['local', '--help']", "['plugins', '--help']"]
)
def test_help_loads_neither_the_cdk_nor_the_sdk(arguments: str) -> None:
    code = (
        "import sys\n"
        "from orchestrator_cli.main import app\n"
        f"app({arguments}, standalone_mode=False)\n"
        f"loaded = [name for name in {_HEAVY} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


def test_nothing_of_the_command_imports_the_cdk() -> None:
    code = (
        "import importlib, pkgutil, sys, orchestrator_cli\n"
        "for module in pkgutil.walk_packages(orchestrator_cli.__path__, 'orchestrator_cli.'):\n"
        "    importlib.import_module(module.name)\n"
        "assert 'aws_cdk' not in sys.modules and 'orchestrator_constructs' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_version_is_printed() -> None:
    result = invoke(FakeGateway(), "--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("orchestrator ")


@pytest.mark.parametrize("given", ["novalue", "=x"])
def test_context_must_be_a_pair(given: str) -> None:
    result = invoke(FakeGateway(), "local", "deploy", "/tmp", "-c", given)
    assert result.exit_code == UsageError.exit_code
    assert f"context {given!r} is not KEY=VALUE" in result.stderr
