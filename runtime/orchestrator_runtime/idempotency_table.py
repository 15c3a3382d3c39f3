"""Remembers in DynamoDB how calls ended, by Powertools' idempotency utility.

The table has the partition key ``id``, a string, and the TTL attribute ``expiration``; the function may get,
put, update and delete its items. Imported where a plugin needs it, and only there: it is slow to load.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any, Final, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator_runtime.outcome import Outcome
from orchestrator_runtime.plugin_run import Retryable

REMEMBERED_FOR: Final = timedelta(days=14)
"""As long as a queue can hold a message that then is delivered again."""
_PREFIX: Final = "orchestrator"
_UNREACHABLE: Final = (IdempotencyPersistenceLayerError, IdempotencyInconsistentStateError)


class IdempotencyTable:
    """Does a call's work once, and remembers how it ended.

    Work that is begun is held until the invocation would be timed out: if it was killed, it may be
    begun again from then on.

    Args:
        table: Powertools' layer over the table.
        context: Lambda's of this invocation, which knows how long it may still take.
        logger: Default: Powertools' logger of this process.
    """

    def __init__(self, table: DynamoDBPersistenceLayer, context: object, logger: Logger | None = None) -> None:
        self._table = table
        self._context = cast("LambdaContext", context)
        self._logger = Logger() if logger is None else logger

    def do(self, key: str, work: Callable[[], Outcome]) -> Outcome | None:
        """Do the work, unless it was done; see :meth:`orchestrator_runtime.once.Once.do`."""
        ended: list[Outcome] = []
        raised: list[Exception] = []

        def remembered(*, key: str) -> dict[str, Any]:  # noqa: ARG001  (Powertools takes the key from the call)
            try:
                ended.append(work())
            except Exception as error:
                raised.append(error)
                raise
            return ended[0].as_json()

        config = IdempotencyConfig(
            expires_after_seconds=int(REMEMBERED_FOR.total_seconds()),
            hash_function="sha256",
            lambda_context=self._context,
        )
        call = idempotent_function(
            remembered,
            data_keyword_argument="key",
            persistence_store=self._table,
            config=config,
            # Not the function's name: one that is replaced while a call is repeated still knows it.
            key_prefix=_PREFIX,
        )
        try:
            return Outcome.from_json(call(key=key))
        except IdempotencyAlreadyInProgressError:
            return None
        except _UNREACHABLE as error:
            if not ended and not raised:
                raise Retryable(f"the idempotency table {self._table.table_name} cannot be used: {error}") from error
            # The work is done: how it ended is told, although it could not be noted down.
            self._logger.exception("the idempotency table does not know how this call ended")
        if raised:
            raise raised[0]
        return ended[0]


def idempotency_table(name: str, context: object) -> IdempotencyTable:
    """The table of that name, for one invocation."""
    return IdempotencyTable(_layer(name), context)


@cache
def _layer(name: str) -> DynamoDBPersistenceLayer:
    return DynamoDBPersistenceLayer(table_name=name)
