"""Refuses requests that a web page can send, and sends no CORS header.

The emulator answers every origin with ``Access-Control-Allow-Origin: *``, and takes every ``Host``. Any page that is
open in a browser on this machine could create a function here and invoke it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Coroutine, Iterable, MutableMapping
from typing import Any, Final

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Coroutine[Any, Any, _Message]]
_Send = Callable[[_Message], Coroutine[Any, Any, None]]
_App = Callable[[_Message, _Receive, _Send], Coroutine[Any, Any, None]]
_Headers = Iterable[tuple[bytes, bytes]]

_LOOPBACK: Final = re.compile(r"(?:(?:[a-z0-9_-]+\.)*(?:localhost|127\.0\.0\.1)|\[::1\]):([0-9]+)")
"""With the names below, which S3 has for buckets and API Gateway for its APIs. A name server answers for none."""
_AWS: Final = re.compile(r"(?:[a-z0-9_-]+\.)+amazonaws\.com(?:\.cn)?")
"""What functions in Node send that do not read ``AWS_ENDPOINT_URL``: the emulator turns their connection, not this
name. A browser names the port as well."""
_NOT_CROSS_SITE: Final = frozenset({"none", "same-origin"})
_OPEN_PATHS: Final = ("/_ministack/ready", "/_ministack/health")
_OPEN_BELOW: Final = (
    "/_ministack/cfn-response/",
    "/_ministack/cfn-signal/",
    "/_aws/execute-api/",
    "/_aws/lambda-url/",
)
"""Paths below these hold a secret token, or are checked by the emulator as the API that they are."""
_QUOTED: Final = 100

_log: Final = logging.getLogger("launcher")


def refusal(method: str, headers: _Headers, port: int) -> str | None:
    """Say why a request is refused: a web page may have sent it.

    Args:
        method: The request's method.
        headers: Its headers.
        port: The port that the emulator listens on.

    Returns:
        What is wrong with the request; ``None`` if it is served.
    """
    given: dict[str, list[str]] = {}
    for name, value in headers:
        given.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1").strip())
    if "origin" in given:
        return f"it has the header Origin: {_quoted(given['origin'])}"
    if method == "OPTIONS":
        return "it is a preflight, of method OPTIONS"
    sites = given.get("sec-fetch-site", [])
    if any(site.lower() not in _NOT_CROSS_SITE for site in sites):
        return f"it has the header Sec-Fetch-Site: {_quoted(sites)}"
    if not sites and any(agent.startswith("Mozilla/") for agent in given.get("user-agent", [])):
        return "it is a browser's, and has no header Sec-Fetch-Site"
    hosts = given.get("host", [])
    if len(hosts) != 1 or not _is_ours(hosts[0].lower(), port):
        return f"its header Host is {_quoted(hosts)}, not 127.0.0.1:{port} or localhost:{port}"
    return None


def _is_ours(host: str, port: int) -> bool:
    found = _LOOPBACK.fullmatch(host)
    return found[1] == str(port) if found else _AWS.fullmatch(host) is not None


def _quoted(values: list[str]) -> str:
    return ascii(", ".join(values)[:_QUOTED])  # it goes into a log


def past_iam(path: str) -> bool:
    """Whether a path is one of the emulator's own, which it serves to anybody although it enforces IAM."""
    return path.startswith("/_") and path not in _OPEN_PATHS and not path.startswith(_OPEN_BELOW)


def guarded(app: _App, port: int, *, enforces_iam: bool) -> _App:
    """Put the checks in front of the emulator. Takes the place of ``app.app``.

    Args:
        app: The emulator.
        port: The port that it listens on.
        enforces_iam: Whether the emulator's own paths are refused as well.
    """

    async def guarded_app(scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await app(scope, receive, send)
            return
        why = refusal(scope.get("method", "GET"), scope["headers"], port)
        if why is None and enforces_iam and past_iam(scope["path"]):
            why = f"the path {_quoted([scope['path']])} is served to anybody, and IAM is enforced"
        if why is None:
            await app(scope, receive, _without_cors(send))
            return
        _log.warning("refused a request: %s", why)
        await _refuse(scope, receive, send, f"The local AWS refuses this request: {why}.\n".encode())

    return guarded_app


def _without_cors(send: _Send) -> _Send:
    async def send_without_cors(message: _Message) -> None:
        if "headers" in message:
            kept = [pair for pair in message["headers"] if not pair[0].lower().startswith(b"access-control-")]
            message = {**message, "headers": kept}
        await send(message)

    return send_without_cors


async def _refuse(scope: _Message, receive: _Receive, send: _Send, text: bytes) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})  # before it is accepted: the server answers with 403
        return
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": text})
