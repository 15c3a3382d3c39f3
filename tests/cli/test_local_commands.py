from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import boto3
import pytest

from orchestrator_cli.local import LocalEnvironment
from orchestrator_cli.local.emulator import Emulator, emulator_environment
from orchestrator_cli.local.process_group import ProcessGroup
from orchestrator_cli.local.running import remember
from orchestrator_cli.local.session import Keys, loopback_session, subprocess_environment
from orchestrator_cli.local.toolchain import Toolchain, ToolchainError
from tests.cli.fakes import FakeGateway, invoke

KEYS = Keys("AKIASESSION", "secret")
NOBODY = Emulator(pid=0, port=1, folder=Path("/nowhere"), keys=KEYS)


@pytest.fixture(autouse=True)
def _nothing_is_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_CACHE_DIR", str(tmp_path))


@pytest.mark.parametrize("command", [["env"], ["deploy", "."]])
def test_commands_that_need_it_say_how_to_start_it(command: list[str]) -> None:
    result = invoke(FakeGateway(), "local", *command)
    assert result.exit_code == 2
    assert result.stderr == "orchestrator: no local environment is up: start one with 'orchestrator local up'\n"


def test_down_without_up_is_no_error() -> None:
    result = invoke(FakeGateway(), "local", "down")
    assert (result.exit_code, result.stdout) == (0, "No local AWS was up.\n")


def test_a_state_file_that_is_damaged_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "running.json").write_text("{")
    assert invoke(FakeGateway(), "local", "down").exit_code == 0


@pytest.mark.parametrize("enforces_iam", [False, True])
def test_an_environment_that_is_up_is_not_taken_for_one_of_the_other_kind(
    monkeypatch: pytest.MonkeyPatch, enforces_iam: bool
) -> None:
    monkeypatch.setattr(Emulator, "answers", lambda _: True)
    monkeypatch.setattr(ProcessGroup, "members", lambda _: [1])
    remember(replace(NOBODY, enforces_iam=enforces_iam))
    asked = {False: ["up"], True: ["up", "--enforce-iam"]}
    same = invoke(FakeGateway(), "local", *asked[enforces_iam])
    assert same.stdout.startswith("The local AWS is up already")
    other = invoke(FakeGateway(), "local", *asked[not enforces_iam])
    assert other.exit_code == 2
    kind = "with" if enforces_iam else "without"
    assert f"is up already, {kind} --enforce-iam: 'orchestrator local down' first" in other.stderr


def test_a_folder_without_an_app_is_named(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"has no cdk\.json: give the folder of a CDK app"):
        LocalEnvironment(running=NOBODY).synth(tmp_path)


def test_an_environment_that_is_not_started_says_so() -> None:
    with pytest.raises(Exception, match="the local environment is not running"):
        _ = LocalEnvironment().endpoint_url


def test_clients_ignore_what_the_user_has_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\nendpoint_url = http://elsewhere\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SNS", "http://elsewhere")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    session: boto3.Session = loopback_session(lambda: "http://127.0.0.1:9", KEYS)
    client = session.client("sns")
    assert client.meta.endpoint_url == "http://127.0.0.1:9"
    assert client.meta.region_name == "us-east-1"


def test_programs_are_led_to_loopback_and_to_nothing_of_the_user() -> None:
    given = {
        "AWS_PROFILE": "prod",
        "AWS_SESSION_TOKEN": "t",
        "CDK_DEFAULT_ACCOUNT": "1",
        "PATH": "/bin",
        "NO_PROXY": "a",
    }
    assert subprocess_environment("http://127.0.0.1:9", KEYS, given) == {
        "PATH": "/bin",
        "NO_PROXY": "a,127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "AKIASESSION",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_the_emulator_sees_no_more_than_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("AUTH", "true")
    seen = emulator_environment(4711, tmp_path, KEYS)
    assert "PYTHONPATH" not in seen
    assert seen["AUTH"] == "false"
    assert emulator_environment(4711, tmp_path, KEYS, enforce_iam=True)["AUTH"] == "true"
    assert (seen["BIND_HOST"], seen["GATEWAY_PORT"], seen["SFTP_ENABLED"]) == ("127.0.0.1", "4711", "0")
    assert Path(seen["TMPDIR"]).is_dir()


def test_a_tool_that_cannot_be_fetched_says_what_failed_and_leaves_nothing(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    toolchain = Toolchain(cache=cache, run=lambda command, _: CompletedProcess(command, 1, stdout="no route\n"))
    with pytest.raises(ToolchainError, match=r"(?s)uv venv failed with exit code 1.*no route"):
        toolchain.emulator_python()
    with pytest.raises(ToolchainError, match=r"(?s)npm ci failed with exit code 1.*no route"):
        toolchain.cdk()
    assert list(cache.iterdir()) == []
