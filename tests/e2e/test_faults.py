"""Runs whose plugins fail, fall silent, are mended; starts that are refused; reports that nobody may make."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator_runtime.deployment import CoreOutput
from tests.e2e.conftest import APPS
from tests.e2e.system import System, eventually, plugins, states, told

pytestmark = pytest.mark.e2e

DONE = {"Check/pre/First", "Check/pre/Second", "Check/pre/Third", "Check/parallel/Works"}


@pytest.fixture(scope="module")
def silent_run(faults: System) -> Iterator[subprocess.Popen[str]]:
    """A run that waits for a plugin that never reports. The last test checks its deadline."""
    with faults.no_deadline_checks():
        yield faults.begin("Work", "silent-1", {"case": "silent"})


def test_a_second_start_of_a_run_in_progress_is_refused(faults: System, silent_run: object) -> None:
    first = eventually(lambda: faults.status("Work", "silent-1"), what="the run in progress")
    refused = faults.run("Work", "silent-1", {"case": "silent"})
    assert refused.exit_code == 1
    assert "in progress" in refused.stderr
    after = faults.status("Work", "silent-1")
    assert after is not None
    assert (after["state"], after["attempt"], after["execution"]) == ("In Progress", 1, first["execution"])


def test_order_decides_and_names_break_ties(faults: System, silent_run: object) -> None:
    run = faults.run("Work", "ordered", {"case": "none"})
    assert run.exit_code == 0, run.stderr
    pre = run.document["activities"]["Check"]["stages"]["pre"]["plugins"]
    assert list(pre) == ["First", "Second", "Third"]
    ended = [pre[name]["ended_at"] for name in pre]
    assert ended == sorted(ended)
    assert pre["First"]["ended_at"] <= pre["Second"]["started_at"] <= pre["Third"]["started_at"]


def test_an_optional_error_does_not_fail_the_run(faults: System) -> None:
    run = faults.run("Work", "optional", {"case": "optional"})
    assert run.exit_code == 0, run.stderr
    assert plugins(run.document)["Check/parallel/Optional"]["state"] == "Optional Task Error"
    assert run.document["state"] == "Complete"


def test_metadata_of_a_run_stays_unless_it_is_overridden(faults: System) -> None:
    assert faults.run("Work", "same", {"case": "none", "premium": 1}).exit_code == 0
    refused = faults.run("Work", "same", {"case": "none", "premium": 2})
    assert refused.exit_code == 1
    assert "premium" in refused.stderr
    document = faults.status("Work", "same")
    assert document is not None
    assert (document["attempt"], document["metadata"]["premium"], document["state"]) == (1, 1, "Complete")
    replaced = faults.run("Work", "same", {"case": "none", "premium": 2}, "--metadata-override")
    assert replaced.exit_code == 0, replaced.stderr
    assert (replaced.document["attempt"], replaced.document["metadata"]["premium"]) == (2, 2)


@pytest.mark.parametrize(
    ("given", "told_of"),
    [
        ("{}", "uid"),
        ('{"uid": ""}', "uid must be a non-empty string"),
        ('{"uid": "a\\u0000b"}', "control characters"),
        ('{"uid": "x", "metadata": [1]}', "metadata"),
        ('{"uid": "x", "metadata": {"plugins": 1}}', "reserved"),
        ('{"uid": "x", "metdata": {}}', "metdata"),
        ("[]", "JSON object"),
        (json.dumps({"uid": "x", "metadata": {"a": "ä" * 100_000}}), "are free for it"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(core: System, given: str, told_of: str) -> None:
    before = core.status_rows()
    execution = core.start("Idle", given)
    assert execution["status"] == "FAILED"
    assert told_of in execution["cause"]
    assert core.status_rows() == before


def test_a_workflow_that_is_not_there_is_named_with_those_that_are(core: System) -> None:
    answer = core.tell("run", "Wrok", "--uid", "1")
    assert answer.exit_code == 2
    assert "Wrok" in answer.stderr
    assert "Work" in answer.stderr


def test_reports_of_strangers_are_refused_and_disturb_nothing(faults: System) -> None:
    run = faults.run("Work", "strangers", {"case": "none"})
    queue = faults.output(CoreOutput.RESULTS_QUEUE_URL)
    sqs = faults.aws.client("sqs")
    known = {"uid": "strangers", "workflow": "Work", "activity": "Check", "stage": "parallel", "attempt": 1}
    known |= {"plugin": "Works", "state": "Error", "message": "from nowhere"}
    bodies: list[str] = [
        json.dumps({**known, **odd})
        for odd in ({"uid": "no such run"}, {"plugin": "Stranger"}, {"attempt": 7}, {"state": "Finished"}, {})
    ]
    before = faults.status_rows()
    for body in [*bodies, "no report at all"]:
        sqs.send_message(QueueUrl=queue, MessageBody=body)

    def all_read() -> bool | None:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return True if all(count == "0" for count in left.values()) else None

    eventually(all_read, what="an empty results queue")
    assert faults.status_rows() == before
    assert faults.status("Work", "strangers") == run.document


def test_a_run_that_failed_resumes_when_its_plugin_is_mended(faults: System) -> None:
    failed = faults.run("Work", "mended-later", {"case": "break"})
    assert failed.exit_code == 1
    assert failed.document["state"] == "Error"
    assert "Check/parallel: Breaks: RuntimeError: cannot check mended-later yet" in failed.document["message"]
    assert failed.document["activities"]["Check"]["stages"]["post"]["state"] == "Not Started"

    faults.aws.deploy(APPS / "team", context={"mended": "true"})
    resumed = faults.run("Work", "mended-later", {"case": "break"})
    assert resumed.exit_code == 0, resumed.stderr
    document = resumed.document
    assert (document["state"], document["attempt"]) == ("Complete", 2)
    assert set(states(document).values()) == {"Complete"}
    attempts = {name: plugin["attempt"] for name, plugin in plugins(document).items()}
    assert {name for name, attempt in attempts.items() if attempt == 1} == DONE
    assert attempts["Check/parallel/Breaks"] == attempts["Check/parallel/Always"] == 2


def test_a_plugin_that_never_reports_hangs_nothing(faults: System, silent_run: subprocess.Popen[str]) -> None:
    assert faults.check_deadlines()["checked"] == 1
    run = told(silent_run)
    assert run.exit_code == 1
    document = run.document
    assert document["state"] == "Error"
    silent = plugins(document)["Check/parallel/Silent"]
    assert silent["state"] == "Error"
    assert "did not report a start within 5 s" in silent["message"]
    assert "Silent" in document["message"]
