"""What a plugin says of itself when it is asked to initialize: the question, and the answer read and written.

A subscription that no construct registered tells nothing but its endpoint and filter. Its function
is called once with ``{"initialize": true}`` where else a message would be, and answers with a
JSON document: keys in camelCase, all of them optional, unknown ones ignored::

    {"pluginName": "Score", "default": {"mandatory": true}, "overrides": {"Rate": {"mandatory": false}},
     "order": 10, "alwaysRun": false, "idempotent": true, "description": "Scores the driver",
     "pluginRegisterTimeout": 5000, "startWithinSeconds": 60, "timeoutSeconds": 300, "fifoKey": "policy"}

``pluginRegisterTimeout``, in milliseconds and also understood inside of ``default``, is an older
spelling of ``startWithinSeconds``, which wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, TypeVar

from orchestrator_runtime.contract import DEFAULT_ORDER, MAX_DEADLINE_SECONDS, MAX_ORDER, MAX_TEXT
from orchestrator_runtime.json_text import whole_characters
from orchestrator_runtime.names import PLUGIN_NAME, problem_with_name

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """What a plugin says of itself.

    Attributes:
        name: Its name; ``None``: whoever registers it finds one.
        mandatory: Whether its error fails the stage.
        overrides: The same for single activities, by name.
        order: Its place on a stage that releases one at a time.
        always_run: Whether a resumed run calls it again although it was complete.
        idempotent: Whether it may be called twice for the same.
        timeout_seconds: Its deadline; ``None``: the stage's.
        start_within_seconds: The deadline of its start; ``None``: the stage's.
        description: What it does, for people.
        fifo_key: The metadata key by which a FIFO queue in front of it keeps messages in order.
    """

    name: str | None = None
    mandatory: bool = True
    overrides: Mapping[str, bool] = field(default_factory=dict)
    order: int = DEFAULT_ORDER
    always_run: bool = False
    idempotent: bool = True
    timeout_seconds: int | None = None
    start_within_seconds: int | None = None
    description: str | None = None
    fifo_key: str | None = None

    def mandatory_in(self, activity: str) -> bool:
        """Whether its error fails the stage of this activity."""
        return self.overrides.get(activity, self.mandatory)

    def as_answer(self) -> dict[str, Any]:
        """The answer to ``initialize``; what is not said is left out."""
        said: dict[str, Any] = {
            "pluginName": self.name,
            "default": {"mandatory": self.mandatory},
            "overrides": {activity: {"mandatory": mandatory} for activity, mandatory in self.overrides.items()} or None,
            "order": self.order,
            "alwaysRun": self.always_run,
            "idempotent": self.idempotent,
            "description": self.description,
            "startWithinSeconds": self.start_within_seconds,
            "timeoutSeconds": self.timeout_seconds,
            "fifoKey": self.fifo_key,
        }
        return {key: value for key, value in said.items() if value is not None}


def read_answer(answer: object) -> tuple[PluginInfo, list[str]]:
    """Read the answer to ``initialize``.

    Args:
        answer: What the function returned, decoded.

    Returns:
        What it says, with defaults for what it does not say or says wrongly; and one sentence for each
        thing that is wrong.
    """
    if not isinstance(answer, Mapping):
        kind = "nothing" if answer is None else type(answer).__name__
        return PluginInfo(), [f"the answer to initialize must be an object, got {kind}: defaults are used"]
    reader = _Reader(answer)
    default: Mapping[str, Any] = reader.take("default", _mapping, {})
    within = _Reader(default)
    older = reader.take("pluginRegisterTimeout", _milliseconds, None)
    older = older or within.take("pluginRegisterTimeout", _milliseconds, None)
    info = PluginInfo(
        name=reader.take("pluginName", _name, None),
        mandatory=within.take("mandatory", _flag, True),
        overrides=reader.take("overrides", _overrides, {}),
        order=reader.take("order", _order, DEFAULT_ORDER),
        always_run=reader.take("alwaysRun", _flag, False),
        idempotent=reader.take("idempotent", _flag, True),
        timeout_seconds=reader.take("timeoutSeconds", _seconds, None),
        start_within_seconds=reader.take("startWithinSeconds", _seconds, older),
        description=reader.take("description", _text, None),
        fifo_key=reader.take("fifoKey", _text, None),
    )
    return info, reader.problems + within.problems


class _Reader:
    """Takes values out of an answer, and notes what is wrong with them."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self._answer = answer
        self.problems: list[str] = []

    def take(self, key: str, check: Callable[[Any], T], default: T) -> T:
        value = self._answer.get(key)
        if value is None:
            return default
        try:
            return check(value)
        except ValueError as problem:
            self.problems.append(f"{key} in the answer to initialize {problem}: the default is used")
            return default


def _mapping(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - whatever JSON a function answered
    if not isinstance(value, Mapping):
        raise ValueError(f"must be an object, got {type(value).__name__}")
    return value


def _overrides(value: Any) -> Mapping[str, bool]:  # noqa: ANN401
    return {
        activity: _flag(_mapping(override).get("mandatory", True)) for activity, override in _mapping(value).items()
    }


def _name(value: Any) -> str:  # noqa: ANN401
    if problem_with_name("plugin", value, PLUGIN_NAME):
        raise ValueError("must be 1 to 64 letters, digits, spaces, '.', '-' and '_', starting with a letter or digit")
    return str(value)


def _flag(value: Any) -> bool:  # noqa: ANN401
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, got {type(value).__name__}")
    return value


def _text(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, str):
        raise ValueError(f"must be a string, got {type(value).__name__}")
    # Halves of characters cannot be stored, and a long text is nothing that people read in a list.
    return whole_characters(value)[:MAX_TEXT]


def _order(value: Any) -> int:  # noqa: ANN401
    return _number(value, least=0, most=MAX_ORDER)


def _seconds(value: Any) -> int:  # noqa: ANN401
    return _number(value, least=1, most=MAX_DEADLINE_SECONDS)


def _milliseconds(value: Any) -> int | None:  # noqa: ANN401
    return ceil(_number(value, least=0, most=MAX_DEADLINE_SECONDS * 1000) / 1000) or None


def _number(value: Any, *, least: int, most: int) -> int:  # noqa: ANN401
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most or value % 1:
        raise ValueError(f"must be a whole number from {least} to {most}")
    return int(value)
