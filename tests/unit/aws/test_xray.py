"""What X-Ray's daemon is told, over a real socket, and what it is not."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator

import pytest

from orchestrator_runtime.aws.xray import TraceContext, XRayTracer, tracer_of
from orchestrator_runtime.contract import OFF, Env
from orchestrator_runtime.trace_ports import UNTRACED
from tests.unit.xray_daemon import CALLER, PARENT, ROOT, RUN_ROOT, Daemon, header, listening

ABOUT: dict[str, str | int] = {"uid": "q-1", "workflow": "NewBusiness", "attempt": 1}
TRACE_HEADER = "_X_AMZN_TRACE_ID"


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with listening() as daemon:
        yield daemon


def seconds() -> Iterator[float]:
    return itertools.count(1_793_000_000.25, 0.5)


def test_a_piece_of_work_is_a_subsegment_of_its_invocation(daemon: Daemon) -> None:
    times = seconds()
    tracer = XRayTracer(daemon.environment(header()), clock=lambda: next(times))
    with tracer.span("begin-run", ABOUT) as span:
        assert daemon.taken() == []
        span.annotate(attempt=2)
    [document] = daemon.taken()
    own_id = document.pop("id")
    assert TraceContext.read(f"Root={ROOT};Parent={own_id}") is not None
    assert document == {
        "name": "begin-run",
        "type": "subsegment",
        "trace_id": ROOT,
        "parent_id": PARENT,
        "start_time": 1_793_000_000.25,
        "end_time": 1_793_000_000.75,
        "annotations": {"uid": "q-1", "workflow": "NewBusiness", "attempt": 2},
    }


def test_what_is_called_meanwhile_belongs_to_the_piece_of_work(daemon: Daemon) -> None:
    environ = daemon.environment(header(lineage="1:aa:0"))
    with XRayTracer(environ).span("advance-stage", ABOUT):
        sent = TraceContext.read(environ[TRACE_HEADER])
    assert sent is not None
    assert (sent.root, sent.sampled, sent.lineage) == (ROOT, True, "1:aa:0")
    assert sent.parent == daemon.taken()[0]["id"] != PARENT
    assert environ[TRACE_HEADER] == header(lineage="1:aa:0")


def test_pieces_of_work_within_one_another_hang_together(daemon: Daemon) -> None:
    tracer = XRayTracer(daemon.environment(header()))
    with tracer.span("outer", {}), tracer.span("inner", {}):
        pass
    inner, outer = daemon.taken()
    assert (inner["parent_id"], outer["parent_id"]) == (outer["id"], PARENT)


def test_a_message_goes_on_in_the_trace_that_it_was_sent_in(daemon: Daemon) -> None:
    environ = daemon.environment(header(lineage="1:aa:0"))
    with XRayTracer(environ).span("record-result", ABOUT, continues=header(RUN_ROOT, CALLER, lineage="1:bb:0")):
        sent = TraceContext.read(environ[TRACE_HEADER])
    [document] = daemon.taken()
    assert (document["trace_id"], document["parent_id"]) == (RUN_ROOT, CALLER)
    # Nothing there has it as its own: it is a segment.
    assert "type" not in document
    # Lambda notices loops by how this invocation came about, which is this function's to say.
    assert sent == TraceContext(RUN_ROOT, document["id"], sampled=True, lineage="1:aa:0")
    assert environ[TRACE_HEADER] == header(lineage="1:aa:0")


def test_a_message_goes_on_though_the_invocation_is_not_recorded(daemon: Daemon) -> None:
    for environ in (daemon.environment(header(sampled=False)), daemon.environment()):
        before = dict(environ)
        with XRayTracer(environ).span("record-result", ABOUT, continues=header(RUN_ROOT, CALLER)):
            assert RUN_ROOT in environ[TRACE_HEADER]
        assert environ == before
    assert [document["trace_id"] for document in daemon.taken()] == [RUN_ROOT, RUN_ROOT]


def test_a_run_that_is_not_recorded_stays_so_where_its_invocation_is(daemon: Daemon) -> None:
    environ = daemon.environment(header())
    not_recorded = header(RUN_ROOT, CALLER, sampled=False)
    with XRayTracer(environ).span("record-result", ABOUT, continues=not_recorded):
        assert environ[TRACE_HEADER] == not_recorded
    assert daemon.taken() == []
    assert environ[TRACE_HEADER] == header()


@pytest.mark.parametrize("nothing", [None, "", "Sampled=1", f"Root={ROOT}", f"Parent={PARENT}", "Root=1-2-3;Parent=4"])
def test_without_a_trace_nothing_is_sent(daemon: Daemon, nothing: str | None) -> None:
    environ = daemon.environment(nothing)
    before = dict(environ)
    with XRayTracer(environ).span("begin-run", ABOUT, continues=nothing) as span:
        span.annotate(attempt=1)
        span.failed()
        assert environ == before
    assert daemon.taken() == []


def test_an_invocation_that_is_not_recorded_is_left_alone(daemon: Daemon) -> None:
    environ = daemon.environment(header(sampled=False, lineage="1:aa:0"))
    before = dict(environ)
    with XRayTracer(environ).span("begin-run", ABOUT):
        assert environ == before
    assert daemon.taken() == []


def test_a_header_that_is_none_leaves_the_invocation_s_own(daemon: Daemon) -> None:
    with XRayTracer(daemon.environment(header())).span("record-result", ABOUT, continues="Root=\r\nX-Evil: 1;Parent=2"):
        pass
    [document] = daemon.taken()
    assert (document["trace_id"], document["type"]) == (ROOT, "subsegment")


def test_what_fails_is_shown_as_a_fault_without_its_text(daemon: Daemon) -> None:
    environ = daemon.environment(header())
    tracer = XRayTracer(environ)
    with tracer.span("told", {}) as span:
        span.failed()
    with pytest.raises(KeyError, match="secret"), tracer.span("raised", {}):
        raise KeyError("secret")
    documents = daemon.taken()
    assert [(document["name"], document["fault"]) for document in documents] == [("told", True), ("raised", True)]
    assert "secret" not in str(documents)
    assert environ[TRACE_HEADER] == header()


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What is logged, at all levels."""
    lines: list[str] = []
    logger = logging.getLogger("orchestrator_runtime.aws.xray")
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(f"{record.levelname} {record.getMessage()}")  # type: ignore[method-assign]
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.DEBUG)
    yield lines
    logger.setLevel(before)
    logger.removeHandler(handler)


