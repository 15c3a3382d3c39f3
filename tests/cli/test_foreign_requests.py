"""What the launcher refuses before the emulator sees it, without the emulator."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from orchestrator_cli.local.emulator_process.launcher.foreign_requests import guarded, past_iam, refusal

PORT = 4711
HERE = f"127.0.0.1:{PORT}"
SITE = "Sec-Fetch-Site"


def why(method: str = "POST", **headers: str) -> str | None:
    given = {"Host": HERE, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return refusal(method, [(name.encode(), value.encode("latin-1")) for name, value in given.items()], PORT)


@pytest.mark.parametrize(
    "host",
    [
        HERE,
        f"localhost:{PORT}",
        f"LocalHost:{PORT}",
        f"[::1]:{PORT}",
        f"assets.localhost:{PORT}",
        f"my.bucket.s3.us-east-1.localhost:{PORT}",
        f"0a1b2c3d.execute-api.127.0.0.1:{PORT}",
        "sns.us-east-1.amazonaws.com",
        "s3.cn-north-1.amazonaws.com.cn",
    ],
)
def test_hosts_that_sdks_send_are_served(host: str) -> None:
    assert why(Host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        "rebound.example.com",
        f"rebound.example.com:{PORT}",
        f"localhost.example.com:{PORT}",
        f"notlocalhost:{PORT}",
        f"127.0.0.1.example.com:{PORT}",
        f"1127.0.0.1:{PORT}",
        f"sns.us-east-1.amazonaws.com:{PORT}",
        "evil-amazonaws.com",
        "amazonaws.com.example.com",
        "127.0.0.1",
        "127.0.0.1:80",
        "",
        f"{HERE}, evil.example.com",
        f"evil@{HERE}",
        f"{HERE}\n",
    ],
)
def test_other_hosts_are_refused(host: str) -> None:
    refused = why(Host=host)
    if host == f"{HERE}\n":  # white space around a value is none of it
        assert refused is None
    else:
        assert refused is not None
        assert refused.startswith("its header Host is '")


def test_a_request_needs_one_host() -> None:
    assert refusal("GET", [], PORT) is not None
    assert refusal("GET", [(b"host", HERE.encode())] * 2, PORT) is not None


@pytest.mark.parametrize("origin", ["https://example.com", f"http://{HERE}", "null", ""])
def test_every_origin_is_refused(origin: str) -> None:
    assert why(Origin=origin) == f"it has the header Origin: {origin!r}"


def test_preflights_are_refused() -> None:
    assert why("OPTIONS") == "it is a preflight, of method OPTIONS"


@pytest.mark.parametrize(("site", "served"), [("none", True), ("same-origin", True), ("same-site", False)])
def test_a_browser_is_served_where_no_other_page_sends_the_request(site: str, served: bool) -> None:
    assert (why("GET", **{SITE: site, "User-Agent": "Mozilla/5.0"}) is None) is served
    assert why("GET", **{SITE: "cross-site"}) == "it has the header Sec-Fetch-Site: 'cross-site'"


def test_a_browser_that_does_not_say_where_a_request_is_from_is_refused() -> None:
    assert why("GET", **{"User-Agent": "Mozilla/5.0 (X11)"}) is not None
    assert why("GET", **{"User-Agent": "Boto3/1.40 md/Botocore"}) is None


def test_what_goes_into_the_log_is_short_and_in_ascii() -> None:
    refused = why(Origin="\x1b[2J\x85forged\xe9" + "a" * 1000)
    assert refused is not None
    assert refused.isascii()
    assert refused.isprintable()
    assert len(refused) < 200


def asked(scope: dict[str, Any], *, enforces_iam: bool = False) -> list[MutableMapping[str, Any]]:
    """What is sent, of an emulator that lets every page in."""
    sent: list[MutableMapping[str, Any]] = []

    async def emulator(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        kind = {"http": "http.response.start", "websocket": "websocket.accept"}.get(scope["type"])
        if kind is None:
            await send({"type": scope["type"]})
            return
        headers = [(b"Access-Control-Allow-Origin", b"*"), (b"access-control-max-age", b"1"), (b"x", b"y")]
        await send({"type": kind, "status": 200, "headers": headers})

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(guarded(emulator, PORT, enforces_iam=enforces_iam)(scope, receive, send))
    return sent


def http(path: str = "/", **headers: str) -> dict[str, Any]:
    given = {"host": HERE, **headers}
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }


def test_what_is_served_has_no_cors_header() -> None:
    [start] = asked(http())
    assert (start["status"], start["headers"]) == (200, [(b"x", b"y")])
    [accepted] = asked({**http(), "type": "websocket"})
    assert accepted["headers"] == [(b"x", b"y")]


def test_what_is_refused_is_a_sentence() -> None:
    start, body = asked(http(origin="https://example.com"))
    assert start["status"] == 403
    assert not [name for name, _ in start["headers"] if name.startswith(b"access-control")]
    assert body["body"] == (b"The local AWS refuses this request: it has the header Origin: 'https://example.com'.\n")


def test_a_web_socket_of_a_page_is_closed_before_it_is_accepted() -> None:
    assert asked({**http(origin="https://example.com"), "type": "websocket"}) == [{"type": "websocket.close"}]


def test_the_server_s_own_events_pass() -> None:
    assert asked({"type": "lifespan"}) == [{"type": "lifespan"}]


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        ("/_ministack/reset", True),
        ("/_ministack/config", True),
        ("/_ministack/ready/../config", True),
        ("/_aws/sqs/messages", True),
        ("/_localstack/health", True),
        ("/_ministack/ready", False),
        ("/_ministack/cfn-response/token", False),
        ("/_aws/execute-api/0a1b2c3d/prod/", False),
        ("/bucket/_ministack/reset", False),
    ],
)
def test_paths_that_the_emulator_serves_to_anybody_are_closed_where_iam_is_enforced(path: str, refused: bool) -> None:
    assert past_iam(path) is refused
    assert (asked(http(path), enforces_iam=True)[0]["status"] == 403) is refused
    assert asked(http(path))[0]["status"] == 200
