"""Items outlive the version that wrote them: those that were kept are read, and runs go on from them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator_runtime.contract import Ending, Stage, State
from orchestrator_runtime.core.overdue import Announcement
from orchestrator_runtime.core.records import (
    ActiveRun,
    ActivityControl,
    Dispatch,
    ExpectedPlugin,
    Outcome,
    PluginRow,
    Run,
    RunRef,
    StagePlan,
    StageRow,
)
from orchestrator_runtime.core.registration import Registration, StageSettings
from orchestrator_runtime.core.registration_request import RegistrationRefusedError
from orchestrator_runtime.custom_resources import RegistrationProperty as P
from tests.rules.memory_ports import Signal
from tests.unit.moto_tables import STATUS, Clock
from tests.unit.stored_items import kept
from tests.unit.stored_items.story import OTHER_METADATA, Deployment, subscription_arn

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT = [(version, moment) for version in kept.versions() for moment in kept.moments(version)]
NEWEST = kept.versions()[-1]


def restored(client: DynamoDBClient, version: str, moment: str) -> Deployment:
    """A deployment whose tables hold what a version stored, a second later."""
    document = kept.read(version, moment)
    kept.fill(client, document["tables"])
    return Deployment(client, Clock(datetime.fromisoformat(document["now"])), entries=100)


# Reading


@pytest.mark.parametrize(("version", "moment"), KEPT)
def test_what_a_version_stored_is_read_as_what_it_was(dynamodb: DynamoDBClient, version: str, moment: str) -> None:
    it = restored(dynamodb, version, moment)
    assert kept.difference(kept.records(it), kept.read(version, moment)["records"]) == []


# Going on


@pytest.fixture(params=kept.versions())
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def finish(it: Deployment, ref: RunRef, execution: str, *activities: str) -> None:
    """Complete activities, and end the run."""
    for name in activities:
        it.complete(ref, name)
        control = it.control.get(ref.activity(name))
        assert control is None or control.outcome == Outcome(state=State.COMPLETE), f"{name} does not finish"
    it.end(execution)


def states(it: Deployment) -> dict[str, str]:
    """How the run stands, its activities and the plugins of its parallel stage."""
    document = it.status.run_document(uid="q-1", workflow="NewBusiness")
    assert document is not None
    activities = document["activities"]
    plugins = activities["Rate"]["stages"]["parallel"]["plugins"]
    return {part: found["state"] for part, found in {"": document, **activities, **plugins}.items()}


def test_a_run_begins_with_plugins_that_were_registered_before(dynamodb: DynamoDBClient, version: str) -> None:
    it = restored(dynamodb, version, "registered")
    ref = it.begin("one")
    assert it.complete(ref, "Validate") == [["Address"]]
    assert it.complete(ref, "Rate") == [
        ["Score", "Archive", "Audit", "Discount", "Fleet", "Garage"],
        ["Ledger"],
        ["Notify"],
    ]
    assert it.complete(ref, "CheckCredit") == [["Bureau"], ["silent"]]


def test_a_name_that_was_registered_before_stays_taken_until_its_owner_gives_it_up(
    dynamodb: DynamoDBClient, version: str
) -> None:
    it = restored(dynamodb, version, "registered")
    others: dict[str, str] = {P.SUBSCRIPTION_ARN: subscription_arn("Rate/post", "theirs")}
    theirs = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team-b/1"
    with pytest.raises(RegistrationRefusedError, match="registered to Rate/post already, by "):
        it.register("Notify", "Rate/post", stack_id=theirs, **others)
    for registration in it.registry.registrations("Rate", Stage.POST):
        assert it.registry.unregister("Rate", Stage.POST, registration.subscription_arn, owner=registration.owner), (
            registration
        )
    it.register("Notify", "Rate/post", stack_id=theirs, **others)
    assert [registration.owner for registration in it.registry.registrations("Rate", Stage.POST)] == [theirs]


def test_a_subscription_that_was_found_before_is_looked_at_again(dynamodb: DynamoDBClient, version: str) -> None:
    it = restored(dynamodb, version, "registered")
    bureau = next(r for r in it.registry.registrations("CheckCredit", Stage.PRE) if r.name == "Bureau")
    assert it.registry.of_function(bureau.function) == [bureau]
    assert it.registry.remove(bureau)
    assert it.registry.get("CheckCredit", Stage.PRE, bureau.subscription_arn) is None


def test_an_activity_that_was_open_finishes_by_the_reports_that_come_in(dynamodb: DynamoDBClient, version: str) -> None:
    it = restored(dynamodb, version, "in-progress")
    ref = RunRef("q-1", "NewBusiness", 1)
    it.report(ref, "Score", State.COMPLETE)
    it.report(ref, "Garage", State.COMPLETE)
    it.report(ref, "Latecomer", State.COMPLETE)
    assert it.publisher.dispatched == []
    it.report(ref, "Archive", State.COMPLETE)
    assert it.publisher.dispatched == [["Ledger"]]
    it.report(ref, "Ledger", State.COMPLETE, at="Rate/post")
    assert it.signals.sent == []
    it.report(ref, "Notify", State.COMPLETE, at="Rate/post")
    assert it.signals.sent == [Signal("token-1-2", alive=False)]
    it.clock.forward(30)
    assert it.complete(ref, "CheckCredit") == [["Bureau"], ["silent"]]
    it.end("one")
    assert states(it) == {
        **dict.fromkeys(["", "Validate", "Rate", "CheckCredit"], "Complete"),
        **dict.fromkeys(["Archive", "Audit", "Garage", "Latecomer", "Score"], "Complete"),
        "Discount": "Optional Task Error",
        "Fleet": "Do Not Run",
    }


def test_a_dispatch_that_was_claimed_and_not_published_is_published(dynamodb: DynamoDBClient, version: str) -> None:
    it = restored(dynamodb, version, "in-progress")
    it.clock.forward(600)
    it.check_deadlines()
    assert it.publisher.dispatched == [["Bureau"]]


def test_a_second_report_of_a_plugin_that_had_ended_changes_nothing(dynamodb: DynamoDBClient, version: str) -> None:
    it = restored(dynamodb, version, "in-progress")
    ref = RunRef("q-1", "NewBusiness", 1)
    it.report(ref, "Audit", State.ERROR, message="too late")
    assert states(it)["Audit"] == "Complete"


def test_a_plugin_that_was_at_work_is_held_to_its_deadline(dynamodb: DynamoDBClient, version: str) -> None:
    it = restored(dynamodb, version, "in-progress")
    it.clock.forward(600)
    it.check_deadlines()
    [(token, error, cause)] = [(signal.token, signal.error, signal.cause) for signal in it.signals.sent]
    assert (token, error) == ("token-1-2", "PluginFailed")
    assert "Score: did not finish within 600 s" in cause


def test_a_run_that_was_in_progress_is_ended_by_its_execution_alone(dynamodb: DynamoDBClient, version: str) -> None:
    it = restored(dynamodb, version, "in-progress")
    it.end("another")
    assert states(it)[""] == "In Progress"
    it.end("one")
    assert states(it)[""] == "Complete"


def test_a_run_that_had_failed_resumes_and_keeps_what_was_done(dynamodb: DynamoDBClient, version: str) -> None:
    it = restored(dynamodb, version, "failed")
    ref = it.begin("two")
    assert ref.attempt == 2
    assert it.complete(ref, "Validate") == []
    assert it.complete(ref, "Rate")[0] == ["Score", "Archive", "Audit", "Discount", "Garage", "Latecomer"]
    it.report(RunRef("q-1", "NewBusiness", 1), "Score", State.ERROR)
    assert it.journal.reasons == ["unknown-run"]
    finish(it, ref, "two", "CheckCredit")
    assert states(it)[""] == "Complete"
    assert states(it)["Fleet"] == "Do Not Run"


def test_an_attempt_that_was_under_way_goes_on_to_its_end(dynamodb: DynamoDBClient, version: str) -> None:
    it = restored(dynamodb, version, "resumed")
    ref = it.begin("two")
    assert ref.attempt == 2
    assert it.complete(ref, "Rate", "Archive", "Audit", "Discount", "Latecomer") == [["Ledger"], ["Notify"]]
    finish(it, ref, "two", "CheckCredit")
    assert states(it) == {
        **dict.fromkeys(["", "Validate", "Rate", "CheckCredit"], "Complete"),
        **dict.fromkeys(["Archive", "Audit", "Discount", "Latecomer", "Score"], "Complete"),
        **dict.fromkeys(["Fleet", "Garage"], "Do Not Run"),
    }


def test_a_run_that_was_cancelled_resumes(dynamodb: DynamoDBClient, version: str) -> None:
    it = restored(dynamodb, version, "cancelled")
    assert list(it.active.runs()) == []
    ref = it.begin("four", metadata=OTHER_METADATA)
    assert ref.attempt == 4
    assert [run.ref for run in it.active.runs()] == [ref]
    assert it.complete(ref, "Rate") == [["Audit"]]
    it.end("four")
    assert states(it)[""] == "Complete"
    assert list(it.active.runs()) == []


def test_a_run_that_was_complete_resumes_with_its_outputs(dynamodb: DynamoDBClient, version: str) -> None:
    it = restored(dynamodb, version, "complete")
    assert it.begin("two").attempt == 2
    ref = it.begin("three")
    assert ref.attempt == 3
    assert it.complete(ref, "Validate") == []
    assert it.complete(ref, "Rate") == [["Audit"]]
    assert json.loads(it.publisher.messages[-1].body)["outputs"] == {
        "Validate/pre/Address": {"street": "Łąkowa 1", "ratio": 0.1}
    }


def test_an_overdue_run_that_was_announced_is_not_announced_again(dynamodb: DynamoDBClient, version: str) -> None:
    it = restored(dynamodb, version, "announced")
    [announcement] = it.announcements.all()
    assert not it.announcements.add(announcement)
    assert it.announcements.remove(announcement)
    assert list(it.announcements.all()) == []


# Keeping


@pytest.fixture(scope="module")
def today() -> list[kept.Moment]:
    return kept.play()


ADVICE = (
    f"the stores write other items than those that are kept as {NEWEST} (the list shows those that differ). "
    f"Has {NEWEST} been released, keep it, and keep today's items beside it: make stored-items VERSION="
    f"v{int(NEWEST.removeprefix('v')) + 1}. If not, write it anew: make stored-items"
)


def test_the_newest_version_is_what_is_stored_today(today: list[kept.Moment]) -> None:
    assert sorted(moment.name for moment in today) == kept.moments(NEWEST), ADVICE
    for moment in today:
        before = kept.read(NEWEST, moment.name)["tables"]
        for table, items in moment.tables.items():
            assert [item for item in items if item not in before[table]] == [], f"{moment.name}, {table}: {ADVICE}"
            assert [item for item in before[table] if item not in items] == [], f"{moment.name}, {table}: {ADVICE}"


@pytest.mark.parametrize(
    "record",
    [
        Run,
        ActiveRun,
        StageRow,
        Outcome,
        PluginRow,
        StagePlan,
        ExpectedPlugin,
        ActivityControl,
        Dispatch,
        Registration,
        StageSettings,
        Announcement,
    ],
)
def test_each_attribute_of_a_record_is_stored_in_the_story(today: list[kept.Moment], record: type[Any]) -> None:
    """Else nobody would see how it is stored: whoever adds one lets the story use it."""
    seen = [part for moment in today for part in parts(moment.records) if isinstance(part, record)]
    unused = {f.name for f in fields(record) if all(getattr(part, f.name) == default_of(f) for part in seen)}
    assert unused == set()


def test_each_state_and_each_ending_is_stored_in_the_story(today: list[kept.Moment]) -> None:
    items = [item for moment in today for item in moment.tables[STATUS]]
    states, endings = ({item[name]["S"] for item in items if name in item} for name in ("state", "ending"))
    assert states == {*State} - {State.MANDATORY_COMPLETED}, "that one is shown, and never stored"
    assert endings == {*Ending}


def parts(value: Any) -> Iterator[Any]:
    """All records inside of a value."""
    if is_dataclass(value):
        yield value
        for field in fields(value):
            yield from parts(getattr(value, field.name))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from parts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from parts(inner)


def default_of(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()
