"""Decides which plugins a stage expects, and what happens to what earlier attempts left there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any, Final

from orchestrator_runtime.contract import PLUGINS_ATTRIBUTE, State
from orchestrator_runtime.core.attributes import (
    MAX_METADATA_ATTRIBUTES,
    Attributes,
    core_attributes,
    filterable_attributes,
    keys_filtered_by_sns,
    sendable_attributes,
)
from orchestrator_runtime.core.records import ExpectedPlugin, PluginRow, RunRef, StagePlan, subscription_end
from orchestrator_runtime.core.registration import Registration, StageSettings
from orchestrator_runtime.core.subscription import LAMBDA
from orchestrator_runtime.filter_policy import (
    MAX_CHECKS,
    FilterPolicyError,
    TooCostlyError,
    matches,
)

SETTLES_AFTER: Final = timedelta(minutes=15)
"""How long SNS may take until a new or changed subscription receives messages.

The Amazon SNS Developer Guide ("Applying a subscription filter policy") says that additions and changes of a filter
policy take up to 15 minutes to take full effect.
"""
HOW_TO_FIT: Final = (
    f"{MAX_METADATA_ATTRIBUTES} keys travel, those of earlier subscriptions first: filter by fewer keys, use the "
    "filter policy scope MessageBody, or register the plugin with the Plugin construct, which has no such limit"
)
_CHECKS_OF_A_STAGE: Final = 5 * MAX_CHECKS
"""Comparisons that all filter policies of a stage's managed plugins may take together, in equal shares, and as many
those of its plain subscriptions: some seconds of a function."""
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Matched:
    """The registrations to a stage that a run's message matches.

    Attributes:
        expected: The plugins that the message invokes.
        attribute_keys: The metadata keys that travel as message attributes.
        unreachable: The plugins that the message cannot invoke although they match, or may match, the run's metadata:
            SNS filters them by keys that do not travel, or their filter policy takes too many comparisons.
    """

    expected: list[Registration] = field(default_factory=list)
    attribute_keys: list[str] = field(default_factory=list)
    unreachable: list[Registration] = field(default_factory=list)

    def why_unreachable(self, registration: Registration) -> str:
        """Returns the reason, and what to do, as a sentence."""
        keys = attribute_keys_needed(registration)
        missing = ", ".join(repr(key) for key in keys if key not in self.attribute_keys)
        if missing:
            return (
                f"its filter policy names metadata keys that do not travel as message attributes: {missing}; "
                f"{HOW_TO_FIT}"
            )
        return (
            "its filter policy takes too many comparisons on the metadata of this run: list fewer values in it, or "
            "keep long lists out of the metadata that it selects by"
        )


def match_registrations(
    registrations: Sequence[Registration], ref: RunRef, metadata: Mapping[str, Any], body: Mapping[str, Any]
) -> Matched:
    """Finds the plugins of a stage that a run's message invokes.

    The core evaluates the filter policies of managed plugins, by all of the metadata or the whole body. SNS evaluates
    those of plain subscriptions, by the attributes that travel; the result is predicted here. Each is matched against
    a message that invokes only this plugin, as in a sequential stage.

    A filter policy that cannot be evaluated does not match: SNS may know an operator that this library does not. If
    SNS invokes such a plugin, its reports are accepted.

    Whose a name is does not depend on the run: a namesake is not expected either where the filter policy of the
    plugin that holds the name does not match, see ``holders``.

    Args:
        registrations: All registrations of the stage.
        ref: The run.
        metadata: The run's metadata.
        body: The message's body as it will be published, but for the names of the plugins.
    """
    registrations = holders(registrations)
    # Apart, so that no number of subscriptions takes comparisons away from a construct's plugin.
    number = Counter(registration.managed for registration in registrations)
    most_checks = {managed: min(MAX_CHECKS, _CHECKS_OF_A_STAGE // number[managed]) for managed in number}
    filterable = filterable_attributes(metadata)
    keys_named = chain.from_iterable(map(attribute_keys_needed, registrations))
    sendable = sendable_attributes(metadata, dict.fromkeys(keys_named))
    attribute_keys = attribute_keys_of(registrations, present=sendable.keys())
    travelling = {key: sendable[key] for key in attribute_keys}

    def is_invoked(registration: Registration, attributes: Attributes) -> bool:
        return _matches(registration, ref.workflow, attributes, body, most_checks[registration.managed])

    matched = Matched(attribute_keys=attribute_keys)
    for each in registrations:
        try:
            if is_invoked(each, filterable if each.managed else travelling):
                matched.expected.append(each)
            elif not each.managed and is_invoked(each, sendable):
                matched.unreachable.append(each)
        except TooCostlyError:
            matched.unreachable.append(each)
    return matched


def attribute_keys_needed(registration: Registration) -> list[str]:
    """Returns the metadata keys that SNS filters a subscription by; none for a managed plugin's."""
    if registration.managed:
        return []
    return keys_filtered_by_sns(registration.filter_policy, registration.filter_policy_scope)


