"""Functions as one reconciliation sees them: a function of thirty stages is not looked at thirty times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator_runtime.core.subscription import Answer, Function, NoAnswer, Unseen
from orchestrator_runtime.subscription_ports import Functions


class SeenFunctions:
    """Looks at functions, and remembers what it saw.

    What is remembered may not be so any more. It is good enough to find that there is nothing to
    do; who is about to do something has to look himself, so that nobody undoes what others did who
    have looked later.

    Args:
        functions: The functions.
    """

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._seen: dict[str, Function | Unseen] = {}
        self._policies: dict[str, Mapping[str, Any] | Unseen | None] = {}

    def remembered(self, function_arn: str) -> Function | Unseen | None:
        """What was seen of a function last; ``None`` if it was not looked at yet."""
        return self._seen.get(function_arn)

    def get(self, function_arn: str) -> Function | Unseen:
        """Look at a function now."""
        found = self._seen[function_arn] = self._functions.get(function_arn)
        return found

    def updated(self, function_arn: str) -> Function | Unseen:
        """Look at a function now, and wait some seconds if it is being updated."""
        found = self._seen[function_arn] = self._functions.updated(function_arn)
        return found

    def remembered_policy(self, function_arn: str) -> Mapping[str, Any] | Unseen | None:
        """The resource policy that was read of a function last; ``UNREADABLE`` if none was read yet."""
        return self._policies.get(function_arn, Unseen.UNREADABLE)

    def policy(self, function_arn: str) -> Mapping[str, Any] | Unseen | None:
        """Read a function's resource policy now; not that of one that cannot be looked at."""
        seen = isinstance(self._seen.get(function_arn), Function)
        found = self._functions.policy(function_arn) if seen else Unseen.UNREADABLE
        self._policies[function_arn] = found
        return found

    def initialize(self, function_arn: str, subscription_arn: str) -> Answer | NoAnswer:
        """Ask a function to say what it is, each time anew."""
        return self._functions.initialize(function_arn, subscription_arn)
