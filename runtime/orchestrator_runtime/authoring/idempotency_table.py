"""Remembers in DynamoDB how calls ended, by Powertools' idempotency utility.

The table has the partition key ``id``, a string, and the TTL attribute ``expiration``; the function may get,
put, update and delete its items. Imported where a plugin needs it, so that no other waits for it when it starts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

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
    IdempotencyValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from orchestrator_runtime.authoring.outcome import Outcome
from orchestrator_runtime.authoring.run import Retryable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REMEMBERED_FOR: Final = timedelta(days=14)
"""As long as a queue can hold a message that then is delivered again."""
_PREFIX: Final = "orchestrator"
_UNREACHABLE: Final = (IdempotencyPersistenceLayerError, IdempotencyInconsistentStateError)


@dataclass(frozen=True, slots=True)
class Layers:
    """Powertools' layers over one table.

    Attributes:
        marking: Notes down which delivery does the work, and refuses others.
        plain: Does not ask for the delivery.
    """

    marking: DynamoDBPersistenceLayer
    plain: DynamoDBPersistenceLayer

    @classmethod
    def over(cls, table: str, client: DynamoDBClient | None = None) -> Layers:
        """Make both.

        Args:
            table: The table's name.
            client: Default: one is created.
        """
        marking = DynamoDBPersistenceLayer(table, boto3_client=client)
        return cls(marking, DynamoDBPersistenceLayer(table, boto3_client=marking.client))


class IdempotencyTable:
    """Does a call's work once, and remembers how it ended.

    Work that is begun is held until its invocation would be timed out. If the invocation died before,
    its delivery is repeated until then, and begins the work again after; other deliveries of the same
    call leave it alone.

    Args:
        layers: Over the table.
        context: Lambda's of this invocation, which knows how long it may still take.
        logger: Default: Powertools' logger of this process.
    """

    def __init__(self, layers: Layers, context: object, logger: Logger | None = None) -> None:
        self._layers = layers
        self._context = cast("LambdaContext", context)
        self._logger = Logger() if logger is None else logger

    def do(self, key: str, delivery: str, work: Callable[[], Outcome]) -> Outcome | None:
        """Do the work, unless it was done; see :meth:`orchestrator_runtime.authoring.once.Once.do`."""
        ended: list[Outcome] = []
        raised: list[Exception] = []

        def remembered(*, call: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG001  (Powertools reads it)
            try:
                ended.append(work())
            except Exception as error:
                raised.append(error)
                raise
            return ended[0].as_json()

        call = {"key": key, "delivery": delivery}
        try:
            try:
                return Outcome.from_json(self._idempotent(remembered, self._layers.marking, "delivery")(call=call))
            except IdempotencyAlreadyInProgressError as error:
                raise Retryable("an earlier invocation for the same delivery may still be at work") from error
            except IdempotencyValidationError:
                return Outcome.from_json(self._idempotent(remembered, self._layers.plain)(call=call))
        except IdempotencyAlreadyInProgressError:
            return None
        except _UNREACHABLE as error:
            if not ended and not raised:
                table = self._layers.plain.table_name
                raise Retryable(f"the idempotency table {table} cannot be used: {error}") from error
            # The work is done: how it ended is told, although it could not be noted down.
            self._logger.exception("the idempotency table does not know how this call ended")
        if raised:
            raise raised[0]
        return ended[0]

    def _idempotent(
        self, work: Callable[..., dict[str, Any]], layer: DynamoDBPersistenceLayer, validated: str = ""
    ) -> Callable[..., dict[str, Any]]:
        config = IdempotencyConfig(
            event_key_jmespath="key",
            payload_validation_jmespath=validated,
            expires_after_seconds=int(REMEMBERED_FOR.total_seconds()),
            hash_function="sha256",
            lambda_context=self._context,
        )
        idempotent: Callable[..., dict[str, Any]] = idempotent_function(
            work,
            data_keyword_argument="call",
            persistence_store=layer,
            config=config,
            # Not the function's name: one that is replaced while a call is repeated still knows it.
            key_prefix=_PREFIX,
        )
        return idempotent


def idempotency_table(name: str, context: object) -> IdempotencyTable:
    """The table of that name, for one invocation."""
    return IdempotencyTable(_layers(name), context)


@cache
def _layers(table: str) -> Layers:
    return Layers.over(table)
