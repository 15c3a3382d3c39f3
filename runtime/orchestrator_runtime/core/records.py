"""The records that the protocol reads and writes, free of any storage.

Times are aware datetimes in UTC, durations are whole seconds, ``expires_at`` is
seconds since the epoch (what DynamoDB's TTL takes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from orchestrator_runtime.contract import (
    DEFAULT_ORDER,
    MAX_OUTPUT_BYTES,
    MAX_OUTPUTS_BYTES,
    Ending,
    Stage,
    State,
)

_SUBSCRIPTION_END: Final = 12


@dataclass(frozen=True, slots=True)
class RunRef:
    """Names one attempt of a run; all that travels through the state machines."""

    uid: str
    workflow: str
    attempt: int

    @property
    def path(self) -> str:
        """The run's path in the status table; everything of the run begins with it."""
        return f"{self.workflow}/"

    def activity(self, name: str) -> ActivityRef:
        """Name one activity of this attempt."""
        return ActivityRef(self, name)

    def stage(self, activity: str, stage: Stage) -> StageRef:
        """Name one stage of this attempt."""
        return StageRef(self, activity, stage)

    def as_document(self) -> dict[str, Any]:
        """The reference as it travels from state to state."""
        return {"uid": self.uid, "workflow": self.workflow, "attempt": self.attempt}


@dataclass(frozen=True, slots=True)
class ActivityRef:
    """Names one activity of one attempt of a run."""

    run: RunRef
    name: str

    @property
    def path(self) -> str:
        """The activity's path in the control table."""
        return f"{self.run.workflow}/{self.name}/"

    @property
    def attempt(self) -> int:
        """The attempt of the run."""
        return self.run.attempt

    @property
    def about(self) -> dict[str, str | int]:
        """The keys by which log lines and traces of the activity are found."""
        run = self.run
        return {"uid": run.uid, "workflow": run.workflow, "activity": self.name, "attempt": run.attempt}

    def stage(self, stage: Stage) -> StageRef:
        """Name one stage of the activity."""
        return StageRef(self.run, self.name, stage)


