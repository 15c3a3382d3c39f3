"""CloudFormation is told over HTTP, within the limits that it has, and its bucket is asked about signatures."""

from __future__ import annotations

import datetime
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.stub import Stubber
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from orchestrator_runtime.aws.cloudformation import (
    CloudFormationStacks,
    HttpResponses,
    ResponseNotTakenError,
    answer_body,
)
from orchestrator_runtime.core.custom_resource_request import CustomResourceRequest, ResponseAddress
from orchestrator_runtime.foreign_text import UNSHOWABLE
from tests.unit.cloudformation_desk import Desk, desk
from tests.unit.samples import NOW

MAX_RESPONSE_BYTES = 4096
"""Of a custom resource's answer, as CloudFormation documents it."""
TARGET = "/arn%3Aaws%3Acloudformation?X-Amz-Signature=%2Fa%3Db"
HOST = "127.0.0.1"


@pytest.fixture
def cloudformation() -> Iterator[Desk]:
    with desk() as taken:
        yield taken


def request(**other: Any) -> CustomResourceRequest:
    return CustomResourceRequest(
        **{
            "kind": "Create",
            "resource_type": "Custom::OrchestratorPlugin",
            "stack_id": "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1",
            "logical_id": "Score",
            "request_id": "r-1",
            "physical_id": None,
            "properties": {},
            "before": None,
            "address": ResponseAddress(HOST, 443, TARGET),
            **other,
        }
    )


def address(cloudformation: Desk) -> ResponseAddress:
    parts = urlsplit(cloudformation.url)
    assert parts.port is not None
    return ResponseAddress(HOST, parts.port, f"{parts.path}?{parts.query}", secure=False)


def test_success_is_told_to_the_very_url(cloudformation: Desk) -> None:
    HttpResponses().send(address(cloudformation), answer_body(request(), physical_id="arn:sub"))
    [told] = cloudformation.told
    assert (told.method, told.path) == ("PUT", "/answer?signature=%2Fa%3Db")
    # The URL is signed for an empty content type: with another, S3 refuses the answer.
    assert told.content_type == ""
    assert told.document == {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "arn:sub",
        "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1",
        "RequestId": "r-1",
        "LogicalResourceId": "Score",
    }


def test_a_refusal_is_told_with_its_reason() -> None:
    document = json.loads(answer_body(request(), physical_id="arn:sub", refusal="it is so, ü"))
    assert (document["Status"], document["Reason"]) == ("FAILED", "it is so, ü")


@pytest.mark.parametrize("status", [301, 307, 403, 500])
def test_an_answer_that_is_not_taken_is_an_error(cloudformation: Desk, status: int) -> None:
    cloudformation.status = status
    with pytest.raises(ResponseNotTakenError, match=str(status)):
        HttpResponses().send(address(cloudformation), b"{}")
    assert len(cloudformation.told) == 1, "no redirect is followed"


@pytest.mark.parametrize(
    "character",
    ["x", "ü", "日", "\U0001f697", '"', "\\", "\x00", "\n", "\x1b", "\u2028", "\u202e", "\ud800", "\U000e0041"],
    ids=ascii,
)
@pytest.mark.parametrize("physical_id", ["arn:sub", '"' * 1024, "ü" * 512])
def test_an_answer_has_4096_bytes_whatever_is_in_it(character: str, physical_id: str) -> None:
    longest = request(
        stack_id=f"arn:aws:cloudformation:eu-west-1:123456789012:stack/{'s' * 128}/{'i' * 64}",
        logical_id="l" * 255,
        request_id="r" * 128,
    )
    body = answer_body(longest, physical_id=physical_id, refusal="it is so: " + character * 10_000)
    assert len(body) <= MAX_RESPONSE_BYTES
    document = json.loads(body)
    assert document["PhysicalResourceId"] == physical_id
    assert document["Reason"].startswith("it is so: ")
    assert not UNSHOWABLE.search(document["Reason"])


# What S3 says of a signature


@dataclass
class Bucket:
    """A server on loopback that answers the headers of a request, and then looks whether a body comes."""

    port: int = 0
    received: list[bytes] = field(default_factory=list)


