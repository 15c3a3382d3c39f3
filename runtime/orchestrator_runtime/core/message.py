"""The message that invokes a stage's plugins, and whether it fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from orchestrator_runtime.contract import (
    MAX_NAMES_BYTES,
    MAX_OUTPUTS_BYTES,
    MAX_QUEUE_URL,
    MAX_SNS_MESSAGE_BYTES,
    Stage,
)
from orchestrator_runtime.core.attributes import Attributes, attributes_bytes, message_attributes
from orchestrator_runtime.core.records import Run, RunRef, StageRef
from orchestrator_runtime.json_text import compact_json
from orchestrator_runtime.names import MAX_NAME

_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Every time takes as many bytes as any other."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is published to a stage's topic."""

    body: str
    attributes: Attributes


class DoesNotFitError(Exception):
    """Something is larger than a message of SNS may be. Trying again would not help."""


def message_body(
    ref: StageRef, metadata: Mapping[str, Any], outputs: Mapping[str, Any], *, report_to: str, now: datetime
) -> dict[str, Any]:
    """The document that plugins get, but for the names that it releases."""
    return {
        **ref.run.as_document(),
        "activity": ref.activity,
        "stage": str(ref.stage),
        "now": f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z",
        "metadata": metadata,
        "outputs": outputs,
        "report_to": report_to,
    }


def address(
    ref: StageRef, body: Mapping[str, Any], names: Sequence[str], metadata: Mapping[str, Any], keys: Sequence[str]
) -> Message:
    """Complete a message with the names that it releases, in its body and as an attribute.

    Raises:
        DoesNotFitError: It is larger than SNS takes.
    """
    message = Message(
        body=compact_json({**body, "plugins": list(names)}),
        attributes=message_attributes(ref.run.workflow, names, metadata, keys),
    )
    size = len(message.body.encode()) + attributes_bytes(message.attributes)
    if size > MAX_SNS_MESSAGE_BYTES:
        raise DoesNotFitError(
            f"the message to {ref.key} is {size:,} bytes, SNS takes {MAX_SNS_MESSAGE_BYTES:,}: "
            "keep metadata and outputs small, and large data elsewhere with a reference to it in the metadata"
        )
    return message


def earlier_outputs(ref: StageRef, run: Run, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Pick the outputs of stages that come before this one.

    A resumed run has outputs of later stages, too; and a stage's own are not for its own plugins.

    Args:
        ref: The stage.
        run: The run, which knows the order of its activities.
        outputs: All of the run's outputs, keyed ``activity/stage/plugin``.
    """
    places = {name: place for place, side_by_side in enumerate(run.activities) for name in side_by_side}
    stages = list(Stage)

    def is_earlier(key: str) -> bool:
        activity, stage, _ = key.split("/", 2)
        if activity == ref.activity:
            return stages.index(Stage(stage)) < stages.index(ref.stage)
        return places.get(activity, -1) < places.get(ref.activity, len(places))

    return {key: output for key, output in outputs.items() if is_earlier(key)}


def has_earlier_stages(ref: StageRef, run: Run) -> bool:
    """Whether any stage of the run can have returned outputs before this one opened."""
    first = run.activities[0] if run.activities else ()
    return ref.attempt > 1 or ref.stage is not Stage.PRE or ref.activity not in first


def problem_with_size(run: RunRef, metadata: Mapping[str, Any]) -> str | None:
    """Say whether metadata is too large to be published by any stage of the run.

    Room is left for the outputs of earlier stages and for the names of released
    plugins, so that a run that begins does not fail half-way for the sake of them.
    """
    ref = run.stage("a" * MAX_NAME, Stage.PARALLEL)
    body = len(compact_json(message_body(ref, metadata, {}, report_to="u" * MAX_QUEUE_URL, now=_ANY_TIME)).encode())
    # Which keys travel as attributes depends on filters not known yet: count the largest.
    each = sorted(
        (
            attributes_bytes(message_attributes(run.workflow, [], {key: value}, [key]))
            for key, value in metadata.items()
        ),
        reverse=True,
    )
    size = body + sum(each[:8])
    most = MAX_SNS_MESSAGE_BYTES - MAX_OUTPUTS_BYTES - 2 * MAX_NAMES_BYTES
    if size <= most:
        return None
    return (
        f"the metadata takes {size:,} bytes of a message, {most:,} are free for it "
        f"(of the {MAX_SNS_MESSAGE_BYTES:,} that SNS takes, outputs and names need the rest): "
        "keep large data elsewhere and put a reference to it into the metadata"
    )
