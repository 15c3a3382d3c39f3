"""Scalars as text: environment variables and properties of custom resources carry nothing else."""

from __future__ import annotations

from aws_cdk import Duration, Token

from orchestrator_constructs.validation import whole_seconds


def number_as_text(number: float) -> str:
    """Write a number, which may be a token, as text."""
    return Token.as_string(number) if Token.is_unresolved(number) else str(number)


def bool_as_text(value: bool) -> str:
    """Write a boolean as CloudFormation does."""
    return str(value).lower()


def seconds_as_text(what: str, duration: Duration) -> str:
    """Write a duration, which may be a token, as its seconds.

    Args:
        what: Whose duration it is, as it shall stand in the sentence of an error.
        duration: The duration.

    Raises:
        ValueError: It is no whole number of seconds, or out of bounds.
    """
    # A token is a fraction of a number to Python; it must not be rounded.
    return number_as_text(duration.to_seconds() if duration.is_unresolved() else whole_seconds(what, duration))
