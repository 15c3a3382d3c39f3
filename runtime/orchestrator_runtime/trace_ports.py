"""What traces the work of functions, as protocols that nothing has to inherit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Span(Protocol):
    """A piece of work while it is traced."""

    def annotate(self, **about: str | int) -> None:
        """Say more about it, by which it can be found."""
        ...

    def failed(self) -> None:
        """Note that it failed, though it raises nothing."""
        ...


class Tracer(Protocol):
    """Traces pieces of work: what is called from within one belongs to it. It never fails, and never holds up."""

    def span(
        self, name: str, about: Mapping[str, str | int], *, continues: str | None = None
    ) -> AbstractContextManager[Span]:
        """Trace what is done in the context; what is raised out of it counts as a failure.

        Args:
            name: What is done, the same for each time: a handler's name, or a plugin's.
            about: By what it can be found; never a payload.
            continues: The trace header of the message that asks for it, where another trace than the invocation's
                leads here. Default: the invocation's.
        """
        ...


class Untraced:
    """Implements ``Tracer`` and ``Span``: nothing is traced."""

    @contextmanager
    def span(
        self,
        name: str,  # noqa: ARG002 - as its like
        about: Mapping[str, str | int],  # noqa: ARG002
        *,
        continues: str | None = None,  # noqa: ARG002
    ) -> Iterator[Span]:
        """See ``Tracer``."""
        yield self

    def annotate(self, **about: str | int) -> None:
        """See ``Span``."""

    def failed(self) -> None:
        """See ``Span``."""


UNTRACED = Untraced()
