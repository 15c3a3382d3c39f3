"""A run as people see it: read in one query, however many pages that takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator_runtime.contract import Stage, State
from orchestrator_runtime.core.records import Outcome
from orchestrator_runtime.stores.status import DynamoStatusStore
from tests.unit.moto_tables import Clock
from tests.unit.samples import EXECUTION, EXPIRES_AT, NOW, a_plan, a_row, a_run, run_ref, stage_ref

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TIME = "2026-11-24T09:30:00.123Z"
NOT_STARTED: dict[str, Any] = {
    "state": "Not Started",
    "message": None,
    "started_at": None,
    "ended_at": None,
    "plugins": {},
}


def test_of_no_run_there_is_no_document(status: DynamoStatusStore) -> None:
    assert status.run_document(uid="q-1", workflow="NewBusiness") is None
    status.save_plan(stage_ref(), a_plan())
    assert status.run_document(uid="q-1", workflow="NewBusiness") is None


def test_the_document_of_a_run(status: DynamoStatusStore) -> None:
    status.create_run(a_run())
    status.save_plan(stage_ref(stage=Stage.PRE), a_plan(1, "Early"))
    status.save_plan(stage_ref(), a_plan(1, "Score", "No row"))
    closed = Outcome(state=State.ERROR, message="why")
    status.close_stage(stage_ref(stage=Stage.PRE), closed, started_at=NOW, now=NOW, expires_at=EXPIRES_AT)
    row = a_row(1, State.COMPLETE, message="ü", progress=100.0, started_at=NOW)
    status.record(stage_ref(), row, expires_at=EXPIRES_AT, output='"an output is no part of it"')
    status.record(stage_ref(), a_row(name="Stranger", expected=False, mandatory=False), expires_at=EXPIRES_AT)
    document = status.run_document(uid="q-1", workflow="NewBusiness")
    assert document is not None
    activities = document.pop("activities")
    assert document == {
        "uid": "q-1",
        "workflow": "NewBusiness",
        "state": "In Progress",
        "ending": None,
        "attempt": 1,
        "metadata": {"line": "auto", "premium": 1200.5},
        "message": None,
        "execution": EXECUTION,
        "started_at": TIME,
        "ended_at": None,
    }
    assert list(activities) == ["Validate", "Rate", "Check"]
    assert activities["Check"] == {
        "state": "Not Started",
        "stages": {"pre": NOT_STARTED, "parallel": NOT_STARTED, "post": NOT_STARTED},
    }
    stages = activities["Rate"]["stages"]
    assert list(stages) == ["pre", "parallel", "post"]
    assert (stages["pre"]["state"], stages["pre"]["message"]) == ("Error", "why")
    assert (stages["parallel"]["state"], stages["parallel"]["started_at"]) == ("In Progress", TIME)
    plugins = stages["parallel"]["plugins"]
    assert list(plugins) == ["Score", "No row", "Stranger"]
    assert plugins["Score"] == {
        "state": "Complete",
        "mandatory": True,
        "expected": True,
        "order": 90,
        "message": "ü",
        "progress": 100.0,
        "attempt": 1,
        "started_at": TIME,
        "ended_at": TIME,
    }
    assert (plugins["No row"]["state"], plugins["Stranger"]["expected"]) == ("Not Started", False)


def test_what_has_expired_is_no_part_of_it(status: DynamoStatusStore, clock: Clock) -> None:
    status.create_run(a_run(expires_at=EXPIRES_AT + 5000))
    status.save_plan(stage_ref(), a_plan())
    status.record(stage_ref(), a_row(), expires_at=EXPIRES_AT)
    clock.forward(1000)
    document = status.run_document(uid="q-1", workflow="NewBusiness")
    assert document is not None
    assert document["activities"]["Rate"]["stages"]["parallel"]["plugins"] == {}
    clock.forward(5000)
    assert status.run_document(uid="q-1", workflow="NewBusiness") is None


def test_runs_of_longer_names_are_others(status: DynamoStatusStore) -> None:
    status.create_run(a_run())
    longer = run_ref(workflow="NewBusinessRenewal")
    status.create_run(a_run(ref=longer))
    status.record(longer.stage("Rate", Stage.PRE), a_row(), expires_at=EXPIRES_AT)
    document = status.run_document(uid="q-1", workflow="NewBusiness")
    assert document is not None
    assert document["activities"]["Rate"]["stages"]["pre"]["plugins"] == {}


def test_a_run_of_more_than_one_megabyte_is_read_whole(status: DynamoStatusStore, dynamodb: DynamoDBClient) -> None:
    names = [f"P{number:02d}" for number in range(22)]
    status.create_run(a_run(metadata={"blob": "x" * 150_000}))
    status.save_plan(stage_ref(), a_plan(1, *names))
    for name in names:
        row = a_row(1, State.COMPLETE, name=name, message="m" * 50_000)
        status.record(stage_ref(), row, expires_at=EXPIRES_AT, output=f'"{name * 20_000}"', first=True)
    queries: list[Any] = []

    def note(params: Any, **_: Any) -> None:
        queries.append(params)

    dynamodb.meta.events.register("before-parameter-build.dynamodb", note)
    try:
        document = status.run_document(uid="q-1", workflow="NewBusiness")
    finally:
        dynamodb.meta.events.unregister("before-parameter-build.dynamodb", note)
    assert document is not None
    assert list(document["activities"]["Rate"]["stages"]["parallel"]["plugins"]) == names
    # One query, of two pages; outputs lie elsewhere and are not read with it.
    assert [("ExclusiveStartKey" in query) for query in queries] == [False, True]
    assert set(status.load_stage(stage_ref()).plugins) == set(names)
    assert status.outputs(run_ref()) == {f"Rate/parallel/{name}": name * 20_000 for name in names}
