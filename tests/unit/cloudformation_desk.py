"""Stands where CloudFormation waits to be told: a real HTTP server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


@dataclass
class Told:
    """One answer as it came over the wire."""

    method: str
    path: str
    content_type: str | None
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class Desk:
    """Takes answers and keeps them."""

    url: str = ""
    status: int = 200
    told: list[Told] = field(default_factory=list)


@contextmanager
def desk() -> Iterator[Desk]:
    taken = Desk()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.told.append(Told(self.command, self.path, self.headers.get("Content-Type"), body))
            self.send_response(taken.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        taken.url = f"http://127.0.0.1:{server.server_port}/answer?signature=%2Fa%3Db"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield taken
        finally:
            server.shutdown()
            thread.join()
