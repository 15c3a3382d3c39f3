"""Plugins of the decorator take part in the trace of their run by themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from orchestrator_runtime import PluginHandler, PluginRun, Retryable, Skip, plugin
from orchestrator_runtime.aws.xray import TraceContext, XRayTracer
from orchestrator_runtime.models import Report
from orchestrator_runtime.plugin_info import PluginInfo
from orchestrator_runtime.testing import CollectedReports, sns_event, sqs_event
from tests.unit.authoring.plugin_calls import RUN_KEYS, AtOnce, Broken, message
from tests.unit.xray_daemon import CALLER, PARENT, ROOT, RUN_ROOT, Daemon, header, listening

ENDINGS = {"skip": Skip("secret"), "fail": ValueError("secret"), "again": Retryable("secret")}


@plugin(name="Score")
def handler(run: PluginRun) -> str:
    if error := ENDINGS.get(run.uid):
        raise error
    return "secret"


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with listening() as daemon:
        yield daemon


class Sending:
    """A reporter that notes in which trace each report is sent."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ
        self.sent_in: list[TraceContext | None] = []

    def send(self, queue_url: str, report: Report) -> None:
        self.sent_in.append(TraceContext.read(self._environ["_X_AMZN_TRACE_ID"]))


def test_a_call_is_traced_and_its_reports_belong_to_it(daemon: Daemon) -> None:
    environ = daemon.environment(header())
    reporter = Sending(environ)
    handler.deliver(sns_event(message("Score")), reporter, environ, tracer=XRayTracer(environ), new_timer=AtOnce)
    [document] = daemon.taken()
    assert (document["name"], document["trace_id"], document["parent_id"]) == ("Score", ROOT, PARENT)
    assert document["annotations"] == {"plugin": "Score", **RUN_KEYS}
    assert "fault" not in document
    assert reporter.sent_in == [TraceContext(ROOT, document["id"], sampled=True)] * 2
    assert "secret" not in str(document)


def test_behind_a_queue_it_goes_on_in_the_trace_of_its_message(daemon: Daemon) -> None:
    environ = daemon.environment(header())
    event = sqs_event(message("Score", uid="a"), message("Score", uid="b"))
    first = event["Records"][0]
    first["attributes"] = first["attributes"] | {"AWSTraceHeader": header(RUN_ROOT, CALLER)}
    handler.deliver(event, CollectedReports(), environ, tracer=XRayTracer(environ))
    traces = {document["annotations"]["uid"]: document["trace_id"] for document in daemon.taken()}
    assert traces == {"a": RUN_ROOT, "b": ROOT}


@pytest.mark.parametrize(("uid", "fault"), [("q-1", None), ("skip", None), ("fail", True), ("again", True)])
def test_what_became_of_a_call_is_shown(daemon: Daemon, uid: str, fault: bool | None) -> None:
    environ = daemon.environment(header())
    event = sqs_event(message("Score", uid=uid))
    handler.deliver(event, CollectedReports(), environ, tracer=XRayTracer(environ))
    [document] = daemon.taken()
    assert document.get("fault") is fault
    assert "secret" not in str(document)


def test_a_report_that_was_not_sent_is_a_fault(daemon: Daemon) -> None:
    environ = daemon.environment(header())
    handler.deliver(sqs_event(message("Score")), Broken(after=0), environ, tracer=XRayTracer(environ))
    assert [document["fault"] for document in daemon.taken()] == [True]


def test_what_is_no_call_of_it_is_not_traced(daemon: Daemon) -> None:
    environ = daemon.environment(header())
    tracer = XRayTracer(environ)
    handler.deliver(sns_event(message("Other")), CollectedReports(), environ, tracer=tracer)
    question = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps({"initialize": True})}}]}
    assert handler.deliver(question, CollectedReports(), environ, tracer=tracer) is not None
    assert daemon.taken() == []


@pytest.mark.parametrize(("sampled", "documents"), [(True, 1), (False, 0)])
def test_in_lambda_it_does_so_by_itself(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, sampled: bool, documents: int
) -> None:
    for name, value in daemon.environment(header(sampled=sampled)).items():
        monkeypatch.setenv(name, value)
    PluginHandler(lambda _run: None, info=PluginInfo(name="Score"), reporter=CollectedReports())(
        sns_event(message("Score")), None
    )
    assert len(daemon.taken()) == documents
