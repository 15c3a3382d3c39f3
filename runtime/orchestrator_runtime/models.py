"""The documents that cross the system's borders, as pydantic models.

``RunInput`` is what ``StartExecution`` is given, ``PluginMessage`` what the core
sends to a plugin and ``Report`` what a plugin sends back. A plugin in another
language needs nothing but the JSON of the last two.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, StrictBool, ValidationError

from orchestrator_runtime.contract import (
    MAX_NESTING,
    MAX_QUEUE_URL,
    REPORTABLE,
    RESERVED_ATTRIBUTES,
    Stage,
    State,
)
from orchestrator_runtime.foreign_text import shown
from orchestrator_runtime.json_text import compact_json, is_too_deep
from orchestrator_runtime.names import (
    COMPONENT_NAME,
    PLUGIN_NAME,
    problem_with_name,
    problem_with_person,
    problem_with_uid,
)

MAX_ATTEMPT: Final = 2**31 - 1
"""No run gets there. A number of thousands of digits would stand in every log line about a report."""
_MOST_PROBLEMS: Final = 10


def _check_uid(value: str) -> str:
    if problem := problem_with_uid(value, quoting=False):
        raise ValueError(problem)
    return value


def _named(kind: str) -> AfterValidator:
    pattern = PLUGIN_NAME if kind == "plugin" else COMPONENT_NAME

    def check(value: str) -> str:
        if problem := problem_with_name(kind, value, pattern, quoting=False):
            raise ValueError(problem)
        return value

    return AfterValidator(check)


def _check_reportable(value: State) -> State:
    if value not in REPORTABLE:
        raise ValueError(f"a plugin cannot report {value.value!r}: report one of {sorted(REPORTABLE)}")
    return value


def _check_by(value: str) -> str:
    if problem := problem_with_person(value):
        raise ValueError(problem)
    return value


def _check_metadata(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    if taken := sorted(RESERVED_ATTRIBUTES & value.keys()):
        raise ValueError(f"metadata may not use the reserved keys {taken}: rename them")
    if is_too_deep(value):
        raise ValueError(
            f"metadata has more than {MAX_NESTING} levels of lists and objects, which plugins could not read: nest less"
        )
    try:
        compact_json(value)
    except ValueError:
        raise ValueError("metadata holds an endless number or half a character, which JSON has not") from None
    return value


Uid = Annotated[str, AfterValidator(_check_uid)]
WorkflowName = Annotated[str, _named("workflow")]
ActivityName = Annotated[str, _named("activity")]
PluginName = Annotated[str, _named("plugin")]
Attempt = Annotated[int, Field(ge=1, le=MAX_ATTEMPT, strict=True)]
Metadata = Annotated[dict[str, JsonValue], AfterValidator(_check_metadata)]


class RunInput(BaseModel):
    """The input of a workflow's execution.

    Attributes:
        uid: Names the piece of work; ``(workflow, uid)`` is the run. The same uid again resumes it.
        metadata: The run's data: plugins act on it, filters select by it.
        metadata_override: Let ``metadata`` replace what an earlier attempt was started with.
            Default: a difference is refused.
        by: Who starts the run, for its history. Nobody checks it. Default: the history does not say who.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    uid: Uid
    metadata: Metadata = Field(default_factory=dict)
    metadata_override: StrictBool = False
    by: Annotated[str, AfterValidator(_check_by)] | None = None


class PluginMessage(BaseModel):
    """What a plugin receives: the ``Message`` of the SNS notification, as JSON.

    Attributes:
        uid: The run's id within its workflow.
        workflow: The workflow's name.
        activity: The activity's name.
        stage: ``pre``, ``parallel`` or ``post``.
        attempt: Counts up each time that the run is started again; a report must carry it.
        plugins: Names that this message releases. A plugin that is not among them ignores it.
        now: When it was published, UTC.
        metadata: The run's data.
        outputs: Outputs of earlier stages, keyed ``activity/stage/plugin``.
        report_to: URL of the queue that takes the plugin's reports.
    """

    model_config = ConfigDict(frozen=True)

    uid: Uid
    workflow: WorkflowName
    activity: ActivityName
    stage: Stage
    attempt: int = Field(ge=1)
    plugins: list[str]
    now: datetime
    metadata: dict[str, JsonValue]
    outputs: dict[str, JsonValue] = Field(default_factory=dict)
    report_to: str = Field(max_length=MAX_QUEUE_URL)


class Report(BaseModel):
    """What a plugin sends to the results queue, as the body of an SQS message.

    Attributes:
        uid: The run's id, as it came in the message that called the plugin; so the next four.
        workflow: The workflow's name.
        activity: The activity's name.
        stage: ``pre``, ``parallel`` or ``post``.
        attempt: The attempt that is reported on. Reports on another than the run's current one are refused.
        plugin: The name under which the reporting plugin is registered.
        state: ``In Progress``, ``Complete``, ``Error`` or ``Do Not Run``.
        started_at: When this call of the plugin began, with its time zone; in the first report of each call. It
            spares a quick plugin the report of its start. Deadlines go by the time at which reports come in.
        message: For people, one line or a few. Only the first 1,024 characters are kept.
        progress: Percent, 0 to 100; kept with two decimals.
        output: What later stages' plugins get to see, any JSON of at most 50,000 bytes; only with ``Complete``.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    uid: Uid
    workflow: WorkflowName
    activity: ActivityName
    stage: Stage
    attempt: Attempt
    plugin: PluginName
    state: Annotated[State, AfterValidator(_check_reportable)]
    started_at: Annotated[AwareDatetime, Field(strict=True)] | None = None
    message: str | None = None
    progress: Annotated[float, Field(ge=0, le=100), AfterValidator(lambda percent: round(percent, 2))] | None = None
    output: JsonValue = None


def problems_of(error: ValidationError) -> list[str]:
    """Say what is wrong with a document, place by place, without quoting the values that it holds.

    Places are told as far as people read them: a document may be wrong in as many as it has bytes.
    """
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    told = [
        f"{shown('.'.join(str(part) for part in problem['loc'])) or 'the document'}: "
        f"{str(problem['msg']).removeprefix('Value error, ')}"
        for problem in problems[:_MOST_PROBLEMS]
    ]
    return told if len(problems) <= _MOST_PROBLEMS else [*told, f"and {len(problems) - _MOST_PROBLEMS:,} more"]