@contextmanager
def bucket(answer: bytes | None, tls: ssl.SSLContext | None = None) -> Iterator[Bucket]:
    with socket.create_server((HOST, 0)) as server:
        found = Bucket(server.getsockname()[1])

        def serve() -> None:
            accepted, _ = server.accept()
            try:
                connection = tls.wrap_socket(accepted, server_side=True) if tls else accepted
            except ssl.SSLError:
                accepted.close()
                return
            with connection:
                taken = b""
                while b"\r\n\r\n" not in taken and (part := connection.recv(4096)):
                    taken += part
                if answer is not None:
                    connection.sendall(answer)
                while part := connection.recv(4096):
                    taken += part
                found.received.append(taken)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield found
        finally:
            thread.join()


REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        (CONTINUE, True),
        (b"HTTP/1.1 100 \r\n\r\n", True),
        (REFUSED, False),
        (b"HTTP/1.1 401 Unauthorized\r\n\r\n", False),
    ],
    ids=lambda value: value.decode().split("\r")[0] if isinstance(value, bytes) else str(value),
)
def test_s3_is_asked_by_the_headers_alone(answer: bytes, *, accepted: bool) -> None:
    with bucket(answer) as found:
        assert HttpResponses().accepts(ResponseAddress(HOST, found.port, TARGET, secure=False)) is accepted
    [received] = found.received
    head, _, body = received.partition(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    assert line == f"PUT {TARGET} HTTP/1.1"
    assert sorted(headers) == [
        "Content-Length: 1",
        "Content-Type: ",
        "Expect: 100-continue",
        f"Host: {HOST}:{found.port}",
    ]
    assert body == b"", "nothing is stored"


def test_silence_proves_nothing() -> None:
    responses = HttpResponses(proof_timeout=0.05)
    with bucket(None) as found, pytest.raises(TimeoutError):
        responses.accepts(ResponseAddress(HOST, found.port, TARGET, secure=False))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Slow Down\r\n\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://169.254.169.254/\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"SSH-2.0\r\n",
        b"\r\n",
    ],
)
def test_another_answer_proves_nothing(answer: bytes) -> None:
    with bucket(answer) as found, pytest.raises(ResponseNotTakenError, match="not say whether it accepts an answer"):
        HttpResponses().accepts(ResponseAddress(HOST, found.port, TARGET, secure=False))


def test_a_bucket_out_of_reach_is_an_error() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectionError):
        HttpResponses().accepts(ResponseAddress(HOST, port, TARGET, secure=False))


@dataclass(frozen=True)
class Certificate:
    server: ssl.SSLContext
    trusted: ssl.SSLContext


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate of loopback that nobody but the test trusts."""
    folder: Path = tmp_path_factory.mktemp("certificate")
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "cert.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, private)
    return Certificate(server, ssl.create_default_context(cafile=chain))


@pytest.mark.parametrize(("answer", "accepted"), [(CONTINUE, True), (REFUSED, False)])
def test_s3_is_asked_over_tls(certificate: Certificate, answer: bytes, *, accepted: bool) -> None:
    with bucket(answer, certificate.server) as found:
        address = ResponseAddress(HOST, found.port, TARGET)
        assert HttpResponses(certificate.trusted).accepts(address) is accepted
    assert found.received[0].endswith(b"\r\n\r\n")


def test_a_certificate_that_is_not_trusted_is_refused(certificate: Certificate) -> None:
    with bucket(CONTINUE, certificate.server) as found, pytest.raises(ssl.SSLCertVerificationError):
        HttpResponses().accepts(ResponseAddress(HOST, found.port, TARGET))
    assert found.received == [], "not even the signature is sent"


def test_an_address_shows_no_signature() -> None:
    assert "Signature" not in repr(ResponseAddress(HOST, 443, TARGET))


def test_a_stack_is_told_by_its_status(aws: None) -> None:
    client = boto3.client("cloudformation")
    stack_id = "arn:aws:cloudformation:eu-west-1:123456789012:stack/activities/1f2e"
    stack = {"StackName": "activities", "StackStatus": "UPDATE_IN_PROGRESS", "CreationTime": NOW}
    with Stubber(client) as stubber:
        stubber.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": stack_id})
        assert CloudFormationStacks(client).status(stack_id) == "UPDATE_IN_PROGRESS"
