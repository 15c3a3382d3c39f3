"""The local environment itself: real emulator, real CDK CLI, an app of one stack."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_cli.local import LocalEnvironment
from orchestrator_cli.local.cdk import CdkError

pytestmark = pytest.mark.e2e

_APP = """
import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

app = cdk.App()
if app.node.try_get_context("broken"):
    raise SystemExit("no such thing")
stack = cdk.Stack(app, "Probe")
lambda_.Function(
    stack, "Function", function_name="probe", handler="index.handler", runtime=lambda_.Runtime.PYTHON_3_13,
    architecture=lambda_.Architecture.ARM_64,
    environment={"TARGET": app.node.get_context("orchestrator:layer-target")},
    code=lambda_.Code.from_inline('''
import importlib.util, os, sys
def handler(event, context):
    found = [name for name in ("aws_cdk", "pydantic", "orchestrator_runtime") if importlib.util.find_spec(name)]
    return {"pid": os.getpid(), "python": sys.version, "environment": dict(os.environ), "found": found}
'''),
)
app.synth()
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("app")
    (folder / "app.py").write_text(_APP)
    (folder / "cdk.json").write_text(json.dumps({"app": "python app.py"}))
    return folder


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalEnvironment]:
    with LocalEnvironment() as environment:
        yield environment


def test_an_app_is_deployed_and_its_function_runs_in_an_environment_of_its_own(
    aws: LocalEnvironment, app: Path
) -> None:
    aws.deploy(app)
    answer = json.load(aws.client("lambda").invoke(FunctionName="probe")["Payload"])
    assert answer["python"] == sys.version
    assert answer["found"] == []
    assert answer["environment"]["AWS_ENDPOINT_URL"] == aws.endpoint_url
    assert answer["environment"]["TARGET"] == "host"
    assert {file.name for file in app.iterdir()} == {"app.py", "cdk.json"}


def test_a_synthesized_app_is_deployed_and_destroyed_without_its_folder(aws: LocalEnvironment, app: Path) -> None:
    assembly = aws.synth(app)
    aws.deploy(assembly)
    aws.destroy(assembly)
    stacks = aws.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in stacks] == ["CDKToolkit"]


def test_an_app_that_fails_is_quoted_with_its_log(aws: LocalEnvironment, app: Path) -> None:
    with pytest.raises(CdkError, match=r"(?s)cdk deploy failed with exit code 1 in .*no such thing") as failed:
        aws.deploy(app, context={"broken": "yes"})
    log = next(word for word in str(failed.value).split() if word.endswith(".log;")).rstrip(";")
    assert "no such thing" in Path(log).read_text()


def test_only_loopback_listens(aws: LocalEnvironment) -> None:
    outside = socket.gethostbyname(socket.gethostname())
    if outside.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    with socket.socket() as probe:
        assert probe.connect_ex((outside, aws.emulator.port)) != 0


def test_stopping_leaves_neither_processes_nor_files(app: Path) -> None:
    with LocalEnvironment() as aws:
        aws.deploy(app)
        function = json.load(aws.client("lambda").invoke(FunctionName="probe")["Payload"])["pid"]
        emulator, folder = aws.emulator.pid, aws.logs
        assert _lives(function)
        assert _lives(emulator)
    assert not _lives(function)
    assert not _lives(emulator)
    assert not folder.exists()


def test_an_emulator_does_not_outlive_a_process_that_is_killed() -> None:
    code = (
        "import time\n"
        "from orchestrator_cli.local import LocalEnvironment\n"
        "with LocalEnvironment() as aws:\n"
        "    print(aws.emulator.pid, aws.logs, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        emulator, folder = owner.stdout.readline().split()
        assert _lives(int(emulator))
        owner.kill()
    shutil.rmtree(folder)
    deadline = time.monotonic() + 10
    while _lives(int(emulator)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_logs_are_kept_when_something_failed() -> None:
    aws = LocalEnvironment()
    aws.start()
    folder = aws.logs
    aws.stop(keep_logs=True)
    try:
        assert {entry.name for entry in folder.iterdir()} == {"emulator.log", "functions.log"}
    finally:
        for entry in folder.iterdir():
            entry.unlink()
        folder.rmdir()


def test_an_environment_stays_up_between_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_CACHE_DIR", str(tmp_path))
    assert "The local AWS is up, at http://127.0.0.1:" in _orchestrator("local", "up")
    try:
        assert "is up already" in _orchestrator("local", "up")
        exported = _orchestrator("local", "env")
        listed = subprocess.run(
            [
                "bash",
                "-c",
                f"{exported}\n{sys.executable} -c 'import boto3; print(boto3.client(\"sns\").list_topics())'",
            ],
            env={**os.environ, "AWS_PROFILE": "not-there"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "'Topics': []" in listed.stdout, listed.stderr
    finally:
        assert _orchestrator("local", "down") == "The local AWS is down.\n"
    assert _orchestrator("local", "down") == "No local AWS was up.\n"


def _orchestrator(*arguments: str) -> str:
    command = [sys.executable, "-m", "orchestrator_cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _lives(pid: int) -> bool:
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(shown.strip()) and not shown.startswith("Z")
