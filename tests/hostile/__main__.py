"""Feeds hostile documents to the handlers: ``python -m tests.hostile --inputs 100000 --seed 1``."""

from __future__ import annotations

import argparse
import sys

from tests.hostile.feeding import Result, feed_all
from tests.hostile.targets import TARGETS

_HEAD = "| handler | seed | documents | accepted | refused | no JSON | broken | seconds | slowest, ms | longest line |"


def main(arguments: list[str]) -> int:
    """Feed, and print a table; 1 if something broke."""
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000, help="documents for each handler")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first document, to feed one again")
    parser.add_argument("--handler", choices=sorted(TARGETS), action="append", help="only this one; may be repeated")
    given = parser.parse_args(arguments)
    print(_HEAD)
    print("|---" * _HEAD.count(" | ") + "|---|")
    broken: list[str] = []
    for name in given.handler or TARGETS:
        result = feed_all(TARGETS[name](), inputs=given.inputs, seed=given.seed, first=given.first)
        print(_line(result), flush=True)
        broken += result.broken
    for told in broken:
        print(f"\n{told}", file=sys.stderr)
    return 1 if broken else 0


def _line(result: Result) -> str:
    cells = (
        *(f"`{result.name}`", str(result.seed), f"{result.fed:,}", f"{result.accepted:,}", f"{result.refused:,}"),
        *(f"{result.undecodable:,}", str(len(result.broken)), f"{result.seconds:.0f}"),
        *(f"{result.slowest * 1000:.0f}", f"{result.longest_line:,}"),
    )
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
