"""Makes a plugin's row from its report."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from orchestrator_runtime.contract import MAX_NESTING, MAX_OUTPUT_BYTES, MAX_TEXT, State
from orchestrator_runtime.core.incoming_report import IncomingReport
from orchestrator_runtime.core.records import ExpectedPlugin, PluginRow
from orchestrator_runtime.json_text import compact_json, is_too_deep


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


def row_of(
    report: IncomingReport, expected: ExpectedPlugin | None, *, now: datetime, started_at: datetime | None
) -> tuple[PluginRow, str | None]:
    """Make the row of a report, and its output as JSON.

    Args:
        report: The report.
        expected: The plugin as the stage expects it; ``None`` if it does not.
        now: When the report was read.
        started_at: When the plugin started, as far as the report says.
    """
    state, message, output = report.state, report.message, None
    if report.output is not None and state is State.COMPLETE:
        try:
            output = _output_text(report.output)
        except ValueError as problem:
            state, message = State.ERROR, str(problem)
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
    return (replace(row, ended_at=now) if state.is_terminal else row), output


def _output_text(output: object) -> str:
    if is_too_deep(output):
        raise ValueError(
            f"OutputTooDeep: the output has more than {MAX_NESTING} levels of lists and objects, which later "
            "plugins could not read: nest less"
        )
    try:
        text = compact_json(output)
    except ValueError:
        raise ValueError("OutputNotJson: the output holds an endless number or half a character") from None
    if (size := len(text.encode())) > MAX_OUTPUT_BYTES:
        raise ValueError(
            f"OutputTooLarge: the output is {size:,} bytes, at most {MAX_OUTPUT_BYTES:,} are carried on: "
            "return less, or keep it elsewhere and return a reference"
        )
    return text
