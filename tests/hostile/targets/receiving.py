"""``receive_request``: whoever may invoke a function that serves a custom resource may send it anything.

The sender deploys a stack, and so has a response URL that CloudFormation signed for that stack.
"""

from __future__ import annotations

from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

from orchestrator_runtime.aws.journal import LoggedJournal
from orchestrator_runtime.core.custom_resource_request import Home, ResponseAddress
from orchestrator_runtime.core.happening import Happening, RequestRefused
from orchestrator_runtime.handlers.environment import logger
from orchestrator_runtime.protocol.receive_request import ReceivePorts, receive_request
from tests.hostile.documents import RESPONSE_URL, STACK, registration_request
from tests.hostile.feeding import BrokenPromiseError, check_line
from tests.hostile.mutations import hostile_event
from tests.hostile.values import MARKER

VICTIM: Final = STACK.replace("/team/", "/victim/")
BUCKET: Final = urlsplit(RESPONSE_URL).hostname or ""
ELSEWHERE: Final = (
    "file:///etc/passwd",
    "ftp://example.com/",
    "http://169.254.169.254/latest/meta-data/",
    "https://example.com/",
    f"https://{BUCKET}.example.com/",
    f"https://{BUCKET}@example.com/",
    f"https://{BUCKET}:8443/",
    f"http://{BUCKET}/",
)
_MOST_REASON: Final = 400


class _KeepingJournal(LoggedJournal):
    """Writes what is told into the log, and keeps it."""

    def __init__(self) -> None:
        super().__init__(logger, "hostile")
        self.told: list[Happening] = []

    def tell(self, happening: Happening) -> None:
        self.told.append(happening)
        super().tell(happening)


class ReceiveRequest:
    name = "receive_request"
    permanent = ()

    def __init__(self) -> None:
        self._asked: list[ResponseAddress] = []

    def make(self, random: Random) -> Any:
        request = registration_request(random.choice(("Create", "Update", "Delete")))
        url = request["ResponseURL"]
        forged = random.choice(
            (
                {},
                {"StackId": VICTIM},
                {"ResponseURL": url.replace("/team/", "/victim/")},
                {"StackId": VICTIM, "ResponseURL": url.replace("/team/", "/victim/")},
                {"ResponseURL": random.choice(ELSEWHERE) + url.partition("amazonaws.com/")[2]},
            )
        )
        event = hostile_event(random, request | forged, marked=False)
        # Ids may be quoted; a response URL may not.
        if isinstance(event, dict) and isinstance(event.get("ResponseURL"), str):
            event["ResponseURL"] = event["ResponseURL"].replace("plain", MARKER)
        return event

    def feed(self, event: Any) -> bool:
        self._asked, journal = [], _KeepingJournal()
        request = receive_request(event, ReceivePorts(home=Home("aws", "eu-west-1"), responses=self, journal=journal))
        for address in self._asked:
            if (address.host, address.port, address.secure) != (BUCKET, 443, True):
                raise BrokenPromiseError(f"a connection to {address.host}:{address.port}")
        if request is not None:
            if (request.stack_id, journal.told) != (STACK, []) or not self._asked:
                raise BrokenPromiseError(f"a request for {request.stack_id} is served")
            return True
        [refusal] = journal.told
        if not isinstance(refusal, RequestRefused):
            raise BrokenPromiseError(f"a refusal is counted as {refusal}")
        check_line("the reason of a refusal", refusal.reason, _MOST_REASON)
        return False

    def tables(self) -> object:
        return ()

    def accepts(self, address: ResponseAddress) -> bool:
        """As S3, which knows the signature of this one URL."""
        self._asked.append(address)
        signed = urlsplit(registration_request()["ResponseURL"])
        return address.target == f"{signed.path}?{signed.query}"

    def send(self, address: ResponseAddress, body: bytes) -> None:
        raise BrokenPromiseError("receiving sends an answer")
