"""The registrations of plugins to a stage, and the stage's settings, free of any storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from orchestrator_runtime.contract import (
    DEFAULT_ORDER,
    DEFAULT_START_WITHIN_SECONDS,
    DEFAULT_TIMEOUT_SECONDS,
    MAX_OUTPUT_BYTES,
    PluginKind,
    Stage,
)
from orchestrator_runtime.core.subscription import LAMBDA
from orchestrator_runtime.filter_policy import MESSAGE_ATTRIBUTES

_PARTS_OF_A_FUNCTION_ARN: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A plugin's standing registration to a stage.

    Attributes:
        activity: The activity's name.
        stage: ``pre``, ``parallel`` or ``post``.
        name: The plugin's name, unique within the stage.
        subscription_arn: The subscription to the stage's topic that this registration is of.
        endpoint: What is subscribed: the ARN of a function, alias, version or queue, or an address.
        protocol: How SNS delivers: ``lambda``, ``sqs``, ``https`` and so on.
        kind: A ``PluginKind``, or the protocol where that is none of them.
        owner: The stack whose construct registered it; empty if the subscription was made by other means.
        filter_policy: The filter policy of a managed plugin, which the core evaluates; of a plain one that of its
            subscription, which SNS evaluates.
        filter_policy_scope: ``MessageAttributes`` or ``MessageBody``.
        filter_keys_since: When a plain subscription was first seen to filter by its present metadata keys. Keys that
            were seen earlier travel first.
        named_since: When a plain subscription was first registered under its present name. Of several with one name
            the first counts; ``None`` for managed plugins.
        mandatory: Whether its error fails the stage.
        order: Its position in a sequential stage.
        always_run: Whether a resumed run invokes it again although it was complete.
        timeout_seconds: Its deadline; ``None``: the stage's.
        start_within_seconds: The deadline of its start; ``None``: the stage's.
        reports_start: Whether it reports that it started; otherwise only ``timeout_seconds`` counts.
        sender_role_ids: Unique ids of the roles that may report for it; empty where they are unknown.
        description: What it does, for people.
        revision: Of the function whose answer this is; ``None`` if it was not asked, or has to be asked once more.
        problem: What was wrong when a subscription made by other means was registered, for people.
        seen_at: When a construct registered it, or else when it was last read from SNS. Every write sets it
            anew, so that it is the version of the registration as well.
    """

    activity: str
    stage: Stage
    name: str
    subscription_arn: str
    endpoint: str
    protocol: str = LAMBDA
    kind: str = PluginKind.FUNCTION
    owner: str = ""
    filter_policy: Mapping[str, Any] = field(default_factory=dict)
    filter_policy_scope: str = MESSAGE_ATTRIBUTES
    filter_keys_since: datetime | None = None
    named_since: datetime | None = None
    mandatory: bool = True
    order: int = DEFAULT_ORDER
    always_run: bool = False
    timeout_seconds: int | None = None
    start_within_seconds: int | None = None
    reports_start: bool = True
    sender_role_ids: tuple[str, ...] = ()
    description: str | None = None
    revision: str | None = None
    problem: str | None = None
    seen_at: datetime | None = None

    @property
    def key(self) -> str:
        """The stage's name in the registry."""
        return f"{self.activity}/{self.stage}"

    @property
    def managed(self) -> bool:
        """Whether a construct registered it: then its props are the registration."""
        return bool(self.owner)

    @property
    def stack(self) -> str:
        """The name of the stack that owns it; empty if no construct registered it."""
        parts = self.owner.split("/")  # arn:aws:cloudformation:…:stack/name/id
        return (parts[1] if len(parts) > 1 else "") or self.owner

    @property
    def function(self) -> str:
        """What is subscribed: a function without its version or alias."""
        return unqualified(self.endpoint) if self.protocol == LAMBDA else self.endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSettings:
    """The settings of a stage, for plugins that have none of their own.

    Attributes:
        timeout_seconds: A plugin's deadline.
        start_within_seconds: The deadline of its start, if it reports one.
        fail_on_optional_error: Whether an optional plugin's error fails the stage, too.
        max_output_bytes: The size of one plugin's output as JSON, at most.
    """

    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    start_within_seconds: int = DEFAULT_START_WITHIN_SECONDS
    fail_on_optional_error: bool = False
    max_output_bytes: int = MAX_OUTPUT_BYTES


@dataclass(frozen=True, slots=True)
class StageRegistrations:
    """A stage as the registry holds it.

    Attributes:
        settings: The stage's settings.
        registrations: Every registration to the stage.
    """

    settings: StageSettings
    registrations: Sequence[Registration] = ()


def unqualified(function_arn: str) -> str:
    """A function's ARN without the version or alias that may follow it."""
    return ":".join(function_arn.split(":")[:_PARTS_OF_A_FUNCTION_ARN])
