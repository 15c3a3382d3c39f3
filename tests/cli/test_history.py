from __future__ import annotations

import json
from datetime import timedelta

from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.history import HistoryEntry, HistoryKind
from tests.cli.fakes import IN_CLAIMS, NOW, OPERATOR, FakeGateway, invoke

MACHINE = "arn:aws:states:eu-west-1:123456789012:execution:claims-dev-workflow-NewBusiness"
DONE = [
    HistoryEntry(at=NOW, attempt=1, what=HistoryKind.STARTED, by=OPERATOR, execution=f"{MACHINE}:Q-1-a"),
    HistoryEntry(
        at=NOW + timedelta(seconds=4),
        attempt=1,
        what=HistoryKind.SKIPPED,
        by="Fleet",
        detail="one car\nis no fleet",
        activity="Rate",
        stage=Stage.PARALLEL,
        plugin="Fleet",
    ),
    HistoryEntry(
        at=NOW + timedelta(seconds=9),
        attempt=1,
        what=HistoryKind.CANCELLED,
        by="bob",
        detail="sold twice",
        execution=f"{MACHINE}:Q-1-a",
    ),
    HistoryEntry(
        at=NOW + timedelta(days=1),
        attempt=2,
        what=HistoryKind.RESUMED,
        metadata_replaced=True,
        execution=f"{MACHINE}:Q-1-b",
    ),
]


def test_history_is_a_table_of_who_did_what_when() -> None:
    result = invoke(FakeGateway(done=DONE), "history", "NewBusiness", "Q-1", *IN_CLAIMS)
    assert (result.exit_code, result.stderr) == (0, "")
    assert [line.rstrip() for line in result.stdout.splitlines()] == [
        "When (UTC)           Attempt  What       Who and why",
        f"2026-11-24 12:00:00        1  started    by {OPERATOR} · execution Q-1-a",
        "2026-11-24 12:00:04        1  skipped    Rate/parallel/Fleet · by Fleet · one car is no fleet",
        "2026-11-24 12:00:09        1  cancelled  by bob · sold twice",
        "2026-11-25 12:00:00        2  resumed    with other metadata · execution Q-1-b",
    ]


def test_history_as_json_has_every_key_of_every_entry() -> None:
    result = invoke(FakeGateway(done=DONE), "history", "NewBusiness", "Q-1", "--json", *IN_CLAIMS)
    document = json.loads(result.stdout)
    assert (document["uid"], document["workflow"]) == ("Q-1", "NewBusiness")
    assert [entry["what"] for entry in document["entries"]] == ["started", "skipped", "cancelled", "resumed"]
    assert document["entries"][1] == {
        "at": "2026-11-24T12:00:04.000Z",
        "attempt": 1,
        "what": "skipped",
        "by": "Fleet",
        "detail": "one car\nis no fleet",
        "execution": None,
        "metadata_replaced": False,
        "activity": "Rate",
        "stage": "parallel",
        "plugin": "Fleet",
    }
    assert result.stderr == ""


def test_a_run_that_is_not_there_is_named() -> None:
    result = invoke(FakeGateway(), "history", "NewBusiness", "Q-9", *IN_CLAIMS)
    assert result.exit_code == 1
    assert result.stderr == "orchestrator: no run 'Q-9' of NewBusiness in claims-dev: never started, or expired\n"


def test_a_core_a_name_or_a_uid_that_cannot_be_is_a_usage_error() -> None:
    for gateway, workflow, uid, told in [
        (FakeGateway(parameters={}), "NewBusiness", "Q-1", "no core of system 'claims', stage 'dev'"),
        (FakeGateway(), "a/b", "Q-1", "the workflow name 'a/b' is not allowed"),
        (FakeGateway(), "NewBusiness", "", "uid must be a non-empty string"),
    ]:
        result = invoke(gateway, "history", workflow, uid, *IN_CLAIMS)
        assert result.exit_code == 2
        assert told in result.stderr
