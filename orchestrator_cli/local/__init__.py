"""An AWS on this machine: the emulator, the tools that deploy to it, and the commands that start and stop it.

``LocalEnvironment`` is imported on first use: the command imports this package, and has to answer at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator_cli.local.environment import LocalEnvironment

__all__ = ["LocalEnvironment"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  (module attributes are of every type)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from orchestrator_cli.local import environment  # noqa: PLC0415  (see above)

    return getattr(environment, name)
