"""Checks at synth time, so that a bad value does not become an AWS error an hour later.

Values that are tokens, known only to CloudFormation, are let through.
"""

from __future__ import annotations

import re
from typing import Final
from weakref import WeakKeyDictionary

from aws_cdk import Duration, Stack, Token
from constructs import Construct, IConstruct

from orchestrator_runtime.contract import (
    MAX_EXECUTION_DAYS,
    MAX_FUNCTION_NAME,
    MAX_QUEUE_NAME,
    MAX_STATE_MACHINE_NAME,
    Handler,
)
from orchestrator_runtime.deployment import Deployment
from orchestrator_runtime.names import COMPONENT_NAME, SYSTEM_NAME, problem_with_name

SECONDS_PER_DAY: Final = 86_400
_LONGEST_EXECUTION: Final = Duration.days(MAX_EXECUTION_DAYS)
_MILLISECONDS_PER_MINUTE: Final = 60_000

_ACCOUNT: Final = re.compile(r"[0-9]{12}")

_claims: Final[WeakKeyDictionary[IConstruct, dict[tuple[str, str], str]]] = WeakKeyDictionary()
"""For each construct tree, by environment and physical name: the path of the construct that took the name."""
_cores: Final[WeakKeyDictionary[IConstruct, dict[tuple[str, str], str]]] = WeakKeyDictionary()
"""For each construct tree, by environment and prefix of its names: the path of a core."""


def checked_deployment(system: str, stage: str) -> Deployment:
    """Name a deployment, if all that is named after it fits AWS's limits.

    Raises:
        ValueError: A name has a wrong shape, or both together are too long.
    """
    check_name("system", system, SYSTEM_NAME)
    check_name("stage", stage, SYSTEM_NAME)
    deployment = Deployment(system=system, stage=stage)
    advice = "choose a shorter system or stage name"
    for handler in Handler:
        _check_length("function", deployment.function(handler), MAX_FUNCTION_NAME, advice)
    _check_length("queue", deployment.results_queue, MAX_QUEUE_NAME, advice)
    return deployment


def check_name(kind: str, name: str, pattern: re.Pattern[str] = COMPONENT_NAME) -> None:
    """Refuse a name that would break a physical name, a path or an SSM parameter.

    Raises:
        ValueError: It has a wrong shape.
    """
    if Token.is_unresolved(name):
        return
    if problem := problem_with_name(kind, name, pattern):
        raise ValueError(problem)


def check_account(what: str, account: str) -> None:
    """Refuse what is no AWS account.

    Raises:
        ValueError: It is.
    """
    if Token.is_unresolved(account):
        return
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
        raise ValueError(f"{what} has {account!r}: use the 12 digits of an AWS account, as text")


def check_machine_name(kind: str, physical_name: str) -> None:
    """Refuse a state machine whose name is longer than Step Functions takes.

    Raises:
        ValueError: It is.
    """
    _check_length("state machine", physical_name, MAX_STATE_MACHINE_NAME, f"choose a shorter {kind}, system or stage")


def claim_name(scope: Construct, physical_name: str, what: str) -> None:
    """Refuse a second resource of the same physical name in one app and environment.

    Args:
        scope: The construct that takes the name.
        physical_name: The name that it takes.
        what: What is named, as it shall stand in the sentence: ``"activity 'Rate'"``.

    Raises:
        ValueError: Another construct of this app took the name.
    """
    taken = _claims.setdefault(scope.node.root, {})
    key = (Stack.of(scope).environment, physical_name)
    path = scope.node.path
    if (first := taken.setdefault(key, path)) != path:
        raise ValueError(
            f"{what} is defined twice, as {first!r} and as {path!r}: both would be named {physical_name!r}; "
            f"rename one, or define it once and pass the object around"
        )


