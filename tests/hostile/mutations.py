"""Takes a valid document and spoils it in a few places: what is almost right finds more than what is all wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from random import Random
from typing import Any, Final

from tests.hostile.values import MARKER, SECRET, Hostile, Raw, Twice, encode

Place = tuple[str | int, ...]
_CARRIES: Final = frozenset({"body", "Message"})


def spoiled(random: Random, document: Any, *, most: int = 3) -> Any:
    """The document with one to ``most`` changes; it may hold ``Raw`` and ``Twice`` then."""
    changed = deepcopy(document)
    for _ in range(random.randint(1, most)):
        changed = _change(random, changed)
    return changed


def spoiled_text(random: Random, text: str) -> str:
    """JSON text with a few characters wrong; or cut, doubled, or with something before or after it."""
    where = random.randrange(len(text) + 1)
    head, tail = text[:where], text[where:]
    bad = random.choice((chr(random.randrange(0x80)), "\\ud800", "\\u00", "\\x", "\ufffe", "NaN", ",,", "\n"))
    before, after = (
        random.choice(("\ufeff", "\x00", " ", "[", "{")),
        random.choice(("}", text, "\x00", " ", "//", "\n{}")),
    )
    return random.choice(
        (head, head + bad + tail, head + tail[1:], text + after, before + text, text.replace('"', "'", 1))
    )


def hostile_text(random: Random, document: Any) -> str:
    """The JSON text of a valid document, mostly spoiled as a document or as a text; sometimes of quite another."""
    kind = random.random()
    if kind < 0.10:
        return encode(document)
    if kind < 0.80:
        return encode(spoiled(random, document))
    if kind < 0.92:
        return spoiled_text(random, encode(document))
    if kind < 0.99:
        return encode(Hostile(random).value())
    return Hostile(random).text()


def hostile_event(random: Random, document: Any, *, marked: bool = True) -> Any:
    """A hostile event as Lambda hands it on, or ``None`` if it is no JSON: then Lambda calls no function.

    Args:
        random: Where all comes from.
        document: The valid event.
        marked: Whether what must not be logged may stand anywhere in it. Settings may be quoted, and ids.
    """
    text = hostile_text(random, document)
    try:
        return json.loads(text if marked else text.replace(MARKER, "plain"))
    except (ValueError, RecursionError):
        return None


def hostile_envelope(random: Random, envelope: Callable[..., Any], *texts: str) -> Any:
    """An event that carries texts, itself hostile as well; ``None`` if it is no JSON.

    Args:
        random: Where all comes from.
        envelope: Makes the event of texts.
        texts: What it carries.
    """
    names = [f"text-{number}" for number in range(len(texts))]
    try:
        return _filled(hostile_event(random, envelope(*names), marked=False), dict(zip(names, texts, strict=True)))
    except RecursionError:
        return None


def _filled(value: Any, texts: Mapping[str, str], at: str = "") -> Any:
    """Put the texts where AWS puts them; what is in another place is an id of AWS's own, not what anybody wrote."""
    if isinstance(value, dict):
        return {key: _filled(inner, texts, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, texts, at) for inner in value]
    return texts.get(value, value) if at in _CARRIES and isinstance(value, str) else value


def _change(random: Random, document: Any) -> Any:
    hostile = Hostile(random)
    places = [*_places(document, ())]
    if not places:
        return hostile.value()
    place = random.choice(places)
    parent, key = _at(document, place[:-1]), place[-1]
    match random.randrange(9):
        case 0 | 1 | 2 | 3:
            parent[key] = hostile.value()
        case 4:
            del parent[key]
        case 5:
            parent[key] = deepcopy(_at(document, random.choice(places)))
        case 6:
            parent[key] = random.choice(_OTHER_TYPES)(parent[key])
        case 7 if isinstance(parent, dict):
            parent[hostile.key()] = hostile.value()
        case 8 if isinstance(parent, dict) and len(place) > 1:
            pairs = (*parent.items(), (str(key), hostile.value()))
            _at(document, place[:-2])[place[-2]] = Twice(pairs)
        case _ if isinstance(parent, dict):
            value = parent.pop(key)
            parent[random.choice((str(key).upper(), f"{key} ", f"{key}\x00", f"\ufeff{key}"))] = value
        case _:
            parent.append(hostile.value())
    return document


def _text_of(value: Any) -> str:
    # Written as an escape, the marker's last character would make a uid of it, which may be logged.
    return encode(value).replace(encode(SECRET[-1])[1:-1], SECRET[-1])


_OTHER_TYPES = (
    _text_of,
    lambda value: [value],
    lambda value: {"value": value},
    lambda value: Raw(f" {encode(value)}\t"),
    lambda value: str(value) * 2 if isinstance(value, str) else [value, value],
)


def _places(value: Any, at: Place) -> Any:
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        # No more than a few of a long list: the other places have to have their turn as well.
        if isinstance(key, int) and key > 4:
            return
        yield (*at, key)
        yield from _places(held, (*at, key))


def _at(document: Any, place: Place) -> Any:
    for key in place:
        document = document[key]
    return document
