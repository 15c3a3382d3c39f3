"""How a process talks to the local environment, and to nothing else."""

from __future__ import annotations

import os
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import boto3
import botocore.session
from botocore.client import BaseClient
from botocore.config import Config

REGION: Final = "us-east-1"
ACCOUNT: Final = "000000000000"
_KEY_ALPHABET: Final = string.ascii_uppercase + "234567"
_KEY_LETTERS: Final = 16
_SECRET_BYTES: Final = 30

# Lists of hosts that a proxy is not asked for; which spelling counts differs from tool to tool.
_NO_PROXY: Final = ("NO_PROXY", "no_proxy")


@dataclass(frozen=True, slots=True)
class Keys:
    """The operator's access key of one local environment. Where IAM is enforced, it is the account's root.

    Attributes:
        access_key_id: The id, of the form that AWS gives to users.
        secret_access_key: What requests are signed with.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @classmethod
    def random(cls) -> Self:
        """Keys that nobody can guess."""
        letters = "".join(secrets.choice(_KEY_ALPHABET) for _ in range(_KEY_LETTERS))
        return cls(f"AKIA{letters}", secrets.token_urlsafe(_SECRET_BYTES))


def subprocess_environment(endpoint_url: str, keys: Keys, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment for a program that shall talk to the local environment.

    Everything that would lead it elsewhere is left out or overridden: AWS variables, profiles, configuration
    files, the metadata service, and proxies on the way to loopback.
    """
    kept = {name: value for name, value in environ.items() if not leads_elsewhere(name)}
    return kept | no_proxy(environ) | variables(endpoint_url, keys)


def leads_elsewhere(name: str) -> bool:
    """Whether a variable of this name could lead an AWS SDK or the CDK CLI to another place."""
    return name.startswith(("AWS_", "CDK_"))


def no_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that keep a proxy off the way to loopback."""
    return {name: ",".join(filter(None, [environ.get(name), "127.0.0.1", "localhost"])) for name in _NO_PROXY}


def variables(endpoint_url: str, keys: Keys) -> dict[str, str]:
    """The AWS variables alone."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
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


def loopback_session(endpoint_url: Callable[[], str], keys: Keys) -> boto3.Session:
    """A boto3 session whose clients all go to the local environment.

    Args:
        endpoint_url: Asked whenever a client is made: a session may exist before its environment is started.
        keys: What its requests are signed with.
    """
    return boto3.Session(
        aws_access_key_id=keys.access_key_id,
        aws_secret_access_key=keys.secret_access_key,
        region_name=REGION,
        botocore_session=_LoopbackSession(endpoint_url),
    )
