"""What CloudFormation sends for a custom resource, and that nothing else is taken for it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from orchestrator_runtime.core.custom_resource_request import (
    CustomResourceRequest,
    ForgedRequestError,
    Home,
    ResponseAddress,
    read_request,
)

HOME = Home("aws", "eu-west-1")
LOCAL = Home("aws", "eu-west-1", "http://127.0.0.1:4566")
STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/467c5470-6549-11e6-aed7-50d5cdfd10fa"
VICTIM = "arn:aws:cloudformation:eu-west-1:123456789012:stack/victim/b1e2b1a0-0622-11ea-959f-0656ae9cb4fa"
BUCKET = "cloudformation-custom-resource-response-euwest1"
HOST = f"{BUCKET}.s3.eu-west-1.amazonaws.com"
QUERY = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-SignedHeaders=host&X-Amz-Signature=5eC%2FrEt"


def path_of(stack_id: str = STACK, logical_id: str = "Score", request_id: str = "r-1") -> str:
    """As CloudFormation writes it: all but the slashes is encoded."""
    return "/" + quote(f"{stack_id}|{logical_id}|{request_id}", safe="/")


def url(host: str = HOST, path: str | None = None) -> str:
    return f"https://{host}{path_of() if path is None else path}?{QUERY}"


def event(**other: Any) -> dict[str, Any]:
    return {
        "RequestType": "Create",
        "ResponseURL": url(),
        "StackId": STACK,
        "RequestId": "r-1",
        "LogicalResourceId": "Score",
        "ResourceType": "Custom::OrchestratorPlugin",
        "ResourceProperties": {"Name": "Score"},
    } | other


def refused(given: object, home: Home = HOME) -> str:
    with pytest.raises(ForgedRequestError) as error:
        read_request(given, home)
    assert "5eC" not in str(error.value), "a signature is a secret"
    return str(error.value)


def test_a_request_is_read() -> None:
    before = {"Name": "Other"}
    given = event(RequestType="Update", PhysicalResourceId="arn:sub", OldResourceProperties=before)
    assert read_request(given, HOME) == CustomResourceRequest(
        kind="Update",
        resource_type="Custom::OrchestratorPlugin",
        stack_id=STACK,
        logical_id="Score",
        request_id="r-1",
        physical_id="arn:sub",
        properties={"Name": "Score"},
        before=before,
        address=ResponseAddress(HOST, 443, f"{path_of()}?{QUERY}", secure=True, signed=True),
    )


@pytest.mark.parametrize(
    ("home", "host"),
    [
        (HOME, HOST),
        (HOME, f"{BUCKET}.s3-eu-west-1.amazonaws.com"),
        (HOME, f"{BUCKET}.s3.amazonaws.com"),
        (HOME, HOST.upper()),
        (HOME, f"{HOST}:443"),
        (
            Home("aws-cn", "cn-north-1"),
            "cloudformation-custom-resource-response-cnnorth1.s3.cn-north-1.amazonaws.com.cn",
        ),
        (
            Home("aws-us-gov", "us-gov-west-1"),
            "cloudformation-custom-resource-response-usgovwest1.s3.us-gov-west-1.amazonaws.com",
        ),
    ],
)
def test_the_hosts_of_cloudformation_s_bucket(home: Home, host: str) -> None:
    stack_id = STACK.replace("aws:", f"{home.partition}:", 1).replace("eu-west-1", home.region)
    given = event(StackId=stack_id, ResponseURL=url(host, path_of(stack_id)))
    found = read_request(given, home).address
    assert (found.host, found.port, found.secure, found.signed) == (host.lower().removesuffix(":443"), 443, True, True)


FORGED: dict[str, str] = {
    "a file": f"file:///etc/passwd?{QUERY}",
    "a file of the host": url().replace("https", "file"),
    "ftp": url().replace("https", "ftp"),
    "plain http": url().replace("https", "http"),
    "http on 443": url(f"{HOST}:443").replace("https", "http"),
    "another port": url(f"{HOST}:8443"),
    "a port that is none": url(f"{HOST}:99999"),
    "another host": url("example.com"),
    "a host that begins so": url(f"{HOST}.example.com"),
    "a host that ends so": url(f"evil-{HOST}"),
    "another bucket of S3": url("team-bucket.s3.eu-west-1.amazonaws.com"),
    "the bucket of another region": url(HOST.replace("euwest1", "useast1")),
    "the bucket at another region": url(HOST.replace(".eu-west-1.", ".us-east-1.")),
    "the suffix of another partition": url(f"{HOST}.cn"),
    "a dot at the end": url(f"{HOST}."),
    "the path style": url("s3.eu-west-1.amazonaws.com", f"/{BUCKET}{path_of()}"),
    "user info": url(f"{HOST}@example.com"),
    "user info before": url(f"example.com@{HOST}"),
    "empty user info": url(f"@{HOST}"),
    "a backslash": url(f"{HOST}\\@example.com"),
    "a fragment": f"{url()}#x",
    "metadata": f"http://169.254.169.254/latest/meta-data/?{QUERY}",
    "a line break": url().replace("?", "\r\nX: y?"),
    "a tab": url().replace("https", "ht\ttps"),
    "a space": url().replace("?", " ?"),
    "another script": url(HOST.replace("e", "\u0435")),
    "no path": url(path=""),
    "another stack": url(path=path_of(VICTIM)),
    "another resource": url(path=path_of(logical_id="Other")),
    "another request": url(path=path_of(request_id="r-2")),
    "encoded twice": url(path=quote(path_of())),
    "a way up": url(path=f"{path_of(VICTIM)}/..{path_of()}"),
    "more of the path": url(path=f"{path_of()}%7Cmore"),
    "without its slash": url(path=path_of()[1:]),
    "no URL": "https://[",
    "nothing": "",
    "a long one": f"{url()}{'x' * 10_000}",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_response_url_that_is_not_cloudformation_s_is_refused(forged: str) -> None:
    assert "ResponseURL" in refused(event(ResponseURL=forged))


@pytest.mark.parametrize("stack_id", [VICTIM, f"{STACK}|Score", f"{STACK}/x"])
def test_a_url_is_of_the_stack_that_the_event_names(stack_id: str) -> None:
    """The URL that CloudFormation made for the sender's own stack proves nothing about another's."""
    refused(event(StackId=stack_id))


def test_the_parts_of_the_path_cannot_be_shifted() -> None:
    """The signed path of one stack must not read as that of another."""
    shifted = event(StackId=VICTIM, LogicalResourceId="x|Score", ResponseURL=url(path=path_of(VICTIM, "x|Score")))
    assert refused(shifted).startswith("LogicalResourceId is not as CloudFormation writes it, got 'x|Score'")


MALFORMED: list[dict[str, Any]] = [
    {"StackId": None},
    {"StackId": "arn:stack"},
    {"StackId": "team"},
    {"StackId": STACK.replace("cloudformation", "sns")},
    {"StackId": STACK.replace("eu-west-1", "us-east-1")},
    {"StackId": STACK.replace("aws:", "aws-cn:", 1)},
    {"StackId": STACK.replace("123456789012", "12345")},
    {"StackId": f"{STACK}\n"},
    {"StackId": [STACK]},
    {"LogicalResourceId": ""},
    {"LogicalResourceId": "a/b"},
    {"LogicalResourceId": "x" * 256},
    {"RequestId": ""},
    {"RequestId": "r 1"},
    {"RequestId": 1},
    {"RequestType": "Destroy"},
    {"RequestType": ["Create"]},
    {"RequestType": "Delete"},
    {"RequestType": "Delete", "PhysicalResourceId": ""},
    {"RequestType": "Delete", "PhysicalResourceId": "x" * 1_025},
    {"RequestType": "Delete", "PhysicalResourceId": "a\nb"},
    {"RequestType": "Delete", "PhysicalResourceId": "\ud800"},
    {"RequestType": "Delete", "PhysicalResourceId": 7},
    {"ResponseURL": None},
    {"ResponseURL": 7},
]


@pytest.mark.parametrize("wrong", MALFORMED, ids=str)
def test_what_cloudformation_does_not_write_is_refused(wrong: dict[str, Any]) -> None:
    assert next(reversed(wrong)) in refused(event(**wrong)) or "RequestType" in wrong


@pytest.mark.parametrize("given", [None, [], "Create", 7])
def test_an_event_that_is_none_is_refused(given: object) -> None:
    refused(given)


# The local AWS


def test_the_local_aws_takes_answers_at_its_own_address() -> None:
    given = event(ResponseURL="http://127.0.0.1:4566/_ministack/cfn-response/5eC")
    found = read_request(given, LOCAL).address
    assert found == ResponseAddress("127.0.0.1", 4566, "/_ministack/cfn-response/5eC", secure=False, signed=False)


@pytest.mark.parametrize(
    "elsewhere",
    [
        url(),
        "http://127.0.0.1:4567/_ministack/cfn-response/5eC",
        "http://127.0.0.1/_ministack/cfn-response/5eC",
        "https://127.0.0.1:4566/_ministack/cfn-response/5eC",
        "http://127.0.0.1:4566@example.com/5eC",
        "http://localhost:4566/5eC",
        "file:///etc/passwd",
    ],
)
def test_the_local_aws_takes_them_nowhere_else(elsewhere: str) -> None:
    refused(event(ResponseURL=elsewhere), LOCAL)


def test_no_local_address_is_taken_on_aws() -> None:
    refused(event(ResponseURL="http://127.0.0.1:4566/_ministack/cfn-response/5eC"))
