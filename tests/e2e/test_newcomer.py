"""A team with nothing but the wheel deploys a plugin while core and workflows stand, from a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_cli.local.cdk import CdkError
from orchestrator_runtime.deployment import CoreOutput
from tests.e2e.conftest import APPS
from tests.e2e.system import System, plugins, states

pytestmark = pytest.mark.e2e

GREETINGS = {
    "Greeting": "Good morning, you",
    "Once": "Good morning, you",
    "Node": "Bonjour, you",
    "AsItIs": "As it is, you",
    "Queued": "Good morning, you",
    "Ordered": "Good morning, you",
}
UV = str(Path(sys.executable).parent / "uv")


@pytest.fixture(scope="module")
def team_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel and what it brings for CDK apps, and nothing else."""
    folder = tmp_path_factory.mktemp("team")
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    # The same versions as in development: what is tested is the wheel, not today's releases.
    lock = Path(__file__).resolve().parents[2] / "requirements" / "dev.txt"
    install = [UV, "pip", "install", "--quiet", "--python", str(python), "--constraint", str(lock), f"{wheel}[cdk]"]
    subprocess.run(install, check=True)
    return python


@pytest.fixture(scope="module")
def newcomer(team_python: Path, core: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The team's app in a folder of its own."""
    folder = tmp_path_factory.mktemp("elsewhere") / "newcomer"
    shutil.copytree(APPS / "newcomer", folder)
    # Not by PATH or PYTHONPATH: the environment's own Python, and no way to this checkout.
    (folder / "cdk.json").write_text(json.dumps({"app": f"env -u PYTHONPATH {team_python} app.py"}))
    yield folder
    assert "PYTHONPATH" not in os.environ


def test_the_wheel_s_environment_has_no_command_line_and_no_checkout(team_python: Path, tmp_path: Path) -> None:
    code = (
        "import importlib.util, orchestrator_constructs, orchestrator_runtime;"
        "assert importlib.util.find_spec('typer') is None and importlib.util.find_spec('moto') is None;"
        "print(orchestrator_constructs.__file__, orchestrator_runtime.__file__)"
    )
    told = subprocess.run([str(team_python), "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert all(str(team_python.parents[1]) in path for path in told.stdout.split())


def test_the_command_says_what_it_lacks(team_python: Path) -> None:
    told = subprocess.run(
        [str(team_python.parent / "orchestrator"), "--help"], check=False, capture_output=True, text=True
    )
    assert told.returncode == 1
    assert told.stderr == (
        "orchestrator: the command's packages are not installed: pip install 'orchestrator-constructs[cli]'\n"
    )


def test_a_run_before_has_no_plugins_and_completes(core: System) -> None:
    run = core.run("Idle", "before", {"greet": "yes", "name": "you"})
    assert run.exit_code == 0, run.stderr
    assert plugins(run.document) == {}


def test_new_plugins_of_each_kind_are_called_in_the_next_run(core: System, newcomer: Path) -> None:
    core.aws.deploy(newcomer)
    run = core.run("Idle", "after", {"greet": "yes", "name": "you"})
    assert run.exit_code == 0, run.stderr
    assert {
        name.removeprefix("Bare/parallel/"): state for name, state in states(run.document).items()
    } == dict.fromkeys(GREETINGS, "Complete")
    table = core.output(CoreOutput.STATUS_TABLE_NAME)
    for plugin, greeting in GREETINGS.items():
        key = {"uid": {"S": "after"}, "path": {"S": f"~outputs/Idle/Bare/parallel/{plugin}/"}}
        output = core.aws.client("dynamodb").get_item(TableName=table, Key=key)["Item"]["output"]["S"]
        assert json.loads(output) == greeting


def test_a_filter_that_does_not_match_means_not_called_and_not_waited_for(core: System, newcomer: Path) -> None:
    run = core.run("Idle", "quiet", {"greet": "no", "name": "you"})
    assert run.exit_code == 0, run.stderr
    assert plugins(run.document) == {}


def test_a_changed_filter_is_deployed(core: System, newcomer: Path) -> None:
    core.aws.deploy(newcomer, context={"greet": "again"})
    run = core.run("Idle", "again", {"greet": "again", "name": "you"})
    assert {name.removeprefix("Bare/parallel/") for name in states(run.document)} == GREETINGS.keys()
    assert plugins(core.run("Idle", "no-more", {"greet": "yes", "name": "you"}).document) == {}


def test_a_name_that_is_taken_fails_the_deployment_with_that_sentence(core: System, newcomer: Path) -> None:
    before = core.tell("plugins", "--activity", "Bare", "--json").document
    other = newcomer.with_name("other")
    shutil.copytree(newcomer, other, dirs_exist_ok=True)
    app = other / "app.py"
    app.write_text(app.read_text().replace("newcomer", "latecomer").replace("Newcomer", "Latecomer"))
    with pytest.raises(CdkError, match=r"a plugin named '\w+' is registered to Bare/parallel already"):
        core.aws.deploy(other)
    # Rolled back, it leaves nothing: no registration, and no subscription without one.
    assert core.tell("plugins", "--activity", "Bare", "--json").document == before
    assert core.tell("plugins", "doctor", "--activity", "Bare").exit_code == 0


def test_an_activity_that_is_not_there_fails_the_deployment(core: System, newcomer: Path) -> None:
    with pytest.raises(CdkError, match=r"/faults/e2e/activities/Nowhere/parallel/topic-arn"):
        core.aws.deploy(newcomer, context={"activity": "Nowhere"})


def test_a_plugin_that_is_destroyed_is_not_waited_for(core: System, newcomer: Path) -> None:
    core.aws.destroy(newcomer)
    run = core.run("Idle", "gone", {"greet": "again", "name": "you"})
    assert run.exit_code == 0, run.stderr
    assert plugins(run.document) == {}
    assert core.tell("plugins", "doctor", "--activity", "Bare").exit_code == 0
