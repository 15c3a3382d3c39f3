"""What a core is made of, for the construct that watches it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_constructs.core.dead_letters import CoreDeadLetters
from orchestrator_constructs.core.function import FunctionOptions
from orchestrator_constructs.core.functions import CoreFunctions
from orchestrator_constructs.core.stores import CoreStores


@dataclass(frozen=True)
class CoreParts:
    """The parts of a core.

    Attributes:
        stores: Its tables, and the queue that plugins report to.
        functions: Its functions.
        dead_letters: What it could not handle.
        options: What all its functions have in common.
    """

    stores: CoreStores
    functions: CoreFunctions
    dead_letters: CoreDeadLetters
    options: FunctionOptions
