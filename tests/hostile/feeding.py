"""Feeds hostile documents to a handler, and looks after each that what must hold does."""

from __future__ import annotations

import logging
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from random import Random
from time import perf_counter
from types import FrameType
from typing import Any, Final, Protocol

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

from orchestrator_runtime.foreign_text import UNSHOWABLE
from orchestrator_runtime.handlers.environment import logger as powertools_logger
from orchestrator_runtime.json_text import log_line
from tests.hostile.values import MARKER

MOST_SECONDS: Final = 20
"""For one document, on a machine that is busy: far more than any takes, and far less than forever."""
MOST_CHARACTERS: Final = 16_384
"""Of a log line; with a traceback in it."""


class BrokenPromiseError(AssertionError):
    """A handler did what it must not do with a document."""


def check_line(what: str, text: str, most: int = MOST_CHARACTERS) -> None:
    """Look whether a text that people see is one line, all of it visible, and has an end."""
    if found := UNSHOWABLE.search(text):
        around = text[max(0, found.start() - 200) : found.end() + 40]
        raise BrokenPromiseError(f"{what} has {found[0]!a}, which people do not see: …{around!a}…")
    if len(text) > most:
        raise BrokenPromiseError(f"{what} of {len(text):,} characters: {text[:300]}…")


class Target(Protocol):
    """A handler, as it is fed."""

    name: str

    @property
    def permanent(self) -> tuple[type[Exception], ...]:
        """The errors by which it may refuse a document: whoever called sees them, and nobody calls again for ever."""
        ...

    def make(self, random: Random) -> Any:
        """Make an event; ``None`` if what was made is no JSON, which Lambda refuses before the handler is called."""
        ...

    def feed(self, event: Any) -> bool:
        """Let the handler have it; return whether it was accepted.

        Raises:
            BrokenPromiseError: Something that must hold does not.
        """
        ...

    def tables(self) -> object:
        """Everything that is stored, to be compared."""
        ...


@dataclass
class Result:
    """What became of the documents that one handler was fed."""

    name: str
    seed: int
    fed: int = 0
    accepted: int = 0
    refused: int = 0
    undecodable: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    longest_line: int = 0
    broken: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    """Permanent errors by their class."""


def feed_all(target: Target, *, inputs: int, seed: int, first: int = 0) -> Result:
    """Feed a handler.

    Args:
        target: The handler.
        inputs: How many documents.
        seed: Says together with a document's number what it is.
        first: The number of the first document; to feed a single one again.
    """
    result = Result(target.name, seed)
    start = perf_counter()
    for number in range(first, first + inputs):
        event = target.make(Random(f"{seed}/{target.name}/{number}"))
        if event is None:
            result.undecodable += 1
            continue
        result.fed += 1
        try:
            _feed_one(target, event, result)
        except Exception as error:  # noqa: BLE001 - every one of them is what is looked for
            told = "".join(traceback.format_exception(error, limit=-4))
            result.broken.append(f"{target.name}, seed {seed}, document {number}: {told[-3000:]}")
            if len(result.broken) >= 20:
                break
    result.seconds = perf_counter() - start
    return result


def _feed_one(target: Target, event: Any, result: Result) -> None:
    before, start = target.tables(), perf_counter()
    said: str = ""
    with logged() as log, _deadline():
        try:
            accepted = target.feed(event)
        except target.permanent as error:
            accepted = False
            check_line("an error", str(error))
            result.kinds[type(error).__name__] += 1
            # Lambda writes an error that nobody catches into the log.
            said = "".join(traceback.format_exception(error))
    result.slowest = max(result.slowest, perf_counter() - start)
    result.accepted += accepted
    result.refused += not accepted
    # A line of CloudWatch's ends where a line feed is.
    lines = log.getvalue().split("\n")
    for line in lines:
        check_line("a log line", line.replace("\r", " "))
    _check_log([*lines, said], result)
    if not accepted and target.tables() != before:
        raise BrokenPromiseError("something was written though the document was refused")


def _check_log(lines: list[str], result: Result) -> None:
    for line in lines:
        result.longest_line = max(result.longest_line, len(line))
        if MARKER in line:
            where = line.index(MARKER)
            raise BrokenPromiseError(f"logged what must not be: …{line[max(0, where - 500) : where + 40]}…")
        if len(line) > MOST_CHARACTERS:
            raise BrokenPromiseError(f"a log line of {len(line):,} characters: {line[:300]}…")


@contextmanager
def logged() -> Iterator[StringIO]:
    """Take all that is written to standard output, or logged by Powertools or by the standard library."""
    taken = StringIO()
    powertools = logging.getLogger(powertools_logger.name)
    handlers = [handler for handler in powertools.handlers if isinstance(handler, logging.StreamHandler)]
    streams = [handler.setStream(taken) for handler in handlers]
    for handler in handlers:
        # In Lambda the core's logger is the first of its process, and says how. Here another test's may have been.
        if isinstance(handler.formatter, LambdaPowertoolsFormatter):
            handler.formatter.json_serializer = log_line
    plain = logging.StreamHandler(taken)
    plain.setFormatter(_OneLine("%(levelname)s %(message)s"))
    runtime = logging.getLogger("orchestrator_runtime")
    runtime.addHandler(plain)
    runtime.propagate = False
    stdout, sys.stdout = sys.stdout, taken
    try:
        yield taken
    finally:
        sys.stdout = stdout
        runtime.removeHandler(plain)
        runtime.propagate = True
        for handler, stream in zip(handlers, streams, strict=True):
            if stream is not None:
                handler.setStream(stream)


class _OneLine(logging.Formatter):
    """A record is a line of CloudWatch's, with its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", "\r")


@contextmanager
def _deadline() -> Iterator[None]:
    def late(_number: int, _frame: FrameType | None) -> None:
        raise BrokenPromiseError(f"took longer than {MOST_SECONDS} s")

    former = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
