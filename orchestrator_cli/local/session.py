"""How a process talks to the local environment, and to nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import boto3
import botocore.session
from botocore.client import BaseClient
from botocore.config import Config

REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
ACCESS_KEY: Final = "test"
_SECRET_KEY: Final = "test"  # noqa: S105 - the emulator takes any

# Lists of hosts that a proxy is not asked for; which spelling counts differs from tool to tool.
_NO_PROXY: Final = ("NO_PROXY", "no_proxy")


def subprocess_environment(endpoint_url: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for a program that shall talk to the local environment.

    Everything that would lead it elsewhere is left out or overridden: AWS variables, profiles, configuration
    files, the metadata service, and proxies on the way to loopback.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith(("AWS_", "CDK_"))}
    for name in _NO_PROXY:
        kept[name] = ",".join(filter(None, [environ.get(name), "127.0.0.1", "localhost"]))
    return kept | variables(endpoint_url)


def variables(endpoint_url: str) -> dict[str, str]:
    """The AWS variables alone: what ``orchestrator local env`` prints."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": _SECRET_KEY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class _LoopbackSession(botocore.session.Session):
    """Sends every client to the local endpoint, whatever the user's environment says."""

    def __init__(self, endpoint_url: Callable[[], str]) -> None:
        nothing: dict[str, Any] = {
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
        super().__init__(session_vars=nothing)
        self._endpoint_url = endpoint_url

    def create_client(self, *args: Any, **kwargs: Any) -> BaseClient:  # noqa: ANN401 - botocore's signature
        config = Config(proxies={}, use_fips_endpoint=False, use_dualstack_endpoint=False)
        if given := kwargs.get("config"):
            config = config.merge(given)
        return super().create_client(*args, **kwargs | {"endpoint_url": self._endpoint_url(), "config": config})


def loopback_session(endpoint_url: Callable[[], str]) -> boto3.Session:
    """A boto3 session whose clients all go to the local environment.

    Args:
        endpoint_url: Asked whenever a client is made: a session may exist before its environment is started.
    """
    return boto3.Session(
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=_SECRET_KEY,
        region_name=REGION,
        botocore_session=_LoopbackSession(endpoint_url),
    )