def claim_prefix(scope: Construct, prefix: str) -> None:
    """Refuse a second core of a deployment, and one whose names would be covered by another's roles.

    Roles of a core name what belongs to its activities and workflows by ``{prefix}-*``.

    Args:
        scope: The core.
        prefix: How all names of its deployment start.

    Raises:
        ValueError: The app defines such a core in the same environment.
    """
    claim_name(scope, prefix, f"the core of {prefix!r}")
    cores = _cores.setdefault(scope.node.root, {})
    environment = Stack.of(scope).environment
    for (place, other), path in cores.items():
        shorter, longer = sorted((prefix, other), key=len)
        if place == environment and longer.startswith(f"{shorter}-"):
            raise ValueError(
                f"the cores {path!r} and {scope.node.path!r} are named {other!r} and {prefix!r}: roles of {shorter!r} "
                f"reach everything named {shorter + '-*'!r}, and so what belongs to {longer!r}; choose a system or "
                f"stage name that does not continue the other's"
            )
    cores[environment, prefix] = scope.node.path


def whole_seconds(what: str, duration: Duration, *, at_least: int = 1, at_most: Duration = _LONGEST_EXECUTION) -> int:
    """Turn a duration into the seconds that AWS counts.

    Args:
        what: Whose duration it is, as it shall stand in the sentence.
        duration: The duration; a token is passed on unchecked.
        at_least: The fewest seconds allowed.
        at_most: The longest allowed. Default: what an execution of a state machine may last.

    Raises:
        ValueError: It is no whole number of seconds, or out of bounds.
    """
    if duration.is_unresolved():
        return int(duration.to_seconds())
    milliseconds = duration.to_milliseconds()
    seconds = int(milliseconds // 1000)
    if milliseconds % 1000 or not at_least <= seconds <= at_most.to_seconds():
        given = f"{milliseconds:g} ms" if milliseconds % 1000 else f"{seconds} s"
        raise ValueError(
            f"{what} is {given}: use a whole number of seconds, {at_least} or more and at most "
            f"{at_most.to_human_string()}"
        )
    return seconds


def whole_minutes(what: str, duration: Duration, *, at_least: int) -> int:
    """Turn a duration into minutes, for a rule on a schedule.

    Raises:
        ValueError: It is a token, no whole number of minutes, or too short.
    """
    check_known(what, duration)
    milliseconds = duration.to_milliseconds()
    minutes = int(milliseconds // _MILLISECONDS_PER_MINUTE)
    if minutes < at_least or milliseconds % _MILLISECONDS_PER_MINUTE:
        raise ValueError(f"{what} is {duration.to_human_string()}: use a whole number of minutes, {at_least} or more")
    return minutes


def check_count(what: str, value: float, *, at_least: int = 1, at_most: int | None = None) -> None:
    """Refuse what is no whole number, or out of bounds.

    Raises:
        ValueError: It is.
    """
    if Token.is_unresolved(value):
        return
    too_much = at_most is not None and value > at_most
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least or too_much:
        bounds = f", {at_least} or more" if at_most is None else f" from {at_least} to {at_most}"
        raise ValueError(f"{what} is {value!r}: use a whole number{bounds}")


def check_known(what: str, duration: Duration) -> None:
    """Refuse a duration that decides about the template itself, and is not known before it is deployed.

    Raises:
        ValueError: It is a token.
    """
    if duration.is_unresolved():
        raise ValueError(f"{what} is a token: use a duration that is known when the app is synthesized")


def whole_days(what: str, duration: Duration) -> int:
    """Turn a duration into days, for what DynamoDB counts in days anyway.

    Raises:
        ValueError: It is a token, no whole number of days, or none.
    """
    check_known(what, duration)
    milliseconds = duration.to_milliseconds()
    days = int(milliseconds // (SECONDS_PER_DAY * 1000))
    if days < 1 or milliseconds % (SECONDS_PER_DAY * 1000):
        raise ValueError(f"{what} is {duration.to_human_string()}: use a whole number of days, 1 or more")
    return days


def _check_length(kind: str, name: str, limit: int, advice: str) -> None:
    if not Token.is_unresolved(name) and len(name) > limit:
        raise ValueError(f"the {kind} name {name!r} has {len(name)} characters, AWS takes {limit}: {advice}")
