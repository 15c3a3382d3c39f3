"""State machines: branches, tasks that wait for a token, and invocations of functions that wait for their turn."""

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


def with_own_context(
    run: Callable[[object, object, object, object, _Json], object],
) -> Callable[[object, object, object, object, _Json], object]:
    """Give each branch a context object of its own. Takes the place of ``stepfunctions._run_sub_machine``.

    The emulator lets the branches of a parallel state, and the iterations of a map, share one: a task then sends the
    token of another one.
    """

    def run_with_own_context(
        definitions: object, start_at: object, given: object, execution: object, context: _Json
    ) -> object:
        return run(definitions, start_at, given, execution, {**context})

    return run_with_own_context


class FailingTasks:
    """Lets a task that waits for its token fail when its function raises, unless the token was answered before.

    The emulator ignores such an error, and waits for the token until the task's timeout.
    """

    def __init__(self, states: Any) -> None:  # noqa: ANN401
        self._states = states
        self._call, self._wait = states._call_lambda, states._invoke_with_callback
        self._token = contextvars.ContextVar[str | None]("token", default=None)

    def call(self, function: object, event: object) -> object:
        """Invoke a function. Takes the place of ``stepfunctions._call_lambda``."""
        try:
            return self._call(function, event)
        except self._states._ExecutionError as error:
            token = self._token.get()
            if token is None or self._states._task_tokens[token]["event"].is_set():
                raise
            # Of another class than the errors that the emulator ignores.
            raise _FunctionFailed(error) from None

    def wait(self, resource: object, given: object, token: str, state: object) -> object:
        """Invoke, and wait for the token. Takes the place of ``stepfunctions._invoke_with_callback``."""
        before = self._token.set(token)
        try:
            return self._wait(resource, given, token, state)
        except _FunctionFailed as failed:
            self._states._task_tokens.pop(token, None)
            raise failed.error from None
        finally:
            self._token.reset(before)


class _FunctionFailed(Exception):  # noqa: N818 - carries an error
    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


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
