"""The gateway's calls, against moto; and its sentences."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from orchestrator_cli.aws_gateway import AwsGateway, aws_gateway
from orchestrator_cli.errors import CliError, UsageError


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No credentials, no region, no profile, no metadata service."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")


@mock_aws
def test_parameters_are_found_by_name_and_by_path() -> None:
    ssm = session().client("ssm")
    for index in range(11):
        ssm.put_parameter(Name=f"/claims/dev/workflows/W{index}/state-machine-arn", Value="arn", Type="String")
    gateway = AwsGateway(session())
    assert gateway.parameter("/claims/dev/workflows/W3/state-machine-arn") == "arn"
    assert gateway.parameter("/claims/dev/nothing") is None
    assert len(gateway.parameter_names("/claims/dev/workflows/")) == 11


@mock_aws
def test_what_aws_refuses_is_a_sentence() -> None:
    missing = "arn:aws:states:us-east-1:123456789012:execution:none:none"
    with pytest.raises(
        CliError, match="AWS refused DescribeExecution: ExecutionDoesNotExist: Execution Does Not Exist"
    ):
        AwsGateway(session()).execution(missing)


def test_no_credentials_is_a_sentence(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with pytest.raises(UsageError, match="no AWS credentials were found: log in, or set AWS_PROFILE"):
        aws_gateway(local=False).parameter("/a")


def test_no_region_is_a_sentence(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="no AWS region is set"):
        aws_gateway(local=False).parameter("/a")


def test_a_profile_that_is_not_there_is_a_sentence(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_PROFILE", "gone")
    with pytest.raises(UsageError, match=r"gone.*set AWS_PROFILE to one that exists"):
        aws_gateway(local=False)


def test_an_endpoint_that_does_not_answer_is_a_sentence(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    environment.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(CliError, match="AWS could not be asked: Could not connect to the endpoint URL"):
        AwsGateway(session()).parameter("/a")
