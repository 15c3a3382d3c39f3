"""Values that a document should not have where it has them, and the JSON text of documents that Python cannot hold.

Everything comes from a ``random.Random``, so that a seed says what was fed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

MARKER: Final = "hush-5d1e"
"""What no log line may show."""
SECRET: Final = f"{MARKER}\x07"
"""The marker as it is planted: in no place a name or a uid, which may be logged."""


@dataclass(frozen=True)
class Raw:
    """JSON text that stands as it is."""

    text: str


@dataclass(frozen=True)
class Twice:
    """An object in which keys occur more than once."""

    pairs: tuple[tuple[str, Any], ...]


def encode(value: object) -> str:
    """The JSON text of a document; strings as ASCII, half characters as escapes."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, Twice):
        return "{" + ",".join(f"{json.dumps(key)}:{encode(inner)}" for key, inner in value.pairs) + "}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{encode(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(encode, value)) + "]"
    return json.dumps(value)


NAMES: Final = (
    *("Score", "Other", "Rate", "parallel", "pre", "NewBusiness", "q-1"),
    *("../", "../../etc/passwd", "Rate/parallel", "Rate/parallel/", "/", "//", ".", "..", "~plan", "~plan/"),
    *("~outputs/NewBusiness/Rate/parallel/Score/", "~outputs/", "~names/", "NewBusiness/", "NewBusiness/Rate/"),
    *("__proto__", "__class__", "__init__", "constructor", "prototype", "toString", "hasOwnProperty", "$or", "$ref"),
    *(
        "Score\n",
        "Score\r\nX-Injected: 1",
        "Score ",
        " Score",
        "score",
        "SCORE",
        "Sc\u043ere",
        "Sco\u200bre",
        "Score\x00",
    ),
    *("\u202eerocS", "Sco\u0301re", "\ufeffScore", "\u2028", "\ud800", "\udc00\ud800", "\U0001f600", "\U0001f600" * 64),
    *("\ufffe", "\uffff", "\x7f", "\x85", "\u00a0", "\t", "%s%n", "{0}", "${jndi:ldap://x}", "'; DROP TABLE runs; --"),
    *(
        "null",
        "true",
        "NaN",
        "-1",
        "0",
        "1e3",
        "\u0661\u0662",
        "0x10",
        "1_000",
        "arn:",
        "arn:aws:sns",
        "a" * 64,
        "a" * 65,
    ),
    *("a" * 256, "a" * 257, "\u00fc" * 256, "\u20ac" * 342, "AROASCORE", "AROASCORE:score", "https://", "http://[::1"),
)
UNSEEN: Final = (
    *(
        "\n",
        "\r\n",
        "\x00",
        "\x1b[2J",
        "\x1b]8;;http://attacker.example\x07",
        "\x7f",
        "\x85",
        "\x9b31m",
        "\u2028",
        "\u2029",
    ),
    *(
        "\u202a",
        "\u202b",
        "\u202c",
        "\u202d",
        "\u202e",
        "\u2066",
        "\u2067",
        "\u2068",
        "\u2069",
        "\u200e",
        "\u200f",
        "\u061c",
    ),
    *("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\ud800", "\udc00", "\U000e0041\U000e007f"),
)
"""What a reader does not see, or what changes how he sees the rest: one or two of each class."""
_WORDS: Final = (
    *("<script>alert(1)</script>", "[click](http://attacker.example/)", "=cmd|' /C calc'!A0", "@SUM(1+1)*cmd"),
    *(
        "What you can do",
        "  orchestrator cancel NewBusiness q-1",
        '" or "',
        "\\",
        "`reboot`",
        "$(reboot)",
        "&lt;b&gt;",
        " " * 80,
    ),
    *('{"_aws":{"CloudWatchMetrics":[{"Namespace":"x","Dimensions":[["uid"]],"Metrics":[{"Name":"x"}]}]}}', "**!**"),
)
FOREIGN: Final = (
    *(f"before{unseen}after" for unseen in UNSEEN),
    *_WORDS,
    "\n\nWhat you can do\n  orchestrator cancel NewBusiness q-1 --system claims --stage dev\n",
    "\u202e\n" * 50_000,
)
"""Text by which the teams of plugins may try to pass for others, or to change what is shown around it."""
_NUMBERS: Final = (
    *(0, -0.0, 1, -1, 2, 0.1, 100, 100.000001, 101, 1e-7, 5e-324, 1.7976931348623157e308),
    *(2**31, 2**32, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**38, 10**39, 10**40, -(10**40), 10**400),
)
_FRAGMENTS: Final = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1E+400", "1e-400", "-0", "9" * 4300, "1." + "3" * 2000),
    *('"\\ud800"', '"\\ud83d\\u0041"', '"\\udc00\\ud800"', '"\\u0000"', "{}", "[]", '""', "[[]]", '{"":{}}'),
    *('{"__proto__":{"state":"Complete"}}', '{"a":1,"a":2}', '[{"exists":false}]', '{"$or":[{"a":[1]},{"b":[2]}]}'),
)
_DEPTHS: Final = (99, 100, 101, 150, 197, 198, 199, 200, 201, 254, 255, 400, 900)
_LENGTHS: Final = (1024, 1025, 2049, 8_192, 65_536, 102_398, 102_399, 262_144)
_LETTERS: Final = ("x", "x", "\u00fc", "\u20ac", "\U0001f600", "\x00", '"', "\\", "\ufffe", "\ud800")
_LARGE: Final = 0.02
_WEIGHTS: Final = (28, 12, 10, 12, 10, 8, 9, 9, 9)
_MOST_DEPTH: Final = 3
_WEIGHTS_BELOW: Final = (28, 12, 10, 12, 10, 8, 0, 0, 9)


