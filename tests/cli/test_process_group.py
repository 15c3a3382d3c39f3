"""Processes that an earlier command started: found again, ended, and never taken for others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator_cli.local.process_group import ProcessGroup

SLEEP = "import time; print('there', flush=True); time.sleep(600)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
LEADER = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[2], sys.argv[1]])"
"""Starts a process, and ends before it."""


@contextmanager
def running(code: str, *more: str) -> Iterator[tuple[ProcessGroup, subprocess.Popen[str]]]:
    """A process that leads a group, and has a marker in its command line."""
    marker = uuid.uuid4().hex
    command = [sys.executable, "-c", code, marker, *more]
    with subprocess.Popen(command, start_new_session=True, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "there\n"
        try:
            yield ProcessGroup(process.pid, marker), process
        finally:
            for pid in ProcessGroup(process.pid, marker).members():
                os.kill(pid, signal.SIGKILL)


def test_a_group_is_ended_with_a_sentence_for_each_step() -> None:
    with running(SLEEP) as (group, process):
        assert group.members() == [process.pid]
        steps: list[str] = []
        assert group.end(steps.append)
        assert steps == ["stop 1 process, for up to 3 s"]
        assert group.members() == []


def test_what_does_not_end_when_it_is_asked_is_killed() -> None:
    with running(DEAF) as (group, _):
        steps: list[str] = []
        assert group.end(steps.append, patience=0)
        assert steps == ["stop 1 process, for up to 0 s", "kill 1 process, for up to 10 s"]
        assert group.members() == []


def test_processes_are_found_when_the_one_that_led_them_has_ended() -> None:
    with running(LEADER, SLEEP) as (group, leader):
        assert leader.wait() == 0
        [left] = group.members()
        assert left != leader.pid
        assert group.end()
        assert group.members() == []


def test_a_group_that_has_the_number_now_is_left_alone() -> None:
    with running(SLEEP) as (group, process):
        gone = ProcessGroup(group.number, "/tmp/orchestrator-local-gone")
        assert gone.members() == []
        assert not gone.end()
        assert process.poll() is None


def test_a_group_that_has_ended_is_none() -> None:
    with running(SLEEP) as (group, _):
        group.end()
        assert not group.end()
