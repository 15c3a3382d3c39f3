"""Findings: how the risk plugins tell what they found, and the premium plugin reads it."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel


class Factor(BaseModel):
    """What makes a risk dearer or cheaper than its base rate."""

    reason: str
    factor: float


class Findings(BaseModel):
    factors: list[Factor] = []
    terms: list[str] = []


def applying(candidates: Iterable[tuple[bool, str, float]]) -> Findings:
    """Keep those candidates ``(applies, reason, factor)`` that apply."""
    return Findings(factors=[Factor(reason=reason, factor=factor) for applies, reason, factor in candidates if applies])
