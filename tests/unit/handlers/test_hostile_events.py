"""The functions as Lambda calls them, fed with hostile documents; tests/hostile feeds their flows with many more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from orchestrator_runtime.core.begin import RunRefusedError
from orchestrator_runtime.handlers import begin_run, open_activity, reconcile, record_result, register_plugin
from orchestrator_runtime.protocol.report_memory import ReportMemory
from tests.hostile.documents import (
    EXECUTION,
    TRAIL_EVENTS,
    begin_event,
    invocation_record,
    plugin_message,
    registration_request,
    report,
    run_input,
    trail_event,
)
from tests.hostile.feeding import MOST_CHARACTERS
from tests.hostile.mutations import hostile_event, hostile_text
from tests.hostile.values import MARKER, SECRET, encode
from tests.unit.cloudformation_desk import Desk
from tests.unit.handlers.conftest import Core
from tests.unit.handlers.events import batch, opening
from tests.unit.moto_tables import CONTROL, REGISTRY, STATUS
from tests.unit.samples import a_registration

SEED = 1


@pytest.fixture
def opened(core: Core) -> Core:
    core.deploy(
        a_registration(sender_role_ids=("AROASCORE",)),
        a_registration("Other", mandatory=False),
        a_registration("Good"),
    )
    for uid in ("q-1", "q-good"):
        begin_run.lambda_handler(begin_event({"uid": uid}) | {"execution": uid}, None)
        open_activity.lambda_handler(opening(uid=uid, token=SECRET), None)
    return core


@contextmanager
def nothing_told(core: Core, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Look through all that was written to the log and to standard output meanwhile."""
    yield
    taken = capsys.readouterr()
    lines = [*core.log.getvalue().splitlines(), *taken.out.splitlines(), *taken.err.splitlines()]
    core.log.truncate(core.log.seek(0))
    assert MARKER not in str(lines)
    assert max(map(len, lines), default=0) <= MOST_CHARACTERS


def tables(core: Core) -> list[Any]:
    return [core.rows(table) for table in (STATUS, CONTROL, REGISTRY)]


def test_record_result(opened: Core, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(f"{SEED}/record")
    for number in range(100):
        texts = [
            hostile_text(random, report() if random.random() < 0.6 else invocation_record(encode(plugin_message())))
            for _ in range(9)
        ]
        good = report() | {"uid": "q-good", "plugin": "Good", "state": "In Progress", "progress": number}
        texts.insert(random.randrange(10), encode(good))
        # In an environment that remembers no progress: each is recorded.
        monkeypatch.setattr(record_result, "_reports", ReportMemory())
        with nothing_told(opened, capsys):
            assert record_result.lambda_handler(batch(*texts, sender="AROASCORE:score"), None) == {
                "batchItemFailures": []
            }
        row = opened.document("q-good")["activities"]["Rate"]["stages"]["parallel"]["plugins"]["Good"]
        assert row["progress"] == number


def test_begin_run_and_open_activity(core: Core, capsys: pytest.CaptureFixture[str]) -> None:
    random = Random(f"{SEED}/begin")
    begun = 0
    for number in range(120):
        given = hostile_event(random, run_input() | {"uid": f"q-{number}"})
        before = tables(core)
        with nothing_told(core, capsys):
            try:
                event = begin_event(given) | {"execution": f"{EXECUTION}-{number}"}
                ref = begin_run.lambda_handler(event, None)
            except RunRefusedError as refusal:
                told = str(refusal)
            else:
                told = ""
                open_activity.lambda_handler({**opening(), **ref, "token": f"t-{number}"}, None)
        assert MARKER not in told
        assert not told or tables(core) == before
        begun += not told
    assert begun > 20


def test_open_activity_without_a_run(core: Core, capsys: pytest.CaptureFixture[str]) -> None:
    random = Random(f"{SEED}/open")
    refused = 0
    for _ in range(120):
        given = hostile_event(random, {"uid": "q-1", "workflow": "NewBusiness", "attempt": 1})
        reference = {
            key: given.get(key) if isinstance(given, dict) else given for key in ("uid", "workflow", "attempt")
        }
        before = tables(core)
        with nothing_told(core, capsys):
            told = ""
            try:
                open_activity.lambda_handler(opening(token=SECRET) | reference, None)
            except RunRefusedError as refusal:
                told = str(refusal)
        assert MARKER not in told
        assert not told or tables(core) == before
        refused += bool(told)
    assert refused > 50


def test_register_plugin(core: Core, cloudformation: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    random = Random(f"{SEED}/register")
    told: list[str] = []
    for _ in range(150):
        request = registration_request(random.choice(("Create", "Update", "Delete")))
        standing = request["ResourceProperties"]
        cloudformation.subscribe(standing["SubscriptionArn"], standing["Name"])
        properties = hostile_event(random, standing, marked=False)
        before = tables(core)
        event = request | {"ResponseURL": cloudformation.url, "ResourceProperties": properties}
        with nothing_told(core, capsys):
            register_plugin.lambda_handler(event, None)
        answer = cloudformation.told.pop()
        assert cloudformation.told == []
        assert len(answer.body) <= 4096
        assert "inside the orchestrator" not in answer.document["Reason"]
        told.append(answer.document["Status"])
        if told[-1] == "FAILED":
            assert tables(core) == before
    assert min(told.count("SUCCESS"), told.count("FAILED")) > 20


def test_events_that_cloudformation_did_not_send(
    core: Core, cloudformation: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever may invoke the function may send it anything."""
    random = Random(f"{SEED}/request")
    for _ in range(150):
        request = registration_request(random.choice(("Create", "Update", "Delete")))
        event = hostile_event(random, request | {"ResponseURL": cloudformation.url}, marked=False)
        before, answers = tables(core), len(cloudformation.told)
        with nothing_told(core, capsys):
            register_plugin.lambda_handler(event, None)
        # CloudFormation is answered once about what is done, and about nothing else.
        assert len(cloudformation.told) - answers in ({0, 1} if tables(core) == before else {1})
        assert all(len(answer.body) <= 4096 for answer in cloudformation.told)


def test_reconcile(core: Core, capsys: pytest.CaptureFixture[str]) -> None:
    random = Random(f"{SEED}/reconcile")
    for _ in range(120):
        event = hostile_event(random, trail_event(random.choice(TRAIL_EVENTS)))
        with nothing_told(core, capsys):
            told = ""
            try:
                reconcile.lambda_handler(event, None)
            except ValueError as error:
                # Lambda calls twice more, and then no more.
                told = str(error)
        assert MARKER not in told
    assert core.rows(REGISTRY) == []
