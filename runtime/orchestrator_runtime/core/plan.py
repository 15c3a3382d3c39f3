"""Who is expected at a stage, and what becomes of what earlier attempts left there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator_runtime.contract import ReleaseRule, State
from orchestrator_runtime.core.attributes import filter_keys, message_attributes
from orchestrator_runtime.core.records import ExpectedPlugin, PluginRow, RunRef, StagePlan
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.filter_policy import matches


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOptions:
    """What a stage's state machine says of it, for plugins that say nothing themselves.

    Attributes:
        rule: How the stage releases its plugins.
        timeout_seconds: A plugin's deadline.
        start_within_seconds: The deadline for its start, where it reports one.
        fail_on_optional_error: Whether an optional plugin's error fails the stage, too.
    """

    rule: ReleaseRule
    timeout_seconds: int
    start_within_seconds: int
    fail_on_optional_error: bool = False


def keys_to_send(registrations: Iterable[Registration]) -> list[str]:
    """Name the metadata keys that the stage's filters select by, so that they travel as attributes."""
    policies = [r.filter_policy for r in registrations if r.filter_policy_scope == "MessageAttributes"]
    return filter_keys(policies)


def expected_registrations(
    registrations: Sequence[Registration], ref: RunRef, metadata: Mapping[str, Any], body: Mapping[str, Any]
) -> list[Registration]:
    """Pick the registrations whose filter lets the stage's message through.

    Each is asked about a message that releases just its own name, as its turn on a
    stage that releases one at a time will be.

    Args:
        registrations: All that is registered to the stage.
        ref: The run.
        metadata: The run's metadata.
        body: The message's body as it will be published, but for the names.
    """
    keys = keys_to_send(registrations)

    def is_called(registration: Registration) -> bool:
        names = [registration.name]
        attributes = message_attributes(ref.workflow, names, metadata, keys)
        return matches(
            dict(registration.filter_policy),
            attributes,
            body={**body, "plugins": names},
            scope=registration.filter_policy_scope,
        )

    return [registration for registration in registrations if is_called(registration)]


def make_plan(
    expected: Sequence[Registration],
    rows: Mapping[str, PluginRow],
    options: StageOptions,
    *,
    attempt: int,
    expires_at: int,
    attribute_keys: Iterable[str] = (),
) -> StagePlan:
    """Settle what the stage waits for in this attempt.

    Release order is by ``order``, then by name. Where an owner holds a name twice for
    a moment (CloudFormation replaces by creating first), the name is expected once.

    Args:
        expected: The registrations that the run's message reaches.
        rows: What earlier attempts left, by plugin.
        options: The stage's own settings.
        attempt: The run's attempt.
        expires_at: When what is written for the stage expires.
        attribute_keys: As ``keys_to_send`` named them.
    """
    by_name = {registration.name: registration for registration in expected}
    plugins = [
        ExpectedPlugin(
            name=r.name,
            mandatory=r.mandatory,
            order=r.order,
            timeout_seconds=r.timeout_seconds or options.timeout_seconds,
            start_within_seconds=(r.start_within_seconds or options.start_within_seconds) if r.reports_start else None,
            sender_role_ids=r.sender_role_ids,
            kept=_kept(r, rows.get(r.name)),
        )
        for r in by_name.values()
    ]
    plugins.sort(key=lambda plugin: (plugin.order, plugin.name))
    return StagePlan(
        attempt=attempt,
        rule=options.rule,
        plugins=tuple(plugins),
        expires_at=expires_at,
        attribute_keys=tuple(attribute_keys),
        fail_on_optional_error=options.fail_on_optional_error,
    )


def _kept(registration: Registration, row: PluginRow | None) -> State | None:
    if row is None or registration.always_run or not row.state.is_done:
        return None
    if row.state is State.DO_NOT_RUN and not row.expected:
        # The core said so, of a plugin that it did not expect then; the plugin never did.
        return None
    return row.state


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What earlier attempts left at a stage, by what has to become of it.

    Attributes:
        keep: Finished, and not done again.
        reset: To be done again.
        drop: Not expected any more, and not finished.
    """

    keep: tuple[PluginRow, ...]
    reset: tuple[PluginRow, ...]
    drop: tuple[PluginRow, ...]


def sort_leftovers(plan: StagePlan, rows: Mapping[str, PluginRow]) -> Leftovers:
    """Sort the rows of earlier attempts; rows that are of the plan's attempt are left alone."""
    expected = {plugin.name: plugin for plugin in plan.plugins}
    keep: list[PluginRow] = []
    reset: list[PluginRow] = []
    drop: list[PluginRow] = []
    for name, row in sorted(rows.items()):
        if row.attempt >= plan.attempt:
            continue
        plugin = expected.get(name)
        if plugin is None:
            (keep if row.state.is_done else drop).append(row)
        else:
            (reset if plugin.kept is None else keep).append(row)
    return Leftovers(keep=tuple(keep), reset=tuple(reset), drop=tuple(drop))
