"""Every call of a port, seen before it happens.

A handler dies, or is overtaken by another one, between two effects and nowhere
else. So a hook that is called before each of them can play every interleaving:
it raises, and the handler is dead; it calls another handler, and that one came
between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


class Crash(BaseException):  # noqa: N818 - not an error that anybody may handle
    """The handler's process ends here. Nothing in the runtime may catch it."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One call of a port.

    Attributes:
        name: ``port.operation``, as in ``status.record``.
        about: The call's arguments by name.
    """

    name: str
    about: Mapping[str, Any] = field(default_factory=dict)


Hook = Callable[[Effect], None]


def nothing(_effect: Effect) -> None:
    """Let the effect happen."""


class Effects:
    """Calls the hook before each effect, then notes the effect.

    Attributes:
        before: The hook. A test sets it; what it raises leaves the handler, and the effect does not happen.
        log: The effects that happened, in order.
    """

    def __init__(self) -> None:
        self.before: Hook = nothing
        self.log: list[Effect] = []

    def __call__(self, name: str, /, **about: Any) -> None:
        """Announce an effect; every port's methods begin with this."""
        effect = Effect(name, about)
        self.before(effect)
        self.log.append(effect)

    @property
    def names(self) -> list[str]:
        """The names of what happened, in order."""
        return [effect.name for effect in self.log]

    def count(self, name: str) -> int:
        """How often an effect happened."""
        return self.names.count(name)

    def crash_before(self, number: int) -> None:
        """Let the handler die before its effect of this number, counted from now on and from 1."""
        seen = 0

        def hook(_effect: Effect) -> None:
            nonlocal seen
            seen += 1
            if seen == number:
                self.before = nothing
                raise Crash

        self.before = hook

    def interleave(self, name: str, meanwhile: Callable[[], object]) -> None:
        """Do something once, just before the next effect of this name; the effect then happens as well."""

        def hook(effect: Effect) -> None:
            if effect.name == name:
                self.before = nothing
                meanwhile()

        self.before = hook
