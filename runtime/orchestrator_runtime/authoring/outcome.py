"""How a plugin's call ended: what is reported of it, and what is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from orchestrator_runtime.contract import MAX_TEXT, State
from orchestrator_runtime.json_text import whole_characters


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended.

    Attributes:
        state: ``Complete``, ``Error`` or ``Do Not Run``.
        text: For people.
        output: What the function returned.
    """

    state: State
    text: str = ""
    output: JsonValue = None

    @classmethod
    def failed(cls, error: BaseException) -> Outcome:
        """An ``Error`` that tells an exception: its name, and its text if it has one."""
        return cls(State.ERROR, presentable(": ".join(filter(None, [type(error).__name__, told_by(error)]))))

    def as_json(self) -> dict[str, Any]:
        """The outcome as a table can keep it."""
        return {"state": self.state.value, "text": self.text, "output": self.output}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Outcome:
        """Read what :meth:`as_json` wrote."""
        return cls(State(kept["state"]), kept["text"], kept["output"])


def told_by(error: BaseException) -> str:
    """The text of an exception."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  (an exception that cannot even be printed)
        return ""


def presentable(text: str) -> str:
    """Cut what the core would cut, and replace halves of characters, which readers of JSON refuse."""
    return whole_characters(text)[:MAX_TEXT]
