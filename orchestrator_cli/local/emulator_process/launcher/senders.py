"""Who sent a message to a queue: SQS names the role's session, where the emulator names the account."""

from __future__ import annotations

import contextvars
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

_Json = dict[str, Any]


class Senders:
    """Gives each function a session of its role, and names the sender of each message by the session that sent it.

    AWS: ``SenderId`` of a message is ``{role id}:{session}`` for an assumed role
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Message.html), and a function's session
    has the function's name.

    Args:
        services: The emulator's modules.
        enforced: Whether IAM is enforced. Then the emulator itself gives each function credentials of its own.
    """

    def __init__(self, services: Mapping[str, Any], *, enforced: bool) -> None:
        self._sts, self._sqs = services["sts"], services["sqs"]
        self._enforced = enforced
        self._credentials = services["lambda_runtime"].execution_credentials
        self._attributes = self._sqs._build_send_sys_attrs
        self._caller = contextvars.ContextVar("caller", default="")

    def credentials(self, config: _Json) -> dict[str, str]:
        """The credentials of a function. Takes the place of ``lambda_runtime.execution_credentials``."""
        given: dict[str, str] = self._credentials(config)
        role, function = config.get("Role") or "", config["FunctionName"]
        if not role:
            return given
        if not self._enforced:
            digest = hashlib.sha256(f"{config['FunctionArn']} {role}".encode()).hexdigest()
            given = {**given, "AWS_ACCESS_KEY_ID": f"ASIA{digest[:16].upper()}", "AWS_SESSION_TOKEN": digest}
        account, name = role.split(":")[4], role.rpartition("/")[2]
        self._sts.register_session(
            given["AWS_ACCESS_KEY_ID"],
            {
                "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{function}",
                "UserId": f"{self._sts._role_id(role)}:{function}",
                "SecretAccessKey": given["AWS_SECRET_ACCESS_KEY"],
                "SessionToken": given["AWS_SESSION_TOKEN"],
            },
        )
        return given

    def sender_of(self, config: _Json) -> str | None:
        """The sender of what Lambda sends with a function's role."""
        return self._sender(self.credentials(config)["AWS_ACCESS_KEY_ID"])

    def noting(self, extract: Callable[..., str]) -> Callable[..., str]:
        """Note the caller of a request. Wraps ``app.extract_access_key_id``."""

        def extract_access_key_id(headers: _Json, query_params: _Json | None = None) -> str:
            key = extract(headers, query_params)
            self._caller.set(key)
            return key

        return extract_access_key_id

    def attributes(self, now: float, sys_attrs_input: _Json) -> _Json:
        """The system attributes of a message. Takes the place of ``sqs._build_send_sys_attrs``."""
        built: _Json = self._attributes(now, sys_attrs_input)
        sender = self._sender(self._caller.get())
        return built if sender is None else {**built, "SenderId": sender}

    def _sender(self, key: str) -> str | None:
        user_id: str | None = self._sts._sessions.get(key, {}).get("UserId")
        return user_id
