"""The ``plugin`` decorator: a function that does business work becomes a Lambda handler.

::

    from orchestrator_runtime import PluginRun, Retryable, Skip, plugin

    @plugin
    def handler(run: PluginRun) -> dict[str, float]:
        if "vehicle" not in run.metadata:
            raise Skip("nothing to score")
        run.progress(50, "half way")
        return {"score": 0.7}

The handler reports how the function ended, and when it started. A function that is
still at work after a second, and has reported no progress by then, is reported as
``In Progress``. An exception of the function is reported and not raised again: it
would fail the same way when Lambda repeats the call. :class:`Retryable` is the
exception that is raised again, so that the call is repeated. A progress or an end
that cannot be reported is raised as well, because Lambda's repetition is what
brings it through.

Deliveries are at least once: a function with effects of its own makes them
idempotent by :attr:`PluginRun.idempotency_key`, or is defined with
``idempotent=False``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar, overload

from pydantic import BaseModel

from orchestrator_runtime.authoring.body import Body
from orchestrator_runtime.authoring.declared_info import declared_info
from orchestrator_runtime.authoring.handler import PluginHandler
from orchestrator_runtime.contract import DEFAULT_ORDER

__all__ = ["PluginHandler", "plugin"]

ModelT = TypeVar("ModelT", bound=BaseModel)


@overload
def plugin(body: Body, /) -> PluginHandler: ...
@overload
def plugin(
    *,
    name: str | None = None,
    mandatory: bool = True,
    overrides: Mapping[str, bool] | None = None,
    order: int = DEFAULT_ORDER,
    always_run: bool = False,
    timeout: timedelta | None = None,
    start_within: timedelta | None = None,
    description: str | None = None,
    fifo_key: str | None = None,
    idempotent: bool = True,
    metadata: None = None,
) -> Callable[[Body], PluginHandler]: ...
@overload
def plugin(
    *,
    name: str | None = None,
    mandatory: bool = True,
    overrides: Mapping[str, bool] | None = None,
    order: int = DEFAULT_ORDER,
    always_run: bool = False,
    timeout: timedelta | None = None,
    start_within: timedelta | None = None,
    description: str | None = None,
    fifo_key: str | None = None,
    idempotent: bool = True,
    metadata: type[ModelT],
) -> Callable[[Body[ModelT]], PluginHandler]: ...
def plugin(
    body: Body[Any] | None = None,
    /,
    *,
    name: str | None = None,
    mandatory: bool = True,
    overrides: Mapping[str, bool] | None = None,
    order: int = DEFAULT_ORDER,
    always_run: bool = False,
    timeout: timedelta | None = None,
    start_within: timedelta | None = None,
    description: str | None = None,
    fifo_key: str | None = None,
    idempotent: bool = True,
    metadata: type[BaseModel] | None = None,
) -> PluginHandler | Callable[[Body[Any]], PluginHandler]:
    """Define a plugin: the decorated function becomes the Lambda handler itself.

    The function gets a :class:`PluginRun` and returns its output: what JSON can say, in at most 50,000 bytes, or
    ``None``. It raises :class:`Skip` where it has nothing to do, :class:`Retryable` for what may be over in a
    minute, any other exception where it failed. It may be ``async``. The same function works on any stage,
    called by SNS or behind a queue.

    Of all that is given here, ``metadata`` and ``idempotent`` change what the handler does. The rest is what it
    answers when a subscription that no construct made is registered; where the ``Plugin`` construct is used, its
    props are the registration.

    Args:
        body: The function, where the decorator is written without parentheses.
        name: The name under which the plugin is registered.
            Default: the one that the ``Plugin`` construct gave the function by its environment.
        mandatory: Whether its error fails the stage. Default: it does.
        overrides: The same for single activities: ``{"Rate": False}``. Default: none differs.
        order: Its place in a sequential stage, lower first, ties by name. Default: 90.
        always_run: Whether a resumed run calls it again although it was complete. Default: it does not.
        timeout: How long it may take, from its start on, in whole seconds. Default: what the stage says.
        start_within: How soon after its release it has to report that it started, or how it ended, in whole
            seconds. It reports a start after a second. Default: what the stage says.
        description: What it does, for people. Default: none.
        fifo_key: The metadata key by which a FIFO queue in front of it keeps messages in order.
            Default: the run's uid.
        idempotent: Whether the function may be called twice for the same. Default: it may. If not, a table
            (``ORCHESTRATOR_IDEMPOTENCY_TABLE``) remembers how each call ended, and what is delivered again
            is reported again without calling the function. It is called again if it raised ``Retryable``, or
            if its invocation was killed. Progress that could not be reported does not fail it then.
        metadata: A pydantic model: ``run.metadata`` is one, and ``run`` a ``PluginRun[Model]``. Metadata that
            the model refuses is reported as ``Error: InvalidMetadata: …``, and the function is not called.
            Default: ``run.metadata`` is a plain mapping.

    Raises:
        TypeError: It decorates something that cannot be called or that yields, or a value has a wrong type.
        ValueError: A value is not allowed.
    """
    info = declared_info(
        name=name,
        mandatory=mandatory,
        overrides=overrides,
        order=order,
        always_run=always_run,
        timeout=timeout,
        start_within=start_within,
        description=description,
        fifo_key=fifo_key,
        idempotent=idempotent,
    )
    if body is None:
        return functools.partial(PluginHandler, info=info, metadata=metadata)
    return PluginHandler(body, info=info, metadata=metadata)
