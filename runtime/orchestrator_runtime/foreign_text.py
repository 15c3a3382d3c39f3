"""Text that others wrote, made fit for one line of a sentence, a log line, a mail or a terminal.

Imports the standard library only: the core, the constructs and the command line show text by the same rule.
"""

from __future__ import annotations

import re
from typing import Final

MOST_SHOWN: Final = 200
"""Characters that are shown of a text unless the caller says otherwise."""

UNSHOWABLE: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters: line breaks, and what starts a terminal's escape sequence
    "\u2028\u2029"  # line and paragraph separators
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls: they change the order of what follows
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f"  # characters without a shape of their own
    "\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"  # tag characters, and variation selectors that nothing else is written with
    "\ud800-\udfff"  # halves of characters
    "]"
)
"""One character that a reader does not see, or that changes how a reader sees the others.

Variation selectors U+FE00 to U+FE0F are not among them: emoji are written with them.
"""
_SPACES: Final = re.compile("[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]{2,}")


def shown(text: str, most: int = MOST_SHOWN) -> str:
    r"""Makes one line of a text, in which every character is visible.

    Args:
        text: The text, of any length.
        most: Characters that the line has at most, before its ellipsis.

    Returns:
        The text with an escape such as ``\n``, ``\x1b`` or ``\u202e`` for each character that is ``UNSHOWABLE``, cut
        with an ellipsis where it is too long. A backslash stands as it is: a text that was shown can be shown again.
    """
    line = UNSHOWABLE.sub(_escape, text[:most])
    return line if len(text) <= most and len(line) <= most else f"{line[:most]}…"


def quoted(text: str, most: int = MOST_SHOWN) -> str:
    r"""Makes one line of a text as ``shown`` does, in double quotes that the text cannot close.

    A sentence of the core uses it for text that may try to pass for the core's own words. Quotes and backslashes in it
    are escaped, and spaces that follow one another become one: they could push words into the next line of a mail.

    Args:
        text: The text, of any length.
        most: Characters between the quotes at most, before the ellipsis.
    """
    # Before spaces are joined, so that a text of any length costs no more than what is shown of it.
    kept = _SPACES.sub(" ", text[: most + 1])
    escaped = kept.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{shown(escaped, most)}"'


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