def brief(text: str) -> str:
    """The name of a test's case."""
    return ascii(text)[:60]


class Hostile:
    """Makes hostile values."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def value(self, depth: int = 0) -> Any:
        """Any value, mostly small; one in fifty is large or deep."""
        random = self.random
        simple: tuple[Callable[[], Any], ...] = (
            lambda: random.choice(NAMES),
            lambda: random.choice(_NUMBERS),
            lambda: random.choice((True, False, None, "", [], {})),
            lambda: Raw(random.choice(_FRAGMENTS)),
            lambda: SECRET,
            self.text,
            lambda: [self.value(depth + 1) for _ in range(random.randrange(4))],
            lambda: {self.key(): self.value(depth + 1) for _ in range(random.randrange(4))},
            self.foreign,
        )
        if random.random() < _LARGE:
            return self.large()
        return random.choices(simple, _WEIGHTS if depth <= _MOST_DEPTH else _WEIGHTS_BELOW)[0]()

    def key(self) -> str:
        """A key that no document asks for, or one that another does."""
        return self.random.choice(NAMES) if self.random.random() < 0.9 else self.text()

    def text(self) -> str:
        """Some characters from anywhere, halves of some included."""
        random = self.random
        return "".join(chr(random.choice((random.randrange(0x80), random.randrange(0x110000)))) for _ in range(8))

    def foreign(self) -> str:
        """Words of somebody who wants to be taken for another; one in fifty is longer than anything that is shown."""
        random = self.random
        parts = [random.choice((*UNSEEN, *_WORDS)) for _ in range(random.randint(1, 4))]
        return "".join(parts) * (random.choice((300, 10_000)) if random.random() < _LARGE else 1)

    def large(self) -> Any:
        """What is long, wide or deep."""
        random = self.random
        depth, length = random.choice(_DEPTHS), random.choice(_LENGTHS)
        kinds: tuple[Callable[[], Any], ...] = (
            lambda: Raw("[" * depth + "]" * depth),
            lambda: Raw('{"a":' * depth + f'"{MARKER}"' + "}" * depth),
            lambda: [random.choice((1, SECRET, None)) for _ in range(random.choice((300, 3_000)))],
            lambda: {f"k{number}": SECRET for number in range(random.choice((11, 300)))},
            lambda: SECRET + "x" * length,
            lambda: random.choice(_LETTERS) * length,
            lambda: random.choice(_LETTERS) * length,
        )
        return random.choice(kinds)()
