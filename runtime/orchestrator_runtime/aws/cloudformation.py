"""Answering CloudFormation on behalf of a custom resource, and asking it about the stack."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPSConnection
from typing import TYPE_CHECKING, Final

from orchestrator_runtime.core.custom_resource_request import CustomResourceRequest, ResponseAddress
from orchestrator_runtime.foreign_text import shown

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_MAX_RESPONSE_BYTES: Final = 4_096
"""Of an answer in all, as CloudFormation documents it."""
_MAX_REASON_BYTES: Final = 1_024
_PROOF_TIMEOUT_SECONDS: Final = 5
"""botocore, too, waits for the 100 of S3: for a second."""
_TIMEOUT_SECONDS: Final = 10
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})\b")
_MOST_STATUS_LINE: Final = 512


class ResponseNotTakenError(OSError):
    """S3 does not accept an answer, or does not say whether it would."""


def answer_body(request: CustomResourceRequest, *, physical_id: str, refusal: str | None = None) -> bytes:
    """Writes the answer to a request, in at most 4,096 bytes.

    Args:
        request: The request.
        physical_id: Names the resource. Another than before makes CloudFormation delete the former.
        refusal: Why it failed, for the person who deploys; ``None`` if it succeeded.
    """
    document = {
        "Status": "SUCCESS" if refusal is None else "FAILED",
        "Reason": "",
        "PhysicalResourceId": physical_id,
        "StackId": request.stack_id,
        "RequestId": request.request_id,
        "LogicalResourceId": request.logical_id,
    }
    # JSON writes a quotation mark or a backslash of the reason as two characters.
    left = (_MAX_RESPONSE_BYTES - len(_encoded(document))) // 2
    return _encoded({**document, "Reason": _reason(refusal or "", max(left, 0))})


def _encoded(document: dict[str, str]) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


def _reason(refusal: str, left: int) -> str:
    """The sentence as it fits, in one line: it quotes properties, which may hold anything."""
    return shown(refusal, _MAX_REASON_BYTES).encode()[: min(_MAX_REASON_BYTES, left)].decode(errors="ignore")


class HttpResponses:
    """Implements ``registration_ports.Responses``. It follows no redirect and uses no proxy.

    Args:
        tls: Which certificates are trusted. Default: those of Python.
        proof_timeout: Seconds that S3 has to say whether it accepts a signature.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, *, proof_timeout: float = _PROOF_TIMEOUT_SECONDS) -> None:
        self._tls = tls
        self._proof_timeout = proof_timeout

    def accepts(self, address: ResponseAddress) -> bool:
        """See ``registration_ports.Responses``.

        S3 documents for the header ``Expect: 100-continue`` ("Common request headers" of its API reference) that a
        request which is rejected based on its headers never gets its body: ``100`` means that the signature is good,
        ``403`` that it is not. The connection is closed before a body is sent, so that nothing is stored.

        Silence is an error, not a proof: whoever forges requests may send any number of them.
        """
        with self._connected(address, self._proof_timeout) as connection:
            connection.putrequest("PUT", address.target, skip_accept_encoding=True)
            # As in the answer itself: the signature of CloudFormation's URL demands an empty content type.
            for name, value in {"Content-Type": "", "Content-Length": "1", "Expect": "100-continue"}.items():
                connection.putheader(name, value)
            connection.endheaders()
            # http.client itself skips a 100.
            line = connection.sock.makefile("rb").readline(_MOST_STATUS_LINE)
        return _accepted(line)

    def send(self, address: ResponseAddress, body: bytes) -> None:
        """See ``registration_ports.Responses``."""
        with self._connected(address, _TIMEOUT_SECONDS) as connection:
            connection.request("PUT", address.target, body=body, headers={"Content-Type": ""})
            status = connection.getresponse().status
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise ResponseNotTakenError(f"CloudFormation's bucket does not accept the answer: HTTP {status}")

    @contextmanager
    def _connected(self, address: ResponseAddress, timeout: float) -> Iterator[HTTPConnection]:
        connection = (
            HTTPSConnection(address.host, address.port, timeout=timeout, context=self._tls)
            if address.secure
            else HTTPConnection(address.host, address.port, timeout=timeout)
        )
        with closing(connection):
            connection.connect()
            yield connection


def _accepted(line: bytes) -> bool:
    found = _STATUS_LINE.match(line)
    status = int(found[1]) if found else 0
    if status == HTTPStatus.CONTINUE:
        return True
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return False
    raise ResponseNotTakenError(f"CloudFormation's bucket does not say whether it accepts an answer: HTTP {status}")


class CloudFormationStacks:
    """Implements ``registration_ports.Stacks``."""

    def __init__(self, client: CloudFormationClient) -> None:
        self._client = client

    def status(self, stack_id: str) -> str:
        """See ``registration_ports.Stacks``."""
        [stack] = self._client.describe_stacks(StackName=stack_id)["Stacks"]
        return stack["StackStatus"]
