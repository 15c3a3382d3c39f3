"""The records that the protocol reads and writes, free of any storage.

Times are aware datetimes in UTC, durations are whole seconds, ``expires_at`` is
seconds since the epoch (what DynamoDB's TTL takes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from orchestrator_runtime.contract import DEFAULT_ORDER, Ending, ReleaseRule, Stage, State

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

    def stage(self, activity: str, stage: Stage) -> StageRef:
        """Name one stage of this attempt."""
        return StageRef(self, activity, stage)

    def as_document(self) -> dict[str, Any]:
        """The reference as it travels from state to state."""
        return {"uid": self.uid, "workflow": self.workflow, "attempt": self.attempt}


@dataclass(frozen=True, slots=True)
class StageRef:
    """Names one stage of one attempt of a run."""

    run: RunRef
    activity: str
    stage: Stage

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
    """How a stage ended. Written once, signalled as often as it takes."""

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
        order: Its place on a stage that releases one at a time.
        timeout_seconds: From its start, or from its release where no start is reported.
        start_within_seconds: From its release. ``None`` where it does not report a start.
        sender_role_ids: Unique ids of the roles that it reports under; empty where they are unknown.
        subscriptions: The ends of the ARNs through which a function is called for it: Lambda's records tell no name.
        kept: The state that an earlier attempt left it in and this one keeps, if any.
    """

    name: str
    mandatory: bool = True
    order: int = DEFAULT_ORDER
    timeout_seconds: int
    start_within_seconds: int | None = None
    sender_role_ids: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    kept: State | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StagePlan:
    """What a stage waits for in one attempt. Computed once, never changed.

    Attributes:
        attempt: The attempt that it is of.
        rule: How the plugins are released.
        plugins: In release order; elsewhere a plugin is known by its index here.
        expires_at: When what is written for the stage expires.
        attribute_keys: The metadata keys that filters select by, first in line to travel as attributes.
        fail_on_optional_error: Whether an optional plugin's error fails the stage, too.
    """

    attempt: int
    rule: ReleaseRule
    plugins: tuple[ExpectedPlugin, ...]
    expires_at: int
    attribute_keys: tuple[str, ...] = ()
    fail_on_optional_error: bool = False

    def index_of(self, name: str) -> int | None:
        """The plugin's index, or ``None`` if it is not expected."""
        return next((i for i, plugin in enumerate(self.plugins) if plugin.name == name), None)

    def called_through(self, subscription_arn: str) -> str | None:
        """The name of the plugin that a subscription calls, or ``None`` if it is none that is expected."""
        end = subscription_end(subscription_arn)
        return next((plugin.name for plugin in self.plugins if end in plugin.subscriptions), None)

    @property
    def unfinished(self) -> frozenset[int]:
        """Indices of the plugins that no earlier attempt has finished."""
        return frozenset(i for i, plugin in enumerate(self.plugins) if plugin.kept is None)


def subscription_end(subscription_arn: str) -> str:
    """What a plan keeps of a subscription's ARN: the last group of its UUID, which tells those of a stage apart.

    A plan is the largest item of a run, and read often.
    """
    return subscription_arn[-_SUBSCRIPTION_END:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """How far a stage has released its plugins.

    Attributes:
        ordinal: Index of the plugin released last; 0 on a stage that releases all at once.
        claimed_at: When a handler took it upon itself to publish.
        confirmed_at: When it had published; ``None`` until then.
    """

    ordinal: int
    claimed_at: datetime
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A stage's private row: the token that wakes its state machine, and the running tally.

    Attributes:
        attempt: The attempt that the row is of.
        token: What ``SendTaskSuccess`` and ``SendTaskFailure`` need.
        opened: Whether ``open`` has been set up for this attempt.
        open: Indices of expected plugins without a terminal state.
        failed: Indices of those that ended in an error.
        release: The last release, if there was one.
        ended: Whether the run ended before the stage did; nothing may be released any more.
    """

    attempt: int
    token: str
    opened: bool = False
    open: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    release: Release | None = None
    ended: bool = False
