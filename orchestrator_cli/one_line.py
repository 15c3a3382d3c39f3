"""Text that others wrote, made fit for one line of a terminal."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Printable text only: what a plugin says may hold anything, and must not steer the terminal."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
