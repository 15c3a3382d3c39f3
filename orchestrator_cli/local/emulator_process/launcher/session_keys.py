"""Which access keys the emulator knows: one of this session for the operator, and one for each function."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final

_SESSION_NAME: Final = 64
_Json = dict[str, Any]


def only_root(services: Mapping[str, Any], *, access_key_id: str, secret_access_key: str, account: str) -> None:
    """Have the session's key as the only one of the account's root, and have its signatures checked.

    The emulator takes ``test``, every number of twelve digits and no key at all for the root, by name alone.

    Args:
        services: The emulator's modules.
        access_key_id: The session's access key id.
        secret_access_key: Its secret.
        account: The account.
    """
    root = {"Arn": f"arn:aws:iam::{account}:root", "AccountId": account, "UserId": account, "PrincipalType": "Root"}
    services["sts"].register_session(access_key_id, {**root, "SecretAccessKey": secret_access_key})
    for module in ("iam_evaluator", "sts"):
        services[module].is_root_access_key = _never


def _never(access_key_id: str) -> bool:  # noqa: ARG001 - the emulator's signature
    return False


def function_keys(sts: Any, secret: bytes) -> Callable[[_Json], dict[str, str]]:  # noqa: ANN401
    """Give each function keys of a session of its role, which follow from a secret, too.

    The emulator's own follow from the functions' names alone, and where IAM is not enforced they are the account's.
    Takes the place of ``lambda_runtime.execution_credentials``.

    Args:
        sts: The emulator's module of STS.
        secret: What nobody but this session knows.
    """

    def execution_credentials(config: _Json) -> dict[str, str]:
        function, role = str(config["FunctionArn"]), str(config.get("Role", ""))

        def derived(purpose: str) -> str:
            return hmac.new(secret, f"{purpose}:{function}:{role}".encode(), hashlib.sha256).hexdigest()

        name = role.rpartition("/")[2]
        session = str(config["FunctionName"])[:_SESSION_NAME]
        access_key_id = f"ASIA{derived('key')[:16].upper()}"
        secret_access_key, token = derived("secret"), derived("token")
        account = function.split(":")[4]
        sts.register_session(
            access_key_id,
            {
                "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
                "UserId": f"{sts._role_id(role)}:{session}",
                "SecretAccessKey": secret_access_key,
                "SessionToken": token,
            },
        )
        return {
            "AWS_ACCESS_KEY_ID": access_key_id,
            "AWS_SECRET_ACCESS_KEY": secret_access_key,
            "AWS_SESSION_TOKEN": token,
        }

    return execution_credentials
