"""Reads a request of CloudFormation for a custom resource, and refuses one that CloudFormation cannot have sent.

Whoever deploys plugins may invoke the function that registers them, and so can send it an event with any ``StackId``.
What only CloudFormation can make is the pre-signed ``ResponseURL``: its signature covers the path, and the path names
the stack. ``read_request`` checks that it does; ``protocol.receive_request`` has S3 check the signature.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from orchestrator_runtime.foreign_text import shown
from orchestrator_runtime.names import problem_with_text

CREATE: Final = "Create"
UPDATE: Final = "Update"
DELETE: Final = "Delete"
_HTTPS_PORT: Final = 443
_MOST_URL: Final = 8_192
"""Characters of a response URL; CloudFormation's have some 500, and some 2,000 with a session token."""
_MOST_PHYSICAL_ID_BYTES: Final = 1_024
"""As CloudFormation documents it."""
_STACK_ID: Final = re.compile(
    r"arn:(?P<partition>[a-z-]{3,20}):cloudformation:(?P<region>[a-z0-9-]{5,30}):[0-9]{12}:"
    r"stack/[A-Za-z][A-Za-z0-9-]{0,127}/[A-Za-z0-9-]{1,64}"
)
_LOGICAL_ID: Final = re.compile(r"[A-Za-z0-9]{1,255}")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{1,128}")
_URL_CHARACTERS: Final = re.compile(r"[!-~]+")
DNS_SUFFIXES: Final[Mapping[str, str]] = {
    "aws": "amazonaws.com",
    "aws-us-gov": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
}
"""How the names of hosts end in each partition, as botocore lists them."""


class ForgedRequestError(Exception):
    """CloudFormation did not send this event. Nobody is answered: an answer would go wherever the sender says."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where a function runs.

    Attributes:
        partition: The partition: a key of ``DNS_SUFFIXES``.
        region: The region.
        local_origin: Scheme, host and port of the local AWS. Default: the function runs on AWS.
    """

    partition: str
    region: str
    local_origin: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseAddress:
    """Where CloudFormation takes the answer to a request.

    Attributes:
        host: The host.
        port: The port.
        target: Path and query as they are sent. The query has the signature, which is a secret.
        secure: Whether the connection is encrypted.
        signed: Whether S3 can tell by the signature who made it; the local AWS signs nothing.
    """

    host: str
    port: int
    target: str = field(repr=False)
    secure: bool = True
    signed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomResourceRequest:
    """A request of CloudFormation for a custom resource.

    Attributes:
        kind: ``Create``, ``Update`` or ``Delete``.
        resource_type: The type of the custom resource, as the template says.
        stack_id: The stack.
        logical_id: The resource in the template.
        request_id: The request.
        physical_id: The id that the resource had before; ``None`` if it is created.
        properties: The properties, as the template's author wrote them.
        before: The properties before an update.
        address: Where CloudFormation takes the answer.
    """

    kind: str
    resource_type: str
    stack_id: str
    logical_id: str
    request_id: str
    physical_id: str | None
    properties: Any
    before: Any
    address: ResponseAddress


def read_request(event: object, home: Home) -> CustomResourceRequest:
    """Read an event that is to be a request of CloudFormation.

    Raises:
        ForgedRequestError: CloudFormation of this region does not send such an event.
    """
    if not isinstance(event, Mapping):
        raise ForgedRequestError(f"the event is no request of CloudFormation, got {type(event).__name__}")
    stack_id, stack = _matched(event, "StackId", _STACK_ID)
    if (stack["partition"], stack["region"]) != (home.partition, home.region):
        raise ForgedRequestError(
            f"StackId names a stack in {stack['partition']}/{stack['region']}, and CloudFormation invokes functions of "
            f"its own region, here {home.partition}/{home.region}"
        )
    logical_id, _ = _matched(event, "LogicalResourceId", _LOGICAL_ID)
    request_id, _ = _matched(event, "RequestId", _REQUEST_ID)
    kind = event.get("RequestType")
    if not isinstance(kind, str) or kind not in {CREATE, UPDATE, DELETE}:
        raise ForgedRequestError(f"RequestType must be Create, Update or Delete, got {_got(kind)}")
    return CustomResourceRequest(
        kind=kind,
        resource_type=str(event.get("ResourceType") or ""),
        stack_id=stack_id,
        logical_id=logical_id,
        request_id=request_id,
        physical_id=_physical_id(event, kind),
        properties=event.get("ResourceProperties"),
        before=event.get("OldResourceProperties"),
        address=_address(event.get("ResponseURL"), f"/{stack_id}|{logical_id}|{request_id}", home),
    )