def attribute_keys_of(registrations: Iterable[Registration], *, present: Collection[str] | None = None) -> list[str]:
    """Returns the metadata keys that travel as message attributes: those that SNS filters by, as far as they fit.

    Subscriptions are served in the order in which they began to filter by their present keys. A subscription that is
    new, or names new keys, therefore never takes the place of another's key. The keys of a subscription travel all
    together or not at all: with only some of them SNS would evaluate the rest as absent.

    Args:
        registrations: All registrations of the stage.
        present: The keys of the run's metadata that SNS can carry; others need no place. Default: any key is.
    """
    chosen: dict[str, None] = {}
    for registration in sorted(registrations, key=_began_to_filter):
        keys = [key for key in attribute_keys_needed(registration) if present is None or key in present]
        together = {**chosen, **dict.fromkeys(keys)}
        if len(together) <= MAX_METADATA_ATTRIBUTES:
            chosen = together
    return list(chosen)


def _began_to_filter(registration: Registration) -> tuple[datetime, str]:
    return registration.filter_keys_since or _BEFORE_ALL, registration.subscription_arn


def _matches(
    registration: Registration, workflow: str, attributes: Attributes, body: Mapping[str, Any], most_checks: int
) -> bool:
    """Whether a message that invokes only this plugin meets its filter policy.

    Raises:
        TooCostlyError: That takes too many comparisons.
    """
    names = [registration.name]
    try:
        return matches(
            dict(registration.filter_policy),
            {**attributes, **core_attributes(workflow, names)},
            body={**body, PLUGINS_ATTRIBUTE: names},
            scope=registration.filter_policy_scope,
            most_checks=most_checks,
        )
    except TooCostlyError:
        raise
    except FilterPolicyError:
        return False


def make_plan(
    expected: Sequence[Registration],
    rows: Mapping[str, PluginRow],
    settings: StageSettings,
    *,
    attempt: int,
    opened_at: datetime,
    expires_at: int,
    attribute_keys: Iterable[str] = (),
) -> StagePlan:
    """Makes the plan of what the stage waits for in this attempt.

    Plugins are in order of ``order``, then of their names. A name that is registered twice is expected once, see
    ``one_of_each_name``.

    Args:
        expected: The registrations that the run's message matches.
        rows: What earlier attempts left, by plugin.
        settings: The stage's settings.
        attempt: The run's attempt.
        opened_at: The time at which the stage opens.
        expires_at: The time at which what is written for the stage expires.
        attribute_keys: The metadata keys that travel as message attributes.
    """
    held_by_name = _by_name(expected)
    plugins = [
        ExpectedPlugin(
            name=r.name,
            mandatory=r.mandatory,
            order=r.order,
            timeout_seconds=r.timeout_seconds or settings.timeout_seconds,
            start_within_seconds=(r.start_within_seconds or settings.start_within_seconds) if r.reports_start else None,
            sender_role_ids=r.sender_role_ids,
            subscriptions=_subscriptions(r, held_by_name[r.name]),
            settles_at=_settles_at(r, opened_at),
            kept=_kept(r, rows.get(r.name)),
        )
        for r in map(_that_counts, held_by_name.values())
    ]
    plugins.sort(key=lambda plugin: (plugin.order, plugin.name))
    return StagePlan(
        attempt=attempt,
        plugins=tuple(plugins),
        opened_at=opened_at,
        expires_at=expires_at,
        attribute_keys=tuple(attribute_keys),
        fail_on_optional_error=settings.fail_on_optional_error,
        max_output_bytes=settings.max_output_bytes,
    )


