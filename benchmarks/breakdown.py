"""Where a run's calls come from: by function, operation and table. ``python -m benchmarks.breakdown 'W(3,5)'``."""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.calls import Call
from benchmarks.workload import Workload
from benchmarks.workload_runs import deployed

_TABLES = ("Status", "Control", "Registry")


@dataclass
class _Sum:
    """What calls of one kind come to."""

    calls: int = 0
    units: float = 0
    milliseconds: float = 0
    log_bytes: int = 0


@dataclass
class Breakdown:
    """Sums of calls by what they are.

    Attributes:
        requests: Of AWS: by function, service and operation, and table.
        functions: Calls of functions, by name; of plugins together.
    """

    requests: dict[tuple[str, str, str], _Sum] = field(default_factory=lambda: defaultdict(_Sum))
    functions: dict[str, _Sum] = field(default_factory=lambda: defaultdict(_Sum))

    @classmethod
    def of(cls, calls: Sequence[Call]) -> Breakdown:
        """Add up some calls."""
        found = cls()
        plugins = {call["function"] for call in calls if call.get("handler") == "empty.handler"}
        for call in calls:
            who = call["function"] if call["kind"] == "invocation" else call["caller"]
            who = "a plugin" if who in plugins else who
            if call["kind"] == "invocation":
                one = found.functions[who]
                one.milliseconds += call["milliseconds"]
                one.log_bytes += call["log_bytes"]
            else:
                table = next((name for name in _TABLES if f"Core{name}" in call["target"]), "")
                one = found.requests[who, f"{call['service']} {call['operation']}", table]
                one.units += call.get("units", 0)
            one.calls += 1
        return found

    def lines(self) -> Iterator[str]:
        """As a table."""
        yield f"{'function':32}{'calls':>7}{'ms a call':>11}{'log bytes':>11}"
        for name, one in sorted(self.functions.items()):
            yield f"{name:32}{one.calls:7}{one.milliseconds / one.calls:11.1f}{one.log_bytes:11}"
        yield ""
        yield f"{'caller':32}{'request':32}{'table':10}{'calls':>7}{'units':>8}"
        totals: Counter[str] = Counter()
        for (who, what, table), one in sorted(self.requests.items()):
            yield f"{who:32}{what:32}{table:10}{one.calls:7}{one.units:8.1f}"
            totals[what] += one.calls
        yield ", ".join(f"{what} {calls}" for what, calls in sorted(totals.items()))


def main() -> None:
    """Run a workload once and print its breakdown."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.breakdown", description="See where calls come from.")
    parser.add_argument("workload", type=Workload.parse)
    with deployed(parser.parse_args().workload) as system:
        calls, _ = system.run()
    print("\n".join(Breakdown.of(calls).lines()))


if __name__ == "__main__":
    main()
