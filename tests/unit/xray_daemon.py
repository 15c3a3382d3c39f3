"""X-Ray's daemon as Lambda runs it beside a function: a UDP socket that takes documents."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ROOT = "1-6a6b1c2d-0123456789abcdef01234567"
PARENT = "53995c3f42cd8ad8"
RUN_ROOT = "1-6a6b1c00-89abcdef0123456789abcdef"
CALLER = "7c1d9e0ab3f45566"


def header(root: str = ROOT, parent: str = PARENT, *, sampled: bool = True, lineage: str | None = None) -> str:
    text = f"Root={root};Parent={parent};Sampled={int(sampled)}"
    return f"{text};Lineage={lineage}" if lineage else text


class Daemon:
    """What a test looks at: an address, and what came to it."""

    def __init__(self, taker: socket.socket) -> None:
        self._taker = taker
        host, port = taker.getsockname()
        self.address = f"{host}:{port}"

    def environment(self, trace_header: str | None = None) -> dict[str, str]:
        """What Lambda sets for a function that is traced."""
        environ = {"AWS_XRAY_DAEMON_ADDRESS": self.address}
        return environ | {"_X_AMZN_TRACE_ID": trace_header} if trace_header else environ

    def taken(self) -> list[dict[str, Any]]:
        """The documents since the last look. Over loopback they are here as soon as they are sent."""
        documents: list[dict[str, Any]] = []
        while True:
            try:
                datagram = self._taker.recv(65_536)
            except BlockingIOError:
                return documents
            # The daemon's header, a new line, and one document.
            daemon_header, document = datagram.split(b"\n", 1)
            assert json.loads(daemon_header) == {"format": "json", "version": 1}
            documents.append(json.loads(document))


@contextmanager
def listening() -> Iterator[Daemon]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taker:
        taker.bind(("127.0.0.1", 0))
        taker.setblocking(False)
        yield Daemon(taker)
