"""Who sent a message to a queue: SQS names the role's session, where the emulator names the account."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping
from typing import Any

_Json = dict[str, Any]


class Senders:
    """Names the sender of each message by the session that sent it.

    AWS: ``SenderId`` of a message is ``{role id}:{session}`` for an assumed role
    (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Message.html), and a function's session
    has the function's name.

    Args:
        services: The emulator's modules.
        credentials: The access keys of a function.
    """

    def __init__(self, services: Mapping[str, Any], credentials: Callable[[_Json], dict[str, str]]) -> None:
        self._sts = services["sts"]
        self._credentials = credentials
        self._attributes = services["sqs"]._build_send_sys_attrs
        self._caller = contextvars.ContextVar("caller", default="")

    def sender_of(self, config: _Json) -> str | None:
        """The sender of what Lambda sends with a function's role."""
        return self._sender(self._credentials(config)["AWS_ACCESS_KEY_ID"])

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

    def naming(self, run_batch: Callable[..., None]) -> Callable[..., None]:
        """Name the senders in the event of a queue's function. Wraps ``lambda_svc._run_sqs_batch``."""

        def run_sqs_batch(  # noqa: PLR0917 - the emulator's signature
            esm: _Json, func_rec: _Json, event: _Json, batch: list[_Json], queue_url: str, queue_name: str
        ) -> None:
            senders = {message["id"]: message["sys"]["SenderId"] for message in batch}
            for record in event["Records"]:
                record["attributes"]["SenderId"] = senders[record["messageId"]]
            run_batch(esm, func_rec, event, batch, queue_url, queue_name)

        return run_sqs_batch

    def _sender(self, key: str) -> str | None:
        user_id: str | None = self._sts._sessions.get(key, {}).get("UserId")
        return user_id
