"""Errors that the command shows as a sentence, not as a traceback."""

from __future__ import annotations


class CliError(RuntimeError):
    """Something that the user has to know; the text says what is wrong and what to do.

    Attributes:
        exit_code: What the command exits with.
    """

    exit_code = 1


class UsageError(CliError):
    """What was asked cannot be done as it was asked; nothing was started or written."""

    exit_code = 2
