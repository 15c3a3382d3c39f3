"""Who may use the local AWS, and what is left of it: real launcher, no CDK."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from orchestrator_cli.local import LocalEnvironment
from orchestrator_cli.local.running import remember, stop_running
from orchestrator_cli.local.toolchain import Toolchain
from tests.e2e.system import eventually

pytestmark = pytest.mark.e2e

LIST_TOPICS = "/?Action=ListTopics"
ROLE = "nobody"
SHOWS_ENVIRONMENT = "import os\ndef handler(event, context):\n    return dict(os.environ)\n"
SENDS = """
import boto3
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=event["url"], MessageBody="report")
"""
MAY_SEND = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}
BUSY = """
import os, pathlib
def handler(event, context):
    pathlib.Path(event["file"]).write_text(str(os.getpid()))
    while True:
        pass
"""


@pytest.fixture(scope="module", params=[False, True], ids=["any", "iam"])
def aws(request: pytest.FixtureRequest) -> Iterator[LocalEnvironment]:
    with LocalEnvironment(enforce_iam=request.param) as environment:
        yield environment


@pytest.fixture(scope="module")
def iam() -> Iterator[LocalEnvironment]:
    with LocalEnvironment(enforce_iam=True) as environment:
        yield environment


def ask(
    aws: LocalEnvironment, path: str = LIST_TOPICS, *, method: str = "GET", **headers: str
) -> tuple[int, str, list[str]]:
    """Send a request as it is written here: status, body, and the names of CORS headers."""
    port = aws.emulator.port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in {"Host": f"127.0.0.1:{port}", **headers}.items():
        connection.putheader(name, value.replace("PORT", str(port)))
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body, [name for name, _ in answer.getheaders() if name.lower().startswith("access-control")]


def create(aws: LocalEnvironment, name: str, code: str) -> None:
    document = json.dumps({"Version": "2012-10-17", "Statement": []})
    client: Any = aws.client("iam")
    if ROLE not in {role["RoleName"] for role in client.list_roles()["Roles"]}:
        client.create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", code)
    aws.client("lambda").create_function(
        FunctionName=name,
        Role=client.get_role(RoleName=ROLE)["Role"]["Arn"],
        Code={"ZipFile": packed.getvalue()},
        Handler="index.handler",
        Runtime="python3.13",
        Timeout=900,
    )


@pytest.mark.parametrize(
    ("method", "headers", "why"),
    [
        ("GET", {"Origin": "https://example.com"}, "it has the header Origin: 'https://example.com'"),
        ("POST", {"Origin": "null"}, "it has the header Origin: 'null'"),
        ("POST", {"Origin": "http://127.0.0.1:PORT"}, "it has the header Origin: 'http://127.0.0.1:PORT'"),
        ("OPTIONS", {"Access-Control-Request-Method": "PUT"}, "it is a preflight, of method OPTIONS"),
        ("GET", {"Sec-Fetch-Site": "cross-site"}, "it has the header Sec-Fetch-Site: 'cross-site'"),
        ("GET", {"Sec-Fetch-Site": "same-site"}, "it has the header Sec-Fetch-Site: 'same-site'"),
        ("GET", {"User-Agent": "Mozilla/5.0"}, "it is a browser's, and has no header Sec-Fetch-Site"),
        ("GET", {"Host": "rebound.example.com:PORT"}, "its header Host is 'rebound.example.com:PORT'"),
        ("GET", {"Host": "rebound.example.com"}, "its header Host is 'rebound.example.com'"),
    ],
)
def test_what_a_web_page_can_send_is_refused(
    aws: LocalEnvironment, method: str, headers: dict[str, str], why: str
) -> None:
    log = aws.emulator.log
    before = log.stat().st_size
    status, body, cors = ask(aws, method=method, **headers)
    why = why.replace("PORT", str(aws.emulator.port))
    assert (status, cors) == (403, [])
    assert body.startswith(f"The local AWS refuses this request: {why}")
    written = log.read_bytes()[before:].decode()
    assert len(re.findall(r"refused a request: ", written)) == 1
    assert why in written


def test_a_web_socket_of_a_web_page_is_refused(aws: LocalEnvironment) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
    }
    status, _, cors = ask(aws, "/_aws/execute-api/0a1b2c3d/prod/", **upgrade, Origin="https://example.com")
    assert (status, cors) == (403, [])


@pytest.mark.parametrize("host", ["127.0.0.1:PORT", "localhost:PORT", "assets.localhost:PORT"])
def test_what_is_served_has_no_cors_header(aws: LocalEnvironment, host: str) -> None:
    status, body, cors = ask(aws, "/_ministack/ready", Host=host)
    assert (status, cors) == (200, [])
    assert "ready" in body or "completed" in body
    client: Any = aws.client("sns")
    headers = client.list_topics()["ResponseMetadata"]["HTTPHeaders"]
    assert not [name for name in headers if name.startswith("access-control")]


def test_buckets_are_found_by_path_and_by_host(aws: LocalEnvironment) -> None:
    port = aws.emulator.port
    client: Any = aws.client("s3")
    client.create_bucket(Bucket="assets")
    client.put_object(Bucket="assets", Key="key", Body=b"stored")
    signed = client.generate_presigned_url("get_object", Params={"Bucket": "assets", "Key": "key"})
    path = signed.removeprefix(f"http://127.0.0.1:{port}")
    assert ask(aws, path)[:2] == (200, "stored")
    if not aws.emulator.enforces_iam:
        assert ask(aws, "/key", Host=f"assets.s3.localhost:{port}")[:2] == (200, "stored")


@pytest.mark.parametrize("key", ["test", "000000000000", "AKIAIOSFODNN7EXAMPLE", "{key}"])
@pytest.mark.parametrize(
    "query",
    [
        "AWSAccessKeyId={key}",
        "X-Amz-Credential={key}/20261130/us-east-1/sns/aws4_request",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={key}/20261130/us-east-1/sns/aws4_request"
        "&X-Amz-Date=20261130T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0",
    ],
)
def test_a_key_in_a_query_string_is_no_signature(iam: LocalEnvironment, key: str, query: str) -> None:
    session = iam.environment["AWS_ACCESS_KEY_ID"]
    status, body, _ = ask(iam, f"{LIST_TOPICS}&{query}".replace("{key}", key.replace("{key}", session)))
    assert status in {400, 403}, body
    assert "ListTopicsResult" not in body


@pytest.mark.parametrize("path", [LIST_TOPICS, "/assets-iam/key"])
def test_a_request_without_key_is_refused(iam: LocalEnvironment, path: str) -> None:
    client: Any = iam.client("s3")
    client.create_bucket(Bucket="assets-iam")
    client.put_object(Bucket="assets-iam", Key="key", Body=b"stored")
    assert ask(iam, path)[0] == 403


@pytest.mark.parametrize(
    ("key", "secret"), [("test", "test"), ("000000000000", "test"), ("AKIAIOSFODNN7EXAMPLE", "x"), (None, "test")]
)
def test_a_request_that_is_signed_with_another_key_is_refused(
    iam: LocalEnvironment, key: str | None, secret: str
) -> None:
    key = key or iam.environment["AWS_ACCESS_KEY_ID"]
    session: Any = boto3.Session(aws_access_key_id=key, aws_secret_access_key=secret, region_name="us-east-1")
    for service, call in (("sns", "list_topics"), ("s3", "list_buckets"), ("dynamodb", "list_tables")):
        client = session.client(service, endpoint_url=iam.endpoint_url)
        with pytest.raises(ClientError) as refused:
            getattr(client, call)()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in {400, 403}


def test_the_emulator_s_own_paths_are_closed_where_iam_is_enforced(iam: LocalEnvironment) -> None:
    status, body, _ = ask(iam, "/_ministack/reset", method="POST")
    assert status == 403
    assert "is served to anybody, and IAM is enforced" in body


def test_the_session_s_key_stays_with_the_operator(iam: LocalEnvironment) -> None:
    create(iam, "shows", SHOWS_ENVIRONMENT)
    seen = json.load(iam.client("lambda").invoke(FunctionName="shows")["Payload"])
    key, secret = (iam.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    assert seen["AWS_ACCESS_KEY_ID"].startswith("ASIA")
    assert key not in json.dumps(seen)
    assert secret not in json.dumps(seen)
    processes = subprocess.run(["ps", "-A", "-ww", "-o", "command="], check=True, capture_output=True, text=True).stdout
    assert str(iam.logs) in processes
    assert secret not in processes
    for log in iam.logs.glob("*.log"):
        assert secret not in log.read_text(errors="replace")


@pytest.fixture
def busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[LocalEnvironment, int]]:
    """An environment that another command started, and the process of a function that does not end by itself."""
    environment = LocalEnvironment(toolchain=Toolchain())
    monkeypatch.setenv("ORCHESTRATOR_CACHE_DIR", str(tmp_path))
    environment.start(detached=True)
    remember(environment.emulator)
    try:
        create(environment, "busy", BUSY)
        file = tmp_path / "pid"
        environment.client("lambda").invoke(
            FunctionName="busy", InvocationType="Event", Payload=json.dumps({"file": str(file)})
        )
        text = eventually(lambda: (file.exists() and file.read_text()) or None, what="the function works", within=30)
        yield environment, int(text)
    finally:
        stop_running()


def test_functions_end_with_an_emulator_that_is_killed(busy: tuple[LocalEnvironment, int]) -> None:
    environment, function = busy
    assert function in environment.emulator.processes.members()
    os.kill(environment.emulator.pid, signal.SIGKILL)
    eventually(lambda: not environment.emulator.processes.members() or None, what="the end of the function", within=10)
    assert not _lives(function)
    assert not stop_running()


def test_down_ends_the_functions_that_are_left(busy: tuple[LocalEnvironment, int]) -> None:
    environment, function = busy
    emulator = environment.emulator
    watching = [pid for pid in emulator.processes.members() if pid not in {emulator.pid, function}]
    assert watching
    for pid in [*watching, emulator.pid]:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: emulator.processes.members() == [function] or None, what="only the function is left", within=10)
    steps: list[str] = []
    assert stop_running(steps.append)
    assert steps[0] == "stop 1 process, for up to 3 s"
    assert not _lives(function)
    assert not emulator.folder.exists()


def test_of_two_that_start_at_once_the_second_finds_the_first(tmp_path: Path) -> None:
    for tool in Toolchain().cache.iterdir():
        if tool.is_dir():
            (tmp_path / tool.name).symlink_to(tool)
    started = [_orchestrator(tmp_path, "up") for _ in range(2)]
    said = [process.communicate()[0] for process in started]
    try:
        assert [process.returncode for process in started] == [0, 0]
        assert sorted("is up already" in one for one in said) == [False, True]
        assert len({match[0] for one in said for match in re.finditer(r"http://127\.0\.0\.1:\d+", one)}) == 1
    finally:
        down = _orchestrator(tmp_path, "down").communicate()[0]
    assert down == "The local AWS is down.\n"
    assert _orchestrator(tmp_path, "down").communicate()[0] == "No local AWS was up.\n"


def test_sqs_names_the_role_s_session_as_the_sender(aws: LocalEnvironment) -> None:
    queues: Any = aws.client("sqs")
    url = queues.create_queue(QueueName="senders")["QueueUrl"]
    create(aws, "sender", SENDS)
    functions: Any = aws.client("lambda")
    iam_client: Any = aws.client("iam")
    iam_client.put_role_policy(RoleName=ROLE, PolicyName="send", PolicyDocument=json.dumps(MAY_SEND))
    answer = functions.invoke(FunctionName="sender", Payload=json.dumps({"url": url}))
    assert "FunctionError" not in answer, answer["Payload"].read()
    message = queues.receive_message(QueueUrl=url, MessageSystemAttributeNames=["SenderId"])["Messages"][0]
    role = iam_client.get_role(RoleName=ROLE)["Role"]["RoleId"]
    assert message["Attributes"]["SenderId"] == f"{role}:sender"


def _orchestrator(cache: Path, command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "orchestrator_cli.main", "local", command],
        env={**os.environ, "ORCHESTRATOR_CACHE_DIR": str(cache)},
        stdout=subprocess.PIPE,
        text=True,
    )


def _lives(pid: int) -> bool:
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(shown.strip()) and not shown.startswith("Z")
