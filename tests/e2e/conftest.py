"""One local AWS for all tests of the system: a core and workflows, and the plugins of a team."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_cli.local import LocalEnvironment
from tests.e2e.system import System

ROOT = Path(__file__).resolve().parents[2]
APPS = Path(__file__).resolve().parent / "apps"


@pytest.fixture(scope="session")
def local_aws() -> Iterator[LocalEnvironment]:
    with LocalEnvironment() as environment:
        yield environment


@pytest.fixture(scope="session")
def insurance(local_aws: LocalEnvironment) -> System:
    """The example: three apps of three teams."""
    for app in ("platform", "underwriting", "documents"):
        local_aws.deploy(ROOT / "examples" / "insurance" / app)
    return System(local_aws, "insurance", "demo")


@pytest.fixture(scope="session")
def core(local_aws: LocalEnvironment) -> System:
    """A system deployed from this repository by context alone, as the README shows it; it has no plugins yet."""
    local_aws.deploy(
        ROOT,
        context={
            "system": "faults",
            "stage": "e2e",
            "activities": '["Check", "Bare", "Kinds", "Plain", "Here", "There", "Wait", "Crowd", "Flood"]',
            "workflows": json.dumps(
                {
                    "Work": ["Check"],
                    "Idle": ["Bare"],
                    "Everything": ["Kinds"],
                    "Foreign": ["Plain"],
                    "Patience": ["Wait"],
                    "Crowded": ["Crowd"],
                    "Flooded": ["Flood"],
                }
            ),
        },
    )
    return System(local_aws, "faults", "e2e")


@pytest.fixture(scope="session")
def faults(local_aws: LocalEnvironment, core: System) -> System:
    """That system, with a team's plugins that work, fail, or fall silent."""
    local_aws.deploy(APPS / "team")
    core.settle()
    return core


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [str(Path(sys.executable).parent / "uv"), "build", "--quiet", "--wheel", "--out-dir", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True)
    [built] = folder.glob("*.whl")
    return built
