"""Names and limits that synth time and run time have to agree on.

The constructs write these names into templates, the handlers and the command
line read them back. Everything that both sides spell is spelled here, once.
Only the standard library is imported: this module is loaded by a CDK app, by
every Lambda function and by the command line.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """The three stages of an activity, in the order in which they run."""

    PRE = "pre"
    PARALLEL = "parallel"
    POST = "post"

    @property
    def is_sequential(self) -> bool:
        """Whether the stage invokes its plugins one at a time; ``parallel`` invokes all of them at once."""
        return self is not Stage.PARALLEL

    @property
    def following(self) -> tuple[Stage, ...]:
        """The stages that run after this one, in order."""
        stages = tuple(Stage)
        return stages[stages.index(self) + 1 :]


class State(StrEnum):
    """States of runs, activities, stages and plugins, as people read them."""

    NOT_STARTED = "Not Started"
    IN_PROGRESS = "In Progress"
    MANDATORY_COMPLETED = "Mandatory Completed"
    COMPLETE = "Complete"
    ERROR = "Error"
    OPTIONAL_TASK_ERROR = "Optional Task Error"
    DO_NOT_RUN = "Do Not Run"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing but a resume can change this state any more."""
        return self in _TERMINAL

    @property
    def is_done(self) -> bool:
        """Whether a resume keeps it: the work was done, or need not be."""
        return self in _DONE


_DONE: Final = frozenset({State.COMPLETE, State.DO_NOT_RUN})
_TERMINAL: Final = _DONE | {State.ERROR, State.OPTIONAL_TASK_ERROR}


