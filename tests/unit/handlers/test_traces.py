"""One trace for a run: what each function of the core tells X-Ray, and what it hands on to whom it calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from orchestrator_runtime.contract import OFF, Env, Stage
from orchestrator_runtime.core.begin import RunRefusedError
from orchestrator_runtime.handlers import begin_run, end_run, open_activity, record_result
from tests.unit.handlers.conftest import Core
from tests.unit.handlers.events import batch, begin, end, opening, report
from tests.unit.samples import a_registration
from tests.unit.xray_daemon import CALLER, PARENT, ROOT, RUN_ROOT, Daemon, header, listening

RUN = {"uid": "q-1", "workflow": "NewBusiness", "attempt": 1}
ACTIVITY = {**RUN, "activity": "Rate"}


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    with listening() as daemon:
        for name, value in daemon.environment(header(RUN_ROOT, PARENT)).items():
            monkeypatch.setenv(name, value)
        # boto3 hands a trace on within Lambda only.
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "claims-dev")
        yield daemon


@pytest.fixture
def handed_on(core: Core, session: boto3.Session) -> Iterator[list[str]]:
    """The trace headers of the messages that are published."""
    seen: list[str] = []

    def look(request: Any, **_: Any) -> None:
        seen.append(request.headers["X-Amzn-Trace-Id"].decode())

    session.events.register_first("before-send.sns.Publish", look)
    yield seen
    session.events.unregister("before-send.sns.Publish", look)


def queued(*bodies: object, sent_in: str) -> dict[str, Any]:
    event = batch(*bodies)
    for record in event["Records"]:
        record["attributes"]["AWSTraceHeader"] = sent_in
    return event


def test_a_run_is_one_trace_from_its_begin_to_its_end(core: Core, daemon: Daemon, handed_on: list[str]) -> None:
    core.deploy(a_registration("First", stage=Stage.PRE), a_registration("Second", stage=Stage.POST))
    begin_run.lambda_handler(begin({"uid": "q-1"}), None)
    open_activity.lambda_handler(opening(), None)
    began, opened = daemon.taken()
    assert handed_on == [header(RUN_ROOT, opened["id"])]
    # The queue's reader is invoked in another trace than the run's.
    with pytest.MonkeyPatch.context() as invocation:
        invocation.setenv("_X_AMZN_TRACE_ID", header(ROOT, PARENT))
        record_result.lambda_handler(queued(report("First", stage="pre"), sent_in=header(RUN_ROOT, CALLER)), None)
    [recorded] = daemon.taken()
    assert handed_on[1:] == [header(RUN_ROOT, recorded["id"])]
    end_run.lambda_handler(end(), None)
    [ended] = daemon.taken()
    documents = [began, opened, recorded, ended]
    assert [document["name"] for document in documents] == ["begin-run", "open-activity", "record-result", "end-run"]
    assert {document["trace_id"] for document in documents} == {RUN_ROOT}
    assert [document["parent_id"] for document in documents] == [PARENT, PARENT, CALLER, PARENT]
    assert [document["annotations"] for document in documents] == [
        RUN,
        ACTIVITY,
        {**ACTIVITY, "stage": "pre"},
        {"uid": "q-1", "workflow": "NewBusiness"},
    ]
    assert not any("fault" in document for document in documents)


def test_reports_of_one_batch_are_recorded_each_in_the_trace_of_its_run(core: Core, daemon: Daemon) -> None:
    core.deploy(a_registration())
    others = {"q-1": RUN_ROOT, "q-2": ROOT}
    event: dict[str, Any] = {"Records": []}
    for number, (uid, root) in enumerate(others.items()):
        begin_run.lambda_handler(begin({"uid": uid}, f"arn:execution:{uid}"), None)
        open_activity.lambda_handler(opening(uid=uid), None)
        [record] = queued(report(uid=uid), sent_in=header(root, CALLER))["Records"]
        event["Records"].append(record | {"messageId": f"m-{number}"})
    daemon.taken()
    assert record_result.lambda_handler(event, None) == {"batchItemFailures": []}
    assert {document["annotations"]["uid"]: document["trace_id"] for document in daemon.taken()} == others


def test_a_run_that_failed_and_one_that_was_refused_are_faults(core: Core, daemon: Daemon) -> None:
    begin_run.lambda_handler(begin({"uid": "q-1"}), None)
    with pytest.raises(RunRefusedError):
        begin_run.lambda_handler(begin({"uid": "q-1", "metadata": {"other": "hush"}}, "arn:execution:2"), None)
    end_run.lambda_handler(end(error={"Error": "PluginFailed", "Cause": "hush"}), None)
    documents = daemon.taken()
    assert [(document["name"], document.get("fault")) for document in documents] == [
        ("begin-run", None),
        ("begin-run", True),
        ("end-run", True),
    ]
    assert "hush" not in str(documents)


@pytest.mark.parametrize(
    "turn_off",
    [
        lambda env: env.setenv(Env.TRACING, OFF),
        lambda env: env.setenv("_X_AMZN_TRACE_ID", header(sampled=False)),
        lambda env: env.delenv("_X_AMZN_TRACE_ID"),
        lambda env: env.delenv("AWS_XRAY_DAEMON_ADDRESS"),
    ],
)
def test_a_run_that_is_not_traced_tells_x_ray_nothing(
    core: Core, daemon: Daemon, monkeypatch: pytest.MonkeyPatch, turn_off: Callable[[pytest.MonkeyPatch], None]
) -> None:
    turn_off(monkeypatch)
    core.deploy(a_registration())
    begin_run.lambda_handler(begin({"uid": "q-1"}), None)
    open_activity.lambda_handler(opening(), None)
    record_result.lambda_handler(batch(report()), None)
    end_run.lambda_handler(end(), None)
    assert core.document()["state"] == "Complete"
    assert daemon.taken() == []
