"""Stands where CloudFormation waits to be told: a real HTTP server on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit


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
    """Takes answers and keeps them, as a local AWS does: at its own address, unsigned.

    Attributes:
        url: Where a request is answered.
        status: The status of its responses.
        told: The answers.
        subscribed: The attributes of the subscriptions that CloudFormation has deployed, by ARN.
    """

    url: str = ""
    status: int = 200
    told: list[Told] = field(default_factory=list)
    subscribed: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def subscribe(self, arn: str, plugin: str, **other: str) -> None:
        """Deploy a plugin's subscription, or change its filter policy."""
        self.subscribed[arn] = {
            "Protocol": "lambda",
            "Endpoint": "arn:aws:lambda:eu-west-1:123456789012:function:score",
            "Owner": "123456789012",
            **self.subscribed.get(arn, {}),
            "FilterPolicy": json.dumps({"plugins": [plugin]}),
            **other,
        }

    def attributes(self, model: Any, params: dict[str, Any], **_: Any) -> tuple[SimpleNamespace, dict[str, Any]]:
        """Answers GetSubscriptionAttributes: moto chooses the ARNs of its subscriptions itself."""
        found = self.subscribed.get(params["body"]["SubscriptionArn"])
        if found is None:
            return SimpleNamespace(status_code=404), {"Error": {"Code": "NotFound", "Message": model.name}}
        return SimpleNamespace(status_code=200), {"Attributes": found}


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