class Ending(StrEnum):
    """How a run came to its end. Its state says whether the work was done, this says what became of it."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    """On purpose, through the core."""
    STOPPED = "stopped"
    """Its execution was stopped by somebody else than the core."""
    TIMED_OUT = "timed out"
    """It took longer than its workflow allows."""


REPORTABLE: Final = frozenset({State.IN_PROGRESS, State.COMPLETE, State.ERROR, State.DO_NOT_RUN})
"""What a plugin may report of itself."""


class Handler(StrEnum):
    """The functions of the core; the value is the last part of a physical name."""

    BEGIN_RUN = "begin-run"
    OPEN_ACTIVITY = "open-activity"
    RECORD_RESULT = "record-result"
    CHECK_DEADLINES = "check-deadlines"
    END_RUN = "end-run"
    CANCEL_RUN = "cancel-run"
    SWEEP_RUNS = "sweep-runs"
    WATCH_RUNS = "watch-runs"
    REGISTER_PLUGIN = "register-plugin"
    REGISTER_STAGES = "register-stages"
    RECONCILE = "reconcile"

    @property
    def entry_point(self) -> str:
        """The handler string that Lambda imports."""
        return f"orchestrator_runtime.handlers.{self.name.lower()}.lambda_handler"


class DeadLetters(StrEnum):
    """What the core keeps when it could not handle it, a queue for each."""

    RESULTS = "results"
    """Reports that could not be recorded."""
    SWEEPS = "sweeps"
    """Events that an execution has ended, and that led to nothing."""
    RECONCILIATIONS = "reconciliations"
    """Events that a plugin has changed, and that led to nothing."""
    REGISTRATIONS = "registrations"
    """Requests of CloudFormation that were not answered."""


class Metric(StrEnum):
    """What is counted and measured, in the namespace ``{system}-{stage}``. Durations are milliseconds."""

    RUNS_STARTED = "RunsStarted"
    RUNS_RESUMED = "RunsResumed"
    RUNS_COMPLETED = "RunsCompleted"
    RUNS_FAILED = "RunsFailed"
    RUNS_CANCELLED = "RunsCancelled"
    RUNS_STOPPED = "RunsStopped"
    RUNS_TIMED_OUT = "RunsTimedOut"
    RUN_DURATION = "RunDuration"
    """Of an attempt, however it ended."""
    ACTIVE_RUNS = "ActiveRuns"
    """How many are in progress, counted anew each time."""
    OVERDUE_RUNS = "OverdueRuns"
    """How many of those take longer than their workflow expects."""
    STAGE_DURATION = "StageDuration"
    PLUGIN_ERRORS = "PluginErrors"
    """1 for each call that ended in an error, 0 for each that did not: its sample count is the number of calls."""
    PLUGIN_DURATION = "PluginDuration"
    """From the reported start, or from the dispatch where none is reported."""
    PLUGIN_TIME_TO_START = "PluginTimeToStart"
    """From the dispatch to the reported start."""
    REFUSED_REPORTS = "RefusedReports"
    REGISTRATION_PROBLEMS = "RegistrationProblems"
    """How many a reconciliation found and could not repair."""
    REFUSED_REQUESTS = "RefusedRequests"
    """Events for a custom resource that CloudFormation did not send."""


class Dimension(StrEnum):
    """What metrics are told apart by; never by a run."""

    WORKFLOW = "workflow"
    ACTIVITY = "activity"
    STAGE = "stage"
    PLUGIN = "plugin"


# Each metric has the dimensions of one of these; those of runs also none, which is all workflows together.
RUN_DIMENSIONS: Final = (Dimension.WORKFLOW,)
STAGE_DIMENSIONS: Final = (Dimension.ACTIVITY, Dimension.STAGE)
PLUGIN_DIMENSIONS: Final = (Dimension.ACTIVITY, Dimension.STAGE, Dimension.PLUGIN)


OFF: Final = "off"
"""Turns off what is on where a variable of the environment says nothing."""


class LogMessage(StrEnum):
    """Messages of lines that saved queries look for."""

    RUN_ENDED = "run ended"
    PLUGIN_ENDED = "plugin ended"
    REPORT_REFUSED = "report refused"


class Env(StrEnum):
    """Environment variables that the constructs set and the handlers read."""

    STATUS_TABLE = "ORCHESTRATOR_STATUS_TABLE"
    CONTROL_TABLE = "ORCHESTRATOR_CONTROL_TABLE"
    REGISTRY_TABLE = "ORCHESTRATOR_REGISTRY_TABLE"
    RESULTS_QUEUE_URL = "ORCHESTRATOR_RESULTS_QUEUE_URL"
    TOPIC_ARN_PREFIX = "ORCHESTRATOR_TOPIC_ARN_PREFIX"
    """What a stage's topic ARN starts with; ``{activity}-{stage}`` follows."""
    WORKFLOW_ARN_PREFIX = "ORCHESTRATOR_WORKFLOW_ARN_PREFIX"
    """What the ARN of a workflow's state machine starts with; the workflow's name follows."""
    RETENTION_DAYS = "ORCHESTRATOR_RETENTION_DAYS"
    ACTIVITIES_PATH = "ORCHESTRATOR_ACTIVITIES_PATH"
    """The SSM path below which every activity is published."""
    PLUGINS_PER_STAGE = "ORCHESTRATOR_PLUGINS_PER_STAGE"
    """How many filter policies SNS allows on a topic."""
    SYSTEM = "ORCHESTRATOR_SYSTEM"
    STAGE = "ORCHESTRATOR_STAGE"
    """Which deployment it is; under these two names the command line is told, too."""
    WORKFLOWS_PATH = "ORCHESTRATOR_WORKFLOWS_PATH"
    """The SSM path below which every workflow is published."""
    ALERTS_TOPIC_ARN = "ORCHESTRATOR_ALERTS_TOPIC_ARN"
    PLUGIN_METRICS = "ORCHESTRATOR_PLUGIN_METRICS"
    """``off``: plugins are logged and not measured one by one."""
    TRACING = "ORCHESTRATOR_TRACING"
    """``off``: nothing is told to X-Ray. On the core's functions, and on a plugin's if its owner wants that."""
    PLUGIN_NAME = "ORCHESTRATOR_PLUGIN_NAME"
    """On a plugin's function: the name under which the construct registered it."""
    IDEMPOTENCY_TABLE = "ORCHESTRATOR_IDEMPOTENCY_TABLE"
    """On a plugin's function that is not idempotent: the table that remembers which calls were done."""
    MAX_RECEIVES = "ORCHESTRATOR_MAX_RECEIVES"
    """On a function behind a plugin's queue: how often a message is received before it is dead."""
    FIFO_QUEUE_URL = "ORCHESTRATOR_FIFO_QUEUE_URL"
    """On the function that feeds a plugin's FIFO queue: the queue."""
    FIFO_KEY = "ORCHESTRATOR_FIFO_KEY"
    """On the function that feeds a plugin's FIFO queue: the metadata key that orders by; unset: the run's uid."""


class ErrorName(StrEnum):
    """Names of the errors with which an activity or a run fails in Step Functions."""

    INVALID_RUN_INPUT = "InvalidRunInput"
    METADATA_DIFFERS = "MetadataDiffers"
    METADATA_TOO_LARGE = "MetadataTooLarge"
    RUN_IN_PROGRESS = "RunInProgress"
    PLUGIN_FAILED = "PluginFailed"
    UNKNOWN_ACTIVITY = "UnknownActivity"
    RUN_SUPERSEDED = "RunSuperseded"
    RUN_ENDED = "RunEnded"
    RUN_CANCELLED = "RunCancelled"


class PluginKind(StrEnum):
    """What stands behind a plugin's subscription. Other protocols of SNS are their own kind, such as ``https``."""

    FUNCTION = "function"
    QUEUE = "queue"
    FIFO_QUEUE = "fifo-queue"
    """A FIFO queue, which a function feeds, because a standard topic cannot."""


MAX_PLUGINS_PER_STAGE: Final = 200
"""Filter policies that SNS allows on a topic, unless AWS raises that quota. Each plugin has one."""

