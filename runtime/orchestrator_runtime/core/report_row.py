"""Makes a plugin's row from its report."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final

from orchestrator_runtime.contract import MAX_NESTING, MAX_TEXT, State
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.core.records import ExpectedPlugin, PluginRow
from orchestrator_runtime.json_text import compact_json, is_too_deep

_RETURN_LESS: Final = "return less, or keep it elsewhere and return a reference"


class OutputRefusedError(Exception):
    """An output is not carried on; its text is the plugin's error."""


def is_likely_first(report: IncomingReport, expected: ExpectedPlugin | None) -> bool:
    """Whether a report is likely to be the first of its plugin in the attempt; a wrong guess costs a write.

    Args:
        report: The report.
        expected: The plugin as the stage expects it; ``None`` if it does not.
    """
    if report.tells_start:
        return True
    reports_start = expected is not None and expected.start_within_seconds is not None
    return report.progress is None and (report.in_progress or not reports_start)


def output_text(report: IncomingReport, most_bytes: int) -> str | None:
    """Returns a report's output as JSON; ``None`` if it has none.

    Args:
        report: The report.
        most_bytes: The size of the output, at most.

    Raises:
        OutputRefusedError: It is not JSON, too large, or nested too deeply.
    """
    if report.output is None or report.state is not State.COMPLETE:
        return None
    if is_too_deep(report.output):
        raise OutputRefusedError(
            f"OutputTooDeep: the output has more than {MAX_NESTING} levels of lists and objects, which later "
            "plugins could not read: nest less"
        )
    try:
        text = compact_json(report.output)
    except ValueError:
        raise OutputRefusedError("OutputNotJson: the output holds an endless number or half a character") from None
    if (size := len(text.encode())) > most_bytes:
        raise OutputRefusedError(
            f"OutputTooLarge: the output is {size:,} bytes, at most {most_bytes:,} are carried on: {_RETURN_LESS}"
        )
    return text


def no_room(size: int, room: int) -> OutputRefusedError:
    """Returns the error of an output that does not fit beside the others.

    Args:
        size: The bytes that it takes in a message, with its key.
        room: The bytes that it might take.
    """
    return OutputRefusedError(
        f"OutputTooLarge: the output takes {size:,} bytes of later messages, and {max(room, 0):,} are free beside the "
        f"outputs of other plugins: {_RETURN_LESS}"
    )


def row_of(
    report: IncomingReport,
    expected: ExpectedPlugin | None,
    *,
    now: datetime,
    started_at: datetime | None,
    problem: str | None = None,
) -> PluginRow:
    """Make the row of a report.

    Args:
        report: The report.
        expected: The plugin as the stage expects it; ``None`` if it does not.
        now: When the report was read.
        started_at: When the plugin started, as far as the report says.
        problem: Why its output is refused; the plugin's error. Default: it is not.
    """
    state, message = report.state, report.message
    if problem is not None:
        state, message = State.ERROR, problem
    mandatory = expected.mandatory if expected else False
    if state is State.ERROR and not mandatory:
        state = State.OPTIONAL_TASK_ERROR
    row = PluginRow(
        name=report.plugin,
        attempt=report.ref.attempt,
        state=state,
        mandatory=mandatory,
        expected=expected is not None,
        message=message[:MAX_TEXT] if message else None,
        progress=report.progress,
        started_at=started_at,
        updated_at=now,
    )
    return replace(row, ended_at=now) if state.is_terminal else row