def _settles_at(registration: Registration, opened_at: datetime) -> datetime | None:
    """The time from which SNS is certain to deliver to the subscription, if that is still to come."""
    if registration.seen_at is None:
        return None
    settles_at = registration.seen_at + SETTLES_AFTER
    return settles_at if settles_at > opened_at else None


def _subscriptions(counts: Registration, held: Iterable[Registration]) -> tuple[str, ...]:
    """The subscriptions of a name that invoke a function, also while its owner replaces one by another."""
    return tuple(
        subscription_end(r.subscription_arn)
        for r in held
        if r.owner == counts.owner and r.protocol == LAMBDA
        if counts.managed or r.subscription_arn == counts.subscription_arn
    )


def holders(registrations: Iterable[Registration]) -> list[Registration]:
    """Returns the registrations that hold the names that they have; the others are namesakes, and no plugins of a run.

    A managed plugin goes before a plain subscription. Of plain subscriptions the one that was registered under the
    name first counts, so that nobody takes over a name by subscribing later. An owner may hold a name twice for a
    moment, because CloudFormation replaces by creating first.

    Args:
        registrations: All registrations of the stage; they keep their order.
    """
    registrations = list(registrations)
    first = {name: min(held, key=_precedence) for name, held in _by_name(registrations).items()}
    return [each for each in registrations if _holds_with(first[each.name], each)]


def _holds_with(first: Registration, other: Registration) -> bool:
    """Whether a registration is the one that counts, or one of the same managed plugin."""
    if first.managed:
        return other.owner == first.owner
    return other.subscription_arn == first.subscription_arn


def one_of_each_name(registrations: Iterable[Registration]) -> list[Registration]:
    """Decides which registration counts where a name is registered twice, whatever the order of reading.

    That is one of the ``holders``. Where an owner holds a name twice, the later one counts, which is what is being
    deployed; SNS invokes both, and both may report.
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
    # Without ids, any role may report; no list of ids can widen that.
    return replace(first, sender_role_ids=tuple(dict.fromkeys(chain(*senders))) if all(senders) else ())


def _precedence(registration: Registration) -> tuple[bool, float, str]:
    if registration.managed:
        age = -(registration.seen_at or _BEFORE_ALL).timestamp()
    else:
        age = (registration.named_since or _BEFORE_ALL).timestamp()
    return not registration.managed, age, registration.subscription_arn


def _kept(registration: Registration, row: PluginRow | None) -> State | None:
    if row is None or registration.always_run or not row.state.is_done:
        return None
    if row.state is State.DO_NOT_RUN and not row.expected:
        # The core wrote that of a plugin that it did not expect; the plugin has reported nothing.
        return None
    return row.state


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """The rows that earlier attempts left at a stage, by what happens to them.

    Attributes:
        keep: Finished, and not done again.
        forget: Finished, and not expected any more: the row stays, its output is not carried on.
        reset: To be done again.
        drop: Not expected any more, and not finished.
    """

    keep: tuple[PluginRow, ...]
    forget: tuple[PluginRow, ...]
    reset: tuple[PluginRow, ...]
    drop: tuple[PluginRow, ...]


def sort_leftovers(plan: StagePlan, rows: Mapping[str, PluginRow]) -> Leftovers:
    """Sort the rows of earlier attempts; rows that are of the plan's attempt are left alone."""
    expected = {plugin.name: plugin for plugin in plan.plugins}
    keep: list[PluginRow] = []
    forget: list[PluginRow] = []
    reset: list[PluginRow] = []
    drop: list[PluginRow] = []
    for name, row in sorted(rows.items()):
        if row.attempt >= plan.attempt:
            continue
        plugin = expected.get(name)
        if plugin is None:
            (forget if row.state.is_done else drop).append(row)
        else:
            (reset if plugin.kept is None else keep).append(row)
    return Leftovers(keep=tuple(keep), forget=tuple(forget), reset=tuple(reset), drop=tuple(drop))
