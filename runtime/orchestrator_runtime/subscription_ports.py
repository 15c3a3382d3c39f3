"""What reconciliation needs of the world beside the registry: it reads subscriptions and functions, changes none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from orchestrator_runtime.core.findings import Repair
from orchestrator_runtime.core.subscription import (
    Answer,
    Function,
    Listed,
    NoAnswer,
    StageTopic,
    Subscription,
    Unseen,
)


class Stages(Protocol):
    """Knows which stages are deployed."""

    def published(self) -> Sequence[StageTopic]:
        """The stages of all activities, with their topics."""
        ...


class Subscriptions(Protocol):
    """Reads subscriptions."""

    def of_topic(self, topic_arn: str) -> Sequence[Listed]:
        """List every subscription to a topic; none if there is no such topic."""
        ...

    def get(self, subscription_arn: str) -> Subscription | Unseen:
        """Read a subscription."""
        ...


class Functions(Protocol):
    """Looks at functions, and asks them what they are. ARNs may have a version or alias, which is then meant."""

    def get(self, function_arn: str) -> Function | Unseen:
        """Look at a function."""
        ...

    def updated(self, function_arn: str) -> Function | Unseen:
        """Look at a function, and wait some seconds if it is being updated; it may be so still."""
        ...

    def policy(self, function_arn: str) -> Mapping[str, Any] | Unseen | None:
        """Read a function's resource policy; ``None`` if it has none."""
        ...

    def initialize(self, function_arn: str, subscription_arn: str) -> Answer | NoAnswer:
        """Ask a function to say what it is, as if it were called through a subscription."""
        ...


class RepairLog(Protocol):
    """Takes note of what reconciliation does, while it does it; never of a payload."""

    def repaired(self, repair: Repair) -> None:
        """Log a repair."""
        ...

    def failed(self, error: Exception, **about: str) -> None:
        """Log an error that concerns one subscription or stage; the others go on."""
        ...
