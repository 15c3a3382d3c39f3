"""Traces for X-Ray, by the protocol that AWS documents for it: one JSON document for each piece of work, over UDP.

Lambda runs X-Ray's daemon beside each function that is traced, and hands over the trace that an invocation belongs to
in a header. ``docs/decisions/0013-traces.md`` says why no library does this.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from orchestrator_runtime.contract import OFF, Env
from orchestrator_runtime.trace_ports import UNTRACED, Span, Tracer

TRACE_HEADER: Final = "_X_AMZN_TRACE_ID"
"""Where Lambda puts the header for each invocation. boto3 sends what stands here with each of its requests."""
DAEMON_ADDRESS: Final = "AWS_XRAY_DAEMON_ADDRESS"

_DATAGRAM_STARTS: Final = b'{"format": "json", "version": 1}\n'
_ROOT: Final = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")
_ID: Final = re.compile(r"[0-9a-f]{16}")

_logger: Final = logging.getLogger(__name__)


def tracer_of(environ: MutableMapping[str, str]) -> Tracer:
    """The tracer for a function: X-Ray's, unless the environment has no daemon, or turns traces off."""
    if environ.get(Env.TRACING) == OFF or not environ.get(DAEMON_ADDRESS):
        return UNTRACED
    return XRayTracer(environ)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """What a trace header says.

    Attributes:
        root: The trace.
        parent: The segment or subsegment that the work belongs to.
        sampled: Whether the trace is recorded.
        lineage: By what Lambda notices loops, if it is there.
    """

    root: str
    parent: str
    sampled: bool
    lineage: str | None = None

    @classmethod
    def read(cls, header: str | None) -> TraceContext | None:
        """Read a header; ``None`` if there is none, or one that names no trace or no parent."""
        fields = dict(part.strip().partition("=")[::2] for part in (header or "").split(";"))
        root, parent = fields.get("Root", ""), fields.get("Parent", "")
        if not _ROOT.fullmatch(root) or not _ID.fullmatch(parent):
            return None
        return cls(root, parent, sampled=fields.get("Sampled") == "1", lineage=fields.get("Lineage"))

    def __str__(self) -> str:
        header = f"Root={self.root};Parent={self.parent};Sampled={int(self.sampled)}"
        return f"{header};Lineage={self.lineage}" if self.lineage else header


@dataclass(slots=True)
class _Recorded:
    """Implements ``trace_ports.Span``."""

    annotations: dict[str, str | int]
    fault: bool = False

    def annotate(self, **about: str | int) -> None:
        self.annotations.update(about)

    def failed(self) -> None:
        self.fault = True


class XRayTracer:
    """Implements ``trace_ports.Tracer``.

    A piece of work is a subsegment of the invocation that does it, or, where it continues the trace of a message, a
    segment of that trace: a function that reads a queue is invoked in a trace of its own. Whether a run is recorded was
    decided where its trace began; that holds here, too.

    Args:
        environ: The environment of the process. While a piece of work is done, it holds that as the parent of all
            that is called.
        clock: Tells the time in seconds since 1970.
    """

    def __init__(self, environ: MutableMapping[str, str], clock: Callable[[], float] = time.time) -> None:
        self._environ = environ
        self._clock = clock

    @contextmanager
    def span(self, name: str, about: Mapping[str, str | int], *, continues: str | None = None) -> Iterator[Span]:
        """See ``trace_ports.Tracer``."""
        invocation, message = TraceContext.read(self._environ.get(TRACE_HEADER)), TraceContext.read(continues)
        context = message or invocation
        if context is None or (message is None and not context.sampled):
            yield UNTRACED
            return
        recorded, own_id, began = _Recorded({**about}), secrets.token_hex(8), self._clock()
        before = self._environ.get(TRACE_HEADER)
        self._environ[TRACE_HEADER] = str(
            TraceContext(
                context.root,
                own_id if context.sampled else context.parent,
                context.sampled,
                # Lambda's own account of how this invocation came about.
                invocation.lineage if invocation else None,
            )
        )
        try:
            yield recorded
        except BaseException:
            recorded.failed()
            raise
        finally:
            if before is None:
                del self._environ[TRACE_HEADER]
            else:
                self._environ[TRACE_HEADER] = before
            if context.sampled:
                self._send(
                    {
                        "name": name,
                        "id": own_id,
                        "trace_id": context.root,
                        "parent_id": context.parent,
                        "start_time": began,
                        "end_time": self._clock(),
                        "annotations": recorded.annotations,
                        **({} if message else {"type": "subsegment"}),
                        **({"fault": True} if recorded.fault else {}),
                    }
                )

    def _send(self, document: Mapping[str, Any]) -> None:
        host, _, port = self._environ.get(DAEMON_ADDRESS, "").rpartition(":")
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
                daemon.setblocking(False)
                daemon.sendto(_DATAGRAM_STARTS + json.dumps(document).encode(), (host, int(port)))
        except (OSError, ValueError, OverflowError) as error:
            _logger.debug("the trace was not sent: %r", error)
