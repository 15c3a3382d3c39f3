"""Which environment is up: written down for the user alone, by one command at a time, and talked to by no mistake."""

from __future__ import annotations

import json
import stat
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from orchestrator_cli.aws_gateway import AwsGateway, aws_gateway
from orchestrator_cli.errors import UsageError
from orchestrator_cli.local.emulator import Emulator
from orchestrator_cli.local.process_group import ProcessGroup
from orchestrator_cli.local.running import exclusively, find_running, remember, stop_running
from orchestrator_cli.local.session import Keys
from tests.cli.fakes import FakeGateway, invoke

UP = Emulator(pid=2**22 + 1, port=9, folder=Path("/nowhere/orchestrator-local-1"), keys=Keys("AKIASESSION", "secret"))
ELSEWHERE = {
    "AWS_PROFILE": "prod",
    "AWS_ACCESS_KEY_ID": "AKIAOFTHEUSER",
    "AWS_SECRET_ACCESS_KEY": "of the user",
    "AWS_SESSION_TOKEN": "of the user",
    "AWS_ENDPOINT_URL": "https://elsewhere.example.com",
    "AWS_ENDPOINT_URL_STS": "https://elsewhere.example.com",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere",
    "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/prod",
    "HTTP_PROXY": "http://proxy.example.com",
    "HTTPS_PROXY": "http://proxy.example.com",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORCHESTRATOR_CACHE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Emulator, "answers", lambda _: True)
    monkeypatch.setattr(ProcessGroup, "members", lambda _: [UP.pid])
    remember(UP)


def test_what_is_up_is_read_as_it_was_written_and_by_the_user_alone(cache: Path, up: None) -> None:
    assert find_running() == UP
    assert [file.name for file in cache.iterdir()] == ["running.json"]
    assert stat.S_IMODE((cache / "running.json").stat().st_mode) == 0o600


def test_the_secret_is_not_shown_by_accident() -> None:
    assert "secret'" not in repr(UP)


def test_keys_are_of_the_form_of_aws_and_new_each_time() -> None:
    one, other = Keys.random(), Keys.random()
    assert one.access_key_id.startswith("AKIA")
    assert len(one.access_key_id) == 20
    assert one.access_key_id != other.access_key_id
    assert one.secret_access_key != other.secret_access_key


@pytest.mark.parametrize("change", [{"port": "80@elsewhere.example.com"}, {"pid": "x"}, {"access_key_id": None}])
def test_a_file_that_another_version_wrote_counts_as_none(cache: Path, up: None, change: dict[str, Any]) -> None:
    written = json.loads((cache / "running.json").read_text()) | change
    (cache / "running.json").write_text(json.dumps({name: value for name, value in written.items() if value}))
    assert find_running() is None


def test_another_program_that_got_the_port_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Emulator, "answers", lambda _: True)
    remember(UP)
    assert find_running() is None
    assert not stop_running()


def test_a_second_command_waits_until_the_first_is_done() -> None:
    first = exclusively(print)
    first.__enter__()
    said: list[str] = []

    def first_ends(_: float) -> None:
        first.__exit__(None, None, None)

    with exclusively(said.append, pause=first_ends):
        assert said == ["another 'orchestrator local up' or 'down' is at work: waiting for it"]
    with exclusively(said.append):
        assert len(said) == 1


def test_a_second_command_does_not_wait_for_ever(cache: Path) -> None:
    with exclusively(print), pytest.raises(UsageError, match=f"still at work after 0 s, and holds {cache}"):
        exclusively(lambda _: None, patience=0).__enter__()


@pytest.mark.parametrize("command", ["up", "down"])
def test_up_and_down_are_of_the_commands_that_wait(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator_cli.local.running.exclusively", partial(exclusively, patience=0))
    with exclusively(print, patience=0):
        result = invoke(FakeGateway(), "local", command)
    assert result.exit_code == 2
    assert "another 'orchestrator local up' or 'down' is still at work" in result.stderr


def test_no_client_goes_elsewhere_whatever_the_shell_says(up: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ELSEWHERE.items():
        monkeypatch.setenv(name, value)
    gateway = aws_gateway(local=True)
    assert isinstance(gateway, AwsGateway)
    session: boto3.Session = gateway._session
    requests: list[Any] = []

    def catch(request: Any, **_: Any) -> None:
        requests.append(request)
        raise ConnectionRefusedError

    session.events.register("before-send", catch)
    calls: list[Any] = [
        lambda: gateway.parameter("a"),
        lambda: gateway.parameter_names("/a/"),
        lambda: gateway.start_execution(
            "arn:aws:states:us-east-1:000000000000:stateMachine:a", name="a", document="{}"
        ),
        lambda: gateway.execution("arn:aws:states:us-east-1:000000000000:execution:a:b"),
        lambda: gateway.run_document("a", uid="a", workflow="b"),
        lambda: gateway.history("a", uid="a", workflow="b"),
        lambda: gateway.registrations("a", ["b"]),
        lambda: gateway.invoke("a", {}),
        gateway.caller,
        lambda: gateway.receive_messages("https://sqs.eu-west-1.amazonaws.com/123456789012/a"),
        lambda: gateway.delete_message("https://sqs.eu-west-1.amazonaws.com/123456789012/a", "b"),
        lambda: gateway.release_message("https://sqs.eu-west-1.amazonaws.com/123456789012/a", "b"),
        lambda: gateway.count_messages("https://sqs.eu-west-1.amazonaws.com/123456789012/a"),
    ]
    for call in calls:
        before = len(requests)
        with pytest.raises(ConnectionRefusedError):
            call()
        [request] = requests[before:]
        assert request.url.startswith("http://127.0.0.1:9/")
        authorization = request.headers["Authorization"]
        assert (authorization if isinstance(authorization, str) else authorization.decode()).startswith(
            "AWS4-HMAC-SHA256 Credential=AKIASESSION/"
        )
        assert "X-Amz-Security-Token" not in request.headers


def test_a_shell_is_led_to_loopback_and_away_from_everything_else(up: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**ELSEWHERE, "NO_PROXY": "intern", "CDK_DEFAULT_ACCOUNT": "1", "AWS_X;reboot": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("no_proxy", raising=False)
    *exports, unset = invoke(FakeGateway(), "local", "env").stdout.splitlines()
    exported = dict(line.removeprefix("export ").split("=", maxsplit=1) for line in exports)
    assert exported["AWS_ACCESS_KEY_ID"] == "AKIASESSION"
    assert exported["AWS_SECRET_ACCESS_KEY"] == "secret"
    assert exported["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
    assert (exported["NO_PROXY"], exported["no_proxy"]) == ("intern,127.0.0.1,localhost", "127.0.0.1,localhost")
    first, *names = unset.split()
    assert first == "unset"
    leads = {name for name in ELSEWHERE if name.startswith("AWS_")} | {"CDK_DEFAULT_ACCOUNT", "AWS_DEFAULT_PROFILE"}
    assert leads - exported.keys() <= {*names}
    assert not exported.keys() & {*names}
    assert "reboot" not in unset