# Message attributes that the core sets itself; metadata keys may not be named so.
WORKFLOW_ATTRIBUTE: Final = "workflow"
PLUGINS_ATTRIBUTE: Final = "plugins"
RESERVED_ATTRIBUTES: Final = frozenset({WORKFLOW_ATTRIBUTE, PLUGINS_ATTRIBUTE})


def results_group(plugin: str) -> str:
    """The message group id of a plugin's reports: its name, with ``_`` for spaces, which SQS does not allow in one.

    By the group SQS knows whose message it is. Of a plugin with a large backlog it delivers the messages after those of
    the others; see "fair queues" in the Amazon SQS Developer Guide.
    """
    return plugin.replace(" ", "_")


INITIALIZE: Final = "initialize"
"""The one key of the question what a plugin is, with the value ``true``."""

DEFAULT_ORDER: Final = 90
DEFAULT_TIMEOUT_SECONDS: Final = 3600
"""A plugin's deadline where neither it nor its stage names one."""
DEFAULT_START_WITHIN_SECONDS: Final = 900
"""How long a plugin that reports its start may take to do so, where nothing else is said."""
START_REPORTED_AFTER_SECONDS: Final = 1
"""How long the decorator waits before it reports a call as at work; one that is over by then tells all with its end."""
PROGRESS_EVERY_SECONDS: Final = 1
"""How often a call of a plugin reports progress at most, and how often the core records that."""
DEFAULT_RETENTION_DAYS: Final = 90
MAX_EXECUTION_DAYS: Final = 365
MAX_DEADLINE_SECONDS: Final = MAX_EXECUTION_DAYS * 86_400
MAX_ORDER: Final = 1_000_000

# Limits of AWS, in bytes of UTF-8 unless they say otherwise.
MAX_SNS_MESSAGE_BYTES: Final = 262_144
MAX_OUTPUT_BYTES: Final = 50_000
"""Of one plugin's output, as JSON: with its key less than half of what a message carries, so that none takes all."""
MAX_OUTPUTS_BYTES: Final = 102_400
"""Of all outputs that a message carries, with their keys."""
MAX_NAMES_BYTES: Final = 16_384
"""Kept free in every message for the names of released plugins."""
MAX_NESTING: Final = 100
"""Levels of lists and objects in metadata, and in an output. pydantic reads 200, of which the message takes some."""
MAX_ITEM_BYTES: Final = 409_600
"""Of an item of DynamoDB: names and values of its attributes."""
MAX_MESSAGE_ATTRIBUTES: Final = 10
MAX_STATE_MACHINE_NAME: Final = 80
MAX_QUEUE_NAME: Final = 80
MAX_FUNCTION_NAME: Final = 64
MAX_TEXT: Final = 1024
"""Characters of a plugin's message that are kept; the rest is cut off."""
MAX_DESCRIPTION_BYTES: Final = 1_024
"""Of a plugin's description: every stage that opens reads those of all its plugins."""
MAX_QUEUE_URL: Final = 256


class TableAttribute(StrEnum):
    """Attributes that the tables declare: keys, and when an item expires."""

    UID = "uid"
    PATH = "path"
    ACTIVITY = "activity"
    REGISTRATION = "registration"
    FUNCTION = "function"
    EXPIRES_AT = "expires_at"
    ACTIVE = "active"
    ACTIVE_SINCE = "active_since"
    DUE_SHARD = "due_shard"
    DUE_AT = "due_at"


REGISTRY_BY_FUNCTION: Final = "by_function"
"""The registry's index by subscribed function, without its version or alias; or by whatever else is subscribed."""

ACTIVE_RUNS: Final = "active_runs"
"""The status table's index of the runs in progress: only their rows, and those of ends half done, have its keys."""
ACTIVE_RUNS_PARTITIONS: Final = 16
"""Over which that index is spread. DynamoDB writes 1,000 times a second to one; a run takes two writes."""

DUE_ACTIVITIES: Final = "due_activities"
"""The control table's index of activities in progress by the time at which their deadlines have to be checked.

It is sparse and holds keys only: an item that has finished, or whose run has ended, has no ``due_shard``."""
DUE_SHARDS: Final = 16
"""Partitions of that index. DynamoDB accepts 1,000 writes a second for each; an activity takes two."""
CHECK_DEADLINES_EVERY_SECONDS: Final = 60
"""Interval of the schedule that checks deadlines."""

# What the command line tells a CDK app that it deploys to the local environment, and its user to both.
LAYER_TARGET_CONTEXT: Final = "orchestrator:layer-target"
LAYER_TARGET_HOST: Final = "host"
"""Build the runtime layer for this machine and this Python: the emulator runs functions as local processes."""
CACHE_DIR_VARIABLE: Final = "ORCHESTRATOR_CACHE_DIR"
"""The environment variable that names another cache folder than the user's own."""
