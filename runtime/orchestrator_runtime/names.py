"""Names that people give, and what is wrong with them.

Used where they are first seen: by the constructs at synth time, by the command
line, and by the functions for what reaches them from elsewhere.
"""

from __future__ import annotations

import re
from typing import Final

from orchestrator_runtime.foreign_text import UNSHOWABLE, shown

MAX_UID: Final = 256
MAX_NAME: Final = 64
"""Characters of the name of a workflow, activity or plugin."""
MAX_PERSON: Final = 1024
"""Characters of who starts a run: the ARN of an IAM user with a path has up to 600."""

# SNS refuses attribute names of other shapes.
ATTRIBUTE_NAME: Final = re.compile(r"(?!(?i:aws|amazon)\.)(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
SYSTEM_NAME: Final = re.compile(r"(?!(?i:aws|ssm))[A-Za-z][A-Za-z0-9-]{0,31}")
COMPONENT_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
PLUGIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def problem_with_text(kind: str, text: str) -> str | None:
    """Say which character keeps a text from being one line that people read as it is, or return ``None``.

    Refused are control characters, line breaks, zero-width characters, and those that change the direction of text.

    Args:
        kind: What the text is, as it shall stand in the sentence: ``"Description"``.
        text: The text.
    """
    found = UNSHOWABLE.search(text)
    if found is None:
        return None
    return (
        f"{kind} has the character U+{ord(found[0]):04X} at position {found.start() + 1}: leave out control "
        "characters, line breaks, zero-width characters and those that change the direction of text"
    )


def problem_with_name(
    kind: str, name: object, pattern: re.Pattern[str] = COMPONENT_NAME, *, quoting: bool = True
) -> str | None:
    """Say what is wrong with a name.

    Args:
        kind: What is named, as it shall stand in the sentence: ``"activity"``.
        name: The name as it was given.
        pattern: The shape that it must have as a whole.
        quoting: Whether the sentence may quote it: in a document that is all wrong, anything can stand in its place.

    Returns:
        One sentence that says what to do, or ``None`` if the name is fine.
    """
    if isinstance(name, str) and pattern.fullmatch(name):
        return None
    allowed = "letters, digits and '-'" if pattern is SYSTEM_NAME else "letters, digits, '-' and '_'"
    if pattern is PLUGIN_NAME:
        allowed = "letters, digits, spaces, '.', '-' and '_'"
    start = "a letter, but not with 'aws' or 'ssm'" if pattern is SYSTEM_NAME else "a letter or digit"
    most = 32 if pattern is SYSTEM_NAME else 64
    quoted = f" {shown(repr(name))}" if quoting else ""
    return f"the {kind} name{quoted} is not allowed: use 1 to {most} {allowed}, starting with {start}"


def problem_with_uid(uid: object, *, quoting: bool = True) -> str | None:
    """Say what is wrong with a run's uid, or return ``None`` if nothing is; ``quoting`` as for names."""
    if not isinstance(uid, str) or not uid:
        got = f", got {shown(repr(uid))}" if quoting else ""
        return f"uid must be a non-empty string{got}: give every run an id of its own"
    if len(uid) > MAX_UID:
        return f"uid is {len(uid)} characters long: use at most {MAX_UID}"
    # Alerts show commands to be pasted, with the uid as it is: a reader has to see all of it.
    if uid != uid.strip() or UNSHOWABLE.search(uid):
        quoted = f" {shown(repr(uid))}" if quoting else ""
        return (
            f"uid{quoted} has control characters, invisible ones, half a character, or white space at its ends: "
            "leave them out"
        )
    return None


def problem_with_person(by: str) -> str | None:
    """Say what is wrong with the words for who does something, or return ``None`` if nothing is."""
    if not by.strip() or len(by) > MAX_PERSON or _CONTROL.search(by):
        return (
            f"by must be 1 to {MAX_PERSON:,} characters, none of them a control character or half a one: "
            "say who does this, or leave it out"
        )
    return None