@dataclass(frozen=True, slots=True)
class StageRef:
    """Names one stage of one attempt of a run."""

    run: RunRef
    activity: str
    stage: Stage

    @property
    def of_activity(self) -> ActivityRef:
        """The activity that the stage belongs to."""
        return ActivityRef(self.run, self.activity)

    @property
    def path(self) -> str:
        """The stage's path in the status table; its plugins' paths begin with it."""
        return f"{self.run.workflow}/{self.activity}/{self.stage}/"

    @property
    def key(self) -> str:
        """The stage's name in the registry."""
        return f"{self.activity}/{self.stage}"

    @property
    def about(self) -> dict[str, str | int]:
        """What logs and traces of the stage are found by."""
        run = self.run
        return {
            "uid": run.uid,
            "workflow": run.workflow,
            "activity": self.activity,
            "stage": self.stage.value,
            "attempt": run.attempt,
        }

    @property
    def attempt(self) -> int:
        """The attempt of the run."""
        return self.run.attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run, as its row in the status table tells it.

    Who started it, and who ended it on purpose, is what they said of themselves.
    """

    ref: RunRef
    state: State
    metadata: Mapping[str, Any]
    execution: str
    activities: tuple[tuple[str, ...], ...]
    started_at: datetime
    expires_at: int
    by: str | None = None
    metadata_replaced: bool = False
    ended_at: datetime | None = None
    ending: Ending | None = None
    ended_by: str | None = None
    message: str | None = None

    @property
    def ended(self) -> bool:
        """Whether this attempt is over."""
        return self.ended_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRun:
    """What the index of the runs in progress tells of one."""

    ref: RunRef
    execution: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a stage or an activity ended. It is written once and never changes within an attempt."""

    state: State
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """A stage, as its row in the status table tells it."""

    attempt: int
    state: State
    started_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRow:
    """A plugin in one stage of a run, from its first report on."""

    name: str
    attempt: int
    state: State
    mandatory: bool = True
    expected: bool = True
    message: str | None = None
    progress: float | None = None
    started_at: datetime | None = None
    updated_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedPlugin:
    """A plugin that a stage waits for, with its registration as it was when the stage opened.

    Attributes:
        name: Unique within the stage.
        mandatory: Whether its error fails the stage.
        order: Its position in a sequential stage.
        timeout_seconds: Its deadline, counted from its start, or from its dispatch if it does not report a start.
        start_within_seconds: The deadline of its start, counted from its dispatch. ``None`` if it does not report a
            start.
        sender_role_ids: Unique ids of the roles that it reports under; empty if they are unknown.
        subscriptions: Ends of the ARNs of the subscriptions that invoke its function. Lambda's invocation records
            name a subscription, not a plugin.
        settles_at: When SNS is certain to deliver to its subscription; ``None`` if that was long before the stage
            opened. A new or changed subscription takes up to 15 minutes.
        kept: The state that an earlier attempt left it in and this attempt keeps, if any.
        returned: The bytes that its output of an earlier attempt took in messages, if it is invoked again.
    """

    name: str
    mandatory: bool = True
    order: int = DEFAULT_ORDER
    timeout_seconds: int
    start_within_seconds: int | None = None
    sender_role_ids: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    settles_at: datetime | None = None
    kept: State | None = None
    returned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """What a stage waits for in one attempt. It is computed when the stage opens and never changes.

    Attributes:
        attempt: The attempt of the run.
        plugins: The expected plugins in order; elsewhere a plugin is known by its index here.
        opened_at: When the stage opened.
        expires_at: When what is written for the stage expires, in seconds since the epoch.
        attribute_keys: The metadata keys that travel as message attributes.
        fail_on_optional_error: Whether an optional plugin's error fails the stage, too.
        max_output_bytes: The size of one plugin's output as JSON, at most.
        output_budget: The bytes that the outputs of the unfinished plugins may take together in a message.
    """

    attempt: int
    plugins: tuple[ExpectedPlugin, ...]
    opened_at: datetime
    expires_at: int
    attribute_keys: tuple[str, ...] = ()
    fail_on_optional_error: bool = False
    max_output_bytes: int = MAX_OUTPUT_BYTES
    output_budget: int = MAX_OUTPUTS_BYTES // 2

    def index_of(self, name: str) -> int | None:
        """Find a plugin's index; ``None`` if it is not expected."""
        return next((i for i, plugin in enumerate(self.plugins) if plugin.name == name), None)

    def invoked_through(self, subscription_arn: str) -> str | None:
        """Find the expected plugin that a subscription invokes; ``None`` if there is none."""
        end = subscription_end(subscription_arn)
        return next((plugin.name for plugin in self.plugins if end in plugin.subscriptions), None)

    @property
    def unfinished(self) -> frozenset[int]:
        """Indices of the plugins that no earlier attempt has finished."""
        return frozenset(i for i, plugin in enumerate(self.plugins) if plugin.kept is None)


def subscription_end(subscription_arn: str) -> str:
    """What a plan keeps of a subscription's ARN: the last group of its UUID, unique within a stage.

    A plan is the largest item of a run, and read often.
    """
    return subscription_arn[-_SUBSCRIPTION_END:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """The last dispatch of a stage: which plugins were invoked, and whether the message was published.

    Attributes:
        ordinal: Index of the plugin that was invoked last; 0 on a stage that invokes all at once.
        claimed_at: When a handler claimed the right to publish.
        published_at: When the message was published; ``None`` until then.
    """

    ordinal: int
    claimed_at: datetime
    published_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityControl:
    """An activity in progress, as the control table holds it: its current stage, and what that waits for.

    Attributes:
        attempt: The attempt of the run.
        stage: The current stage; ``None`` if the run ended before the activity opened.
        pending: Indices of the stage's expected plugins without a terminal state.
        failed: Indices of those that ended in an error.
        dispatch: The last dispatch of the stage.
        outputs: The bytes that outputs of the stage take in a message, by the index of their plugin; those that no
            other output can displace may be missing.
        due_at: When its deadlines have to be checked; ``None`` once the activity has finished.
        outcome: How the activity ended; ``None`` while it is in progress.
        run_ended: Whether the run ended before the activity did: nothing may be dispatched any more.
    """

    attempt: int
    stage: Stage | None
    pending: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    dispatch: Dispatch | None = None
    outputs: Mapping[int, int] = field(default_factory=dict)
    due_at: datetime | None = None
    outcome: Outcome | None = None
    run_ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DueActivity:
    """An entry of the index of due activities."""

    uid: str
    workflow: str
    activity: str
    due_at: datetime