def _matched(event: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> tuple[str, re.Match[str]]:
    value = event.get(name)
    match = pattern.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ForgedRequestError(f"{name} is not as CloudFormation writes it, got {_got(value)}")
    return match[0], match


def _physical_id(event: Mapping[str, Any], kind: str) -> str | None:
    value = event.get("PhysicalResourceId")
    if value is None and kind == CREATE:
        return None
    if not isinstance(value, str) or not value or problem_with_text("PhysicalResourceId", value):
        raise ForgedRequestError(f"PhysicalResourceId is not as CloudFormation writes it, got {_got(value)}")
    if len(value.encode()) > _MOST_PHYSICAL_ID_BYTES:
        raise ForgedRequestError(f"PhysicalResourceId has more than {_MOST_PHYSICAL_ID_BYTES:,} bytes")
    return value


def _address(url: object, path: str, home: Home) -> ResponseAddress:
    """Checks a response URL. No refusal quotes it: its query is a secret."""
    # urlsplit() drops line breaks and tabs, which may mean another URL to what opens it.
    if not isinstance(url, str) or len(url) > _MOST_URL or not _URL_CHARACTERS.fullmatch(url):
        raise ForgedRequestError("ResponseURL is no URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ForgedRequestError("ResponseURL is no URL") from None
    if parts.username is not None or parts.password is not None or "#" in url or "\\" in url:
        raise ForgedRequestError("ResponseURL has user info, a fragment or a backslash")
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    host = parts.hostname or ""
    if home.local_origin is not None:
        return _local_address(parts, host, port, target, home.local_origin)
    if parts.scheme != "https" or port not in {None, _HTTPS_PORT}:
        raise ForgedRequestError(f"ResponseURL must be https on port {_HTTPS_PORT}, got {_got(parts.scheme)}")
    if host not in _hosts(home):
        raise ForgedRequestError(f"ResponseURL is not in CloudFormation's bucket of {home.region}, got {_got(host)}")
    if unquote(parts.path) != path:
        raise ForgedRequestError("the path of ResponseURL does not name the stack, the resource and the request")
    return ResponseAddress(host, _HTTPS_PORT, target)


def _local_address(parts: SplitResult, host: str, port: int | None, target: str, origin: str) -> ResponseAddress:
    """The local AWS takes answers at its own address, which names no stack and has no signature."""
    local = urlsplit(origin)
    secure = parts.scheme == "https"
    port = port or (_HTTPS_PORT if secure else 80)
    if (parts.scheme, host, port) != (local.scheme, local.hostname, local.port or (_HTTPS_PORT if secure else 80)):
        raise ForgedRequestError(f"ResponseURL is not at the local AWS, got {_got(f'{parts.scheme}://{host}:{port}')}")
    return ResponseAddress(host, port, target, secure=secure, signed=False)


def _hosts(home: Home) -> frozenset[str]:
    """The hosts of the bucket to which custom resources answer.

    The bucket's name is documented in "Access CloudFormation using an interface endpoint (AWS PrivateLink)",
    considerations: ``cloudformation-custom-resource-response-region``, the region without dashes. The endpoints are
    those under which S3 documents a bucket, "Virtual hosting of buckets": regional, the older one with a dash, and
    the global one, which CloudFormation uses in us-east-1.
    """
    bucket = f"cloudformation-custom-resource-response-{home.region.replace('-', '')}"
    suffix = DNS_SUFFIXES[home.partition]
    return frozenset(f"{bucket}.{endpoint}.{suffix}" for endpoint in (f"s3.{home.region}", f"s3-{home.region}", "s3"))


def _got(value: object) -> str:
    return shown(ascii(value) if isinstance(value, str) else type(value).__name__)
