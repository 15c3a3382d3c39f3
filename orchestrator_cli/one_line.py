"""Text that others wrote, made fit for a terminal: nothing in it steers the terminal, and nothing is hidden."""

from __future__ import annotations

import re
from typing import Final

from orchestrator_runtime.foreign_text import UNSHOWABLE

_BREAKS: Final = "\u2028\u2029"
_LAST_CONTROL: Final = 0x9F
_TWO_DIGITS, _FOUR_DIGITS = 0xFF, 0xFFFF
_BLANKS: Final = re.compile(r"(?:\r\n|[\n\t ])+")


def one_line(text: str) -> str:
    """Text for a place in one line: line breaks and tabs are spaces, other controls are escapes as of ``visible``."""
    return visible(_BLANKS.sub(" ", text).strip(" "))


def visible(text: str) -> str:
    r"""Show as escapes what steers a terminal or hides: ``\x1b``, ``\u202e``.

    These are control characters, line breaks among them, bidirectional controls, characters of no width, and whatever
    else Unicode does not count as printable. Spaces of other kinds are plain spaces.
    """
    return "".join(map(_shown, text))


def visible_lines(text: str) -> str:
    """Text of several lines, each as of ``visible``; tabs are spaces."""
    return "\n".join(visible(line.removesuffix("\r").replace("\t", "    ")) for line in text.split("\n"))


def _shown(letter: str) -> str:
    if letter.isprintable():
        # Some characters of no width, and blank ones, are letters and marks to Unicode.
        return _escape(letter) if UNSHOWABLE.match(letter) else letter
    return " " if letter.isspace() and ord(letter) > _LAST_CONTROL and letter not in _BREAKS else _escape(letter)


def _escape(letter: str) -> str:
    code = ord(letter)
    if code <= _TWO_DIGITS:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _FOUR_DIGITS else f"\\U{code:08x}"