@pytest.mark.parametrize("address", ["", "here", "127.0.0.1:", "127.0.0.1:many", "127.0.0.1:99999"])
def test_who_cannot_send_goes_on_with_the_work(address: str, said: list[str]) -> None:
    done = []
    with XRayTracer({TRACE_HEADER: header(), "AWS_XRAY_DAEMON_ADDRESS": address}).span("begin-run", ABOUT):
        done.append(True)
    assert done
    assert [line.split(":")[0] for line in said] == ["DEBUG the trace was not sent"]


def test_nobody_who_listens_is_nobody_s_trouble(said: list[str]) -> None:
    with listening() as gone:
        pass
    with XRayTracer(gone.environment(header())).span("begin-run", ABOUT):
        pass
    assert said == []


def test_a_document_too_large_for_a_datagram_is_left_out(daemon: Daemon, said: list[str]) -> None:
    with XRayTracer(daemon.environment(header())).span("begin-run", {"uid": "x" * 70_000}):
        pass
    assert daemon.taken() == []
    assert [line.split(":")[0] for line in said] == ["DEBUG the trace was not sent"]


def test_a_function_traces_where_lambda_runs_a_daemon_and_nobody_turned_it_off(daemon: Daemon) -> None:
    on = daemon.environment()
    assert isinstance(tracer_of(on), XRayTracer)
    assert tracer_of({}) is UNTRACED
    assert tracer_of(on | {Env.TRACING.value: OFF}) is UNTRACED
