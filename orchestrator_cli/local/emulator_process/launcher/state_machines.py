"""State machines: outputs of parallel states, and calls of functions that wait for their turn."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

_CALLS_AT_ONCE: Final = 8
_Json = dict[str, Any]


def with_output(states: Any) -> Callable[[_Json, object, object, object], tuple[object, object]]:  # noqa: ANN401
    """Give parallel states their ``Output``. Takes the place of ``stepfunctions._run_parallel_branches``."""
    run = states._run_parallel_branches

    def run_with_output(state: _Json, given: object, execution: object, context: object) -> tuple[object, object]:
        result, following = run(state, given, execution, context)
        if states._state_query_language(state, context) == "JSONata":
            result = states._apply_jsonata_output(state, given, context, result=result, default=result)
        return result, following

    return run_with_output


def in_turn(
    call: Callable[[object, object], object], at_once: int = _CALLS_AT_ONCE
) -> Callable[[object, object], object]:
    """Let calls of functions by state machines wait while as many are under way as may be.

    Lambda would start an environment for each, or refuse some. Takes the place of ``stepfunctions._call_lambda``.
    """
    turns = ThreadPoolExecutor(at_once)  # first come, first served; of a lock, those that come later might get hold

    def call_in_turn(function: object, event: object) -> object:
        return turns.submit(contextvars.copy_context().run, call, function, event).result()

    return call_in_turn
