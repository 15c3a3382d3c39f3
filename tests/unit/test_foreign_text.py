"""Text that others wrote is one line in which every character is visible, wherever it is shown."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_runtime.foreign_text import MOST_SHOWN, UNSHOWABLE, quoted, shown
from tests.hostile.values import FOREIGN, brief

# Format characters that are seen: Arabic and other number signs, and signs that join hieroglyphs.
_SEEN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD, *range(0x13430, 0x13440)}
_OTHER_SCRIPTS = "Büro \u0645\u0631\u062d\u0628\u0627 \u65e5\u672c \U0001f697 \u2764\ufe0f"


@pytest.mark.parametrize("category", ["Cc", "Cf", "Cs", "Zl", "Zp"])
def test_every_character_of_these_categories_is_escaped(category: str) -> None:
    left = [
        code
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) == category and code not in _SEEN and not UNSHOWABLE.match(chr(code))
    ]
    assert left == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Scores the driver", "Scores the driver"),
        ("two\nlines\r\n", r"two\nlines\r\n"),
        ("\x1b[2J\x00\x7f\x85\x9b", r"\x1b[2J\x00\x7f\x85\x9b"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("\u202eeroc\u2066\u2069S\u200e\u200f\u061c", r"\u202eeroc\u2066\u2069S\u200e\u200f\u061c"),
        ("Sco\u200b\u200c\u200d\u2060\ufeffre", r"Sco\u200b\u200c\u200d\u2060\ufeffre"),
        ("cut \ud83d", r"cut \ud83d"),
        ("\U000e0041\U000e007f", r"\U000e0041\U000e007f"),
        ("\ufffe\uffff\u3164", r"\ufffe\uffff\u3164"),
        (_OTHER_SCRIPTS, _OTHER_SCRIPTS),
        ('a "b" \\n', 'a "b" \\n'),
        ("", ""),
    ],
    ids=ascii,
)
def test_what_is_not_seen_is_shown_as_an_escape(text: str, line: str) -> None:
    assert shown(text) == line


@given(st.text(st.characters()), st.integers(1, 50))
def test_a_line_is_bounded_and_can_be_shown_again(text: str, most: int) -> None:
    line = shown(text, most)
    assert not UNSHOWABLE.search(line)
    assert len(line) <= most + 1
    assert shown(line, most + 1) == line


@pytest.mark.parametrize("text", FOREIGN, ids=brief)
def test_foreign_text_is_one_line(text: str) -> None:
    for line in (shown(text), quoted(text)):
        assert not UNSHOWABLE.search(line)
        assert len(line) <= MOST_SHOWN + 3


def test_a_long_text_ends_in_an_ellipsis() -> None:
    assert shown("x" * 200) == "x" * 200
    assert shown("x" * 201) == "x" * 200 + "…"
    assert shown("\n" * 101) == r"\n" * 100 + "…"
    assert quoted("x" * 201) == f'"{"x" * 200}…"'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Scores", '"Scores"'),
        ('is fine". Run "reboot', r'"is fine\". Run \"reboot"'),
        ("\\", r'"\\"'),
        ('\\"', r'"\\\""'),
        ("a\n", r'"a\n"'),
        (f"a{' ' * 80}What you can do", '"a What you can do"'),
        ("a\u3000\u00a0 b", '"a b"'),
    ],
    ids=ascii,
)
def test_quoted_text_cannot_close_its_quotes(text: str, line: str) -> None:
    assert quoted(text) == line


@given(st.text(st.characters() | st.sampled_from('"\\')), st.integers(1, 20))
def test_no_quote_between_the_quotes_is_without_an_escape(text: str, most: int) -> None:
    inner = quoted(text, most)[1:-1].replace("\\\\", "").replace('\\"', "")
    assert '"' not in inner


def test_the_command_line_can_show_text_without_what_the_core_imports() -> None:
    code = "import sys, orchestrator_runtime.foreign_text; print(*sorted({m.split('.')[0] for m in sys.modules} & "
    code += "{'boto3', 'botocore', 'pydantic', 'aws_lambda_powertools', 'aws_cdk'}))"
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
