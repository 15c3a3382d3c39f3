"""The shape in which this team's plugins return what they wrote."""

from __future__ import annotations

from typing import TypedDict


class Document(TypedDict):
    title: str
    media_type: str
    content: str
