"""A plugin's queue: how it may be set up, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aws_cdk import Annotations, Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from orchestrator_constructs.encryption import queue_encryption
from orchestrator_constructs.plugin.function import defined_function
from orchestrator_constructs.queues import LONGEST_RETENTION
from orchestrator_constructs.validation import check_count, whole_seconds

DEFAULT_MAX_RECEIVES: Final = 3

_DEFAULT_RETENTION: Final = Duration.days(4)
_DEFAULT_VISIBILITY: Final = Duration.minutes(5)
_SHORTEST_DEFAULT_VISIBILITY: Final = Duration.seconds(30)
_LONGEST_VISIBILITY: Final = Duration.hours(12)
_SHORTEST_RETENTION_SECONDS: Final = 60
_TIMEOUTS_HIDDEN: Final = 6
"""AWS advises to hide a message for six times the function's timeout."""
_LAMBDA_TIMEOUT_SECONDS: Final = 3
"""Of a function that names none."""
_MOST_RECEIVES: Final = 1000
_LEAST_CONCURRENCY: Final = 2
_MOST_CONCURRENCY: Final = 1000
_LARGEST_BATCH: Final = 10_000
MOST_WITHOUT_WINDOW: Final = 10
"""Messages in a batch of a FIFO queue, or of any queue if Lambda may not wait for more."""


@dataclass(frozen=True, kw_only=True)
class QueueSettings:
    """The props of a plugin's construct about its queue; the construct documents them."""

    fifo: bool
    fifo_key: str | None
    max_concurrency: int | None
    batch_size: int
    max_receives: int
    visibility_timeout: Duration | None
    retention: Duration | None
    timeout: Duration | None

    def check(self, path: str, function: lambda_.IFunction | None) -> None:
        """Refuse what SQS or Lambda would refuse; tokens are let through.

        Args:
            path: The plugin's path, for the text of an error.
            function: What reads the queue, if a function does.

        Raises:
            ValueError: A setting is not allowed. The text says what to do.
        """
        of = f"of plugin {path!r}"
        if self.fifo_key is not None and not self.fifo:
            raise ValueError(f"fifo_key {of} is {self.fifo_key!r}, but its queue is no FIFO queue: set fifo=True")
        if self.fifo_key == "":
            raise ValueError(f"fifo_key {of} is empty: name a key of the metadata, or leave it out")
        if function is None and (self.max_concurrency is not None or self.batch_size != 1):
            raise ValueError(
                f"max_concurrency and batch_size {of} say how Lambda reads the queue, and it has no function: "
                f"leave them out, your consumer decides for itself"
            )
        check_count(f"max_receives {of}", self.max_receives, at_most=_MOST_RECEIVES)
        check_count(f"batch_size {of}", self.batch_size, at_most=MOST_WITHOUT_WINDOW if self.fifo else _LARGEST_BATCH)
        if self.max_concurrency is not None:
            what = f"max_concurrency {of}"
            check_count(what, self.max_concurrency, at_least=_LEAST_CONCURRENCY, at_most=_MOST_CONCURRENCY)
        if self.retention is not None:
            least = _SHORTEST_RETENTION_SECONDS
            whole_seconds(f"retention {of}", self.retention, at_least=least, at_most=LONGEST_RETENTION)
        if self.visibility_timeout is not None:
            whole_seconds(f"visibility_timeout {of}", self.visibility_timeout, at_most=_LONGEST_VISIBILITY)
        timeout = _timeout_seconds(function)
        given = self.visibility_timeout
        if timeout and given and not given.is_unresolved() and _seconds(given) < timeout:
            raise ValueError(
                f"visibility_timeout {of} is {_seconds(given)} s, and its function may take {timeout} s: Lambda "
                f"refuses that, because the message would come again while it is worked on. Use "
                f"{_TIMEOUTS_HIDDEN * timeout} s, or leave it out"
            )

    def warn_of_loss(self, plugin: Construct) -> None:
        """Warn of a queue that loses a message while the plugin still has time, if it could keep it."""
        kept, timeout = self.retention, self.timeout
        if kept is None or timeout is None or kept.is_unresolved() or timeout.is_unresolved():
            return
        wanted = min(_seconds(timeout), _seconds(LONGEST_RETENTION))
        if _seconds(kept) < wanted:
            Annotations.of(plugin).add_warning_v2(
                "orchestrator:retentionShort",
                f"retention of plugin {plugin.node.path!r} is {_seconds(kept)} s, and its timeout {_seconds(timeout)} "
                f"s: a message that waits longer than the one is lost, and nobody learns of it before the other is "
                f"over. Use {wanted} s, or leave retention out",
            )

    def hidden_for(self, function: lambda_.IFunction | None) -> Duration:
        """Tell how long a message that was received is hidden from others."""
        if self.visibility_timeout is not None:
            return self.visibility_timeout
        timeout = _timeout_seconds(function)
        if timeout is None:
            return _DEFAULT_VISIBILITY
        return Duration.seconds(max(_TIMEOUTS_HIDDEN * timeout, _seconds(_SHORTEST_DEFAULT_VISIBILITY)))

    @property
    def kept_for(self) -> Duration:
        """How long a message waits in the queue."""
        if self.retention is not None:
            return self.retention
        # A message that is lost while its plugin still has time would be an error that nobody understands.
        if self.timeout is None or self.timeout.is_unresolved():
            return _DEFAULT_RETENTION
        within = max(_seconds(_DEFAULT_RETENTION), min(_seconds(self.timeout), _seconds(LONGEST_RETENTION)))
        return Duration.seconds(within)


def define_plugin_queue(
    scope: Construct,
    settings: QueueSettings,
    function: lambda_.IFunction | None,
    dead_letters: sqs.IQueue,
    *,
    key: kms.IKey | None,
) -> sqs.Queue:
    """Define the queue with a plugin's messages.

    Args:
        scope: The plugin's construct.
        settings: Its settings.
        function: What reads the queue, if a function does.
        dead_letters: Where a message goes that was received too often.
        key: The key that encrypts it; ``None``: SQS does.
    """
    return sqs.Queue(
        scope,
        "Queue",
        **queue_encryption(key),
        enforce_ssl=True,
        fifo=settings.fifo or None,
        # Groups are many and each is slow: so the quota on messages holds for each group.
        deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP if settings.fifo else None,
        fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID if settings.fifo else None,
        visibility_timeout=settings.hidden_for(function),
        retention_period=settings.kept_for,
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=settings.max_receives),
        removal_policy=RemovalPolicy.DESTROY,
    )


def _timeout_seconds(function: lambda_.IFunction | None) -> int | None:
    """How long the function may take, if that is known."""
    defined = None if function is None else defined_function(function)
    if defined is None:
        return None
    timeout = defined.timeout
    if timeout is None:
        return _LAMBDA_TIMEOUT_SECONDS
    return None if timeout.is_unresolved() else _seconds(timeout)


def _seconds(duration: Duration) -> int:
    return int(duration.to_seconds())
