"""Reads the project's pages: their code blocks, the files that these make, and their links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("examples/*/*.md")])

_BLOCK = re.compile(r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
_HERE_DOCUMENT = re.compile(r"^cat > (?P<file>\S+) <<'EOF'\n(?P<text>.*?)^EOF$", re.M | re.S)
_LINK = re.compile(r"\[[^\]]+\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.M)


@dataclass(frozen=True)
class Block:
    """A fenced block of code.

    Attributes:
        mark: The comment on the line before it, such as ``file: score.py``; empty if there is none.
        language: What follows the fence.
        text: What is in it.
    """

    mark: str
    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in their order."""
    return [Block(m["mark"] or "", m["language"], m["text"]) for m in _BLOCK.finditer(page.read_text())]


def files(page: Path) -> dict[str, str]:
    """The files that a page writes: blocks marked ``file: name``, and here-documents of its commands."""
    found: dict[str, str] = {}
    for block in blocks(page):
        if block.mark.startswith("file: "):
            found[block.mark.removeprefix("file: ")] = block.text
        for document in _HERE_DOCUMENT.finditer(block.text):
            found[document["file"]] = document["text"]
    return found


def document(page: Path, name: str) -> str:
    """The JSON of the block that is marked ``document: name``."""
    (text,) = [block.text for block in blocks(page) if block.mark == f"document: {name}"]
    return text


def begins_a_row(page: Path, *cells: str) -> bool:
    """Whether a table of the page has a row that begins with these cells."""
    return any(line.startswith("| " + " | ".join(cells) + " |") for line in page.read_text().splitlines())


def broken_links(page: Path) -> Iterator[str]:
    """Relative links of a page that lead to no file, or to no heading in it."""
    for link in _LINK.finditer(_BLOCK.sub("", page.read_text())):
        path, _, anchor = link["target"].partition("#")
        if "://" in path:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            yield link["target"]


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = [match["text"] for match in _HEADING.finditer(page.read_text())]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
