"""The example of a plugin without the library: deployed by the AWS CLI, found by reconciliation, called, removed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import PROJECT, blocks
from tests.e2e.system import System, plugins

pytestmark = pytest.mark.e2e

EXAMPLE = PROJECT / "examples" / "other-tools"
UVX = [str(Path(sys.executable).parent / "uv"), "tool", "run", "--quiet", "--from", "awscli==1.46.3"]
STAGE = "/faults/e2e/activities/Plain/parallel/topic-arn"
PARAMETERS = f"Topic={STAGE} ResultsQueue=/faults/e2e/core/results-queue-arn"


@pytest.fixture(scope="module")
def deployed(core: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The stack as the README deploys it, by the real AWS CLI, for another system than the example's."""
    folder = tmp_path_factory.mktemp("other-tools")
    for name in ("template.yaml", "fraud-check"):
        (folder / name).symlink_to(EXAMPLE / name)
    core.aws.client("s3").create_bucket(Bucket="templates")
    (commands,) = [block.text for block in blocks(EXAMPLE / "README.md") if block.mark == "shell: other tools"]
    for line in commands.splitlines():
        command = line.replace('"$BUCKET"', "templates").removeprefix("aws ").split()
        more = ["--parameter-overrides", *PARAMETERS.split()] if "deploy" in command else []
        words = [*UVX, "aws", *command, *more]
        done = subprocess.run(words, check=False, cwd=folder, env=core.aws.environment, text=True, capture_output=True)
        assert done.returncode == 0, done.stdout + done.stderr
    yield core
    core.aws.client("cloudformation").delete_stack(StackName="fraud-check")


def registered(system: System) -> list[dict[str, Any]]:
    """Who is registered to the stage."""
    document = system.tell("plugins", "--activity", "Plain", "--json").document
    found: list[dict[str, Any]] = document["activities"]["Plain"]["stages"]["parallel"]["plugins"]
    return found


def test_a_plugin_of_other_tools_is_found_called_and_removed(deployed: System) -> None:
    before = deployed.run("Foreign", "not-yet", {"line": "auto"})
    assert plugins(before.document) == {}, "nobody waits for who is not registered"

    doctor = deployed.tell("plugins", "doctor", "--activity", "Plain")
    assert doctor.exit_code == 1
    assert "FraudCheck" in doctor.stdout
    assert registered(deployed) == [], "the doctor only looks"

    reconciled = deployed.tell("plugins", "reconcile", "--activity", "Plain")
    assert reconciled.exit_code == 0, reconciled.stderr
    assert "added Plain/parallel FraudCheck" in reconciled.stdout
    (plugin,) = registered(deployed)
    answered = {key: plugin[key] for key in ("name", "kind", "mandatory", "start_within_seconds", "timeout_seconds")}
    assert answered == {
        "name": "FraudCheck",
        "kind": "function",
        "mandatory": False,
        "start_within_seconds": 60,
        "timeout_seconds": 300,
    }
    assert plugin["filter_policy"] == {"line": ["auto"], "plugins": ["FraudCheck"]}
    assert deployed.tell("plugins", "doctor", "--activity", "Plain").exit_code == 0

    run = deployed.run("Foreign", "found", {"line": "auto", "premium": 2000, "applications_this_month": 4})
    assert run.exit_code == 0, run.stderr
    assert plugins(run.document)["Plain/parallel/FraudCheck"]["state"] == "Complete"
    failed = deployed.run("Foreign", "odd", {"line": "auto", "applications_this_month": -1})
    row = plugins(failed.document)["Plain/parallel/FraudCheck"]
    assert (row["state"], row["message"]) == ("Optional Task Error", "RangeError: applications_this_month is -1")
    other = deployed.run("Foreign", "house", {"line": "home"})
    assert plugins(other.document) == {}

    cloudformation = deployed.aws.client("cloudformation")
    cloudformation.delete_stack(StackName="fraud-check")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="fraud-check", WaiterConfig={"Delay": 1})
    gone = deployed.tell("plugins", "reconcile")
    assert "removed Plain/parallel FraudCheck" in gone.stdout
    assert registered(deployed) == []
