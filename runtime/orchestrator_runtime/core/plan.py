"""Who is expected at a stage, and what becomes of what earlier attempts left there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

from orchestrator_runtime.contract import ReleaseRule, State
from orchestrator_runtime.core.attributes import filter_keys, message_attributes
from orchestrator_runtime.core.records import ExpectedPlugin, PluginRow, RunRef, StagePlan, subscription_end
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.subscription import LAMBDA
from orchestrator_runtime.filter_policy import MESSAGE_ATTRIBUTES, FilterPolicyError, matches

_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)


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
    """Name the metadata keys that the stage's filters select by, so that they travel as attributes.

    Filters that only SNS understands count as well: SNS evaluates them.
    """
    policies = [r.filter_policy for r in registrations if r.filter_policy_scope == MESSAGE_ATTRIBUTES]
    return filter_keys(policies)


def expected_registrations(
    registrations: Sequence[Registration], ref: RunRef, metadata: Mapping[str, Any], body: Mapping[str, Any]
) -> list[Registration]:
    """Pick the registrations whose filter lets the stage's message through.

    Each is asked about a message that releases just its own name, as its turn on a
    stage that releases one at a time will be. One whose filter cannot be evaluated is not
    expected: SNS may know an operator that this library does not. If it is called and
    reports, that is accepted; the other plugins of the stage must not suffer from it.

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
        try:
            return matches(
                dict(registration.filter_policy),
                attributes,
                body={**body, "plugins": names},
                scope=registration.filter_policy_scope,
            )
        except FilterPolicyError:
            return False

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

    Release order is by ``order``, then by name. A name that is registered twice is
    expected once, see ``one_of_each_name``.

    Args:
        expected: The registrations that the run's message reaches.
        rows: What earlier attempts left, by plugin.
        options: The stage's own settings.
        attempt: The run's attempt.
        expires_at: When what is written for the stage expires.
        attribute_keys: As ``keys_to_send`` named them.
    """
    held_by_name = _by_name(expected)
    plugins = [
        ExpectedPlugin(
            name=r.name,
            mandatory=r.mandatory,
            order=r.order,
            timeout_seconds=r.timeout_seconds or options.timeout_seconds,
            start_within_seconds=(r.start_within_seconds or options.start_within_seconds) if r.reports_start else None,
            sender_role_ids=r.sender_role_ids,
            subscriptions=_subscriptions(r, held_by_name[r.name]),
            kept=_kept(r, rows.get(r.name)),
        )
        for r in map(_that_counts, held_by_name.values())
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


def _subscriptions(counts: Registration, held: Iterable[Registration]) -> tuple[str, ...]:
    """Through which of a name's subscriptions Lambda is called, also while its owner replaces one by another."""
    return tuple(
        subscription_end(r.subscription_arn)
        for r in held
        if r.owner == counts.owner and r.protocol == LAMBDA
        if counts.managed or r.subscription_arn == counts.subscription_arn
    )


def one_of_each_name(registrations: Iterable[Registration]) -> list[Registration]:
    """Settle which registration counts where a name is registered twice, whatever the order of reading.

    What a construct registered goes before what was merely found. An owner may hold a name
    twice for a moment, since CloudFormation replaces by creating first: then the later one
    counts, which is what is being deployed; but SNS calls both, and so both may report. Of
    subscriptions made by other means the one with the smallest ARN counts.
    """
    return [_that_counts(held) for held in _by_name(registrations).values()]


def _by_name(registrations: Iterable[Registration]) -> dict[str, list[Registration]]:
    by_name: dict[str, list[Registration]] = {}
    for registration in registrations:
        by_name.setdefault(registration.name, []).append(registration)
    return by_name


def _that_counts(held: Sequence[Registration]) -> Registration:
    first, *others = sorted(held, key=_precedence)
    replaced = [other for other in others if first.managed and other.owner == first.owner]
    if not replaced:
        return first
    senders = [registration.sender_role_ids for registration in (first, *replaced)]
    # No ids mean that anybody may report, which no list of others can widen.
    return replace(first, sender_role_ids=tuple(dict.fromkeys(chain(*senders))) if all(senders) else ())


def _precedence(registration: Registration) -> tuple[bool, float, str]:
    age = 0.0
    if registration.managed:
        age = -(registration.seen_at or _BEFORE_ALL).timestamp()
    return not registration.managed, age, registration.subscription_arn


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
