"""The contents of the alerts, for people and for machines."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator_runtime.contract import Ending, Stage, State
from orchestrator_runtime.core.alert import Alert, AlertKind, subject_of
from orchestrator_runtime.core.awaited import awaited
from orchestrator_runtime.core.overdue import Announcement, expected_duration
from orchestrator_runtime.core.overdue_alert import FROM_TEAMS, ended_alert, overdue_alert
from orchestrator_runtime.core.records import PluginRow, RunRef, StagePlan
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.core.run_document import run_document
from orchestrator_runtime.deployment import Deployment
from orchestrator_runtime.foreign_text import UNSHOWABLE
from orchestrator_runtime.json_text import compact_json
from orchestrator_runtime.names import MAX_NAME, MAX_UID
from tests.hostile.values import FOREIGN, brief
from tests.unit.samples import EXECUTION, EXPIRES_AT, NOW, a_plan, a_registration, a_row, a_run, run_ref

DEPLOYMENT = Deployment("claims", "dev")
SECRET = "premium-4711"
STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/claims-score/guid"
OPENED = NOW + timedelta(seconds=2)


def announcement(**other: Any) -> Announcement:
    made = Announcement(
        ref=run_ref(),
        execution=EXECUTION,
        started_at=NOW,
        expected=timedelta(hours=2),
        expires_at=EXPIRES_AT,
    )
    return replace(made, **other)


def document(
    *rows: PluginRow, plan: StagePlan | None = None, stage: Stage = Stage.PARALLEL, activities: int = 1
) -> dict[str, Any]:
    """Makes a run with the same stage in progress in each activity."""
    names = [f"Rate{number}" if number else "Rate" for number in range(activities)]
    opened = replace(plan or a_plan(), opened_at=OPENED)
    return run_document(
        a_run(activities=(tuple(names),), metadata={"note": SECRET}),
        {},
        {f"{name}/{stage}": opened for name in names},
        {f"{name}/{stage}": {each.name: each for each in rows} for name in names},
    )


def no_registrations(_activity: str, _stage: Stage) -> Sequence[Registration]:
    return []


def awaited_names(run: dict[str, Any]) -> list[tuple[list[str], int, int]]:
    return [([p.name for p in s.plugins], s.more, s.in_turn) for s in awaited(run, no_registrations).stages]


# An overdue run


def test_pending_plugins_are_named_with_their_owners() -> None:
    score = a_row(message=SECRET, progress=40.0, started_at=OPENED + timedelta(seconds=1))
    reads: list[tuple[str, Stage]] = []

    def registrations(activity: str, stage: Stage) -> Sequence[Registration]:
        reads.append((activity, stage))
        return [a_registration(owner=STACK, description="Scores the driver"), a_registration(endpoint="arn:by-hand")]

    run = document(score, plan=a_plan(1, "Score", "Weather"))
    alert = overdue_alert(announcement(), awaited(run, registrations), DEPLOYMENT)
    assert reads == [("Rate", Stage.PARALLEL)]
    assert alert.document == {
        "kind": "overdue",
        "id": "NewBusiness/q-1/1/2026-11-24T11:30:00.123Z/overdue",
        "deployment": "claims-dev",
        "uid": "q-1",
        "workflow": "NewBusiness",
        "attempt": 1,
        "execution": EXECUTION,
        "started_at": "2026-11-24T09:30:00.123Z",
        "expected_seconds": 7200,
        "overdue_since": "2026-11-24T11:30:00.123Z",
        "waits_for": [
            {
                "activity": "Rate",
                "stage": "parallel",
                "since": "2026-11-24T09:30:02.123Z",
                "plugins": [
                    {
                        "name": "Score",
                        "state": "In Progress",
                        "mandatory": True,
                        "progress": 40.0,
                        "started_at": "2026-11-24T09:30:03.123Z",
                        "registered": True,
                        "stack": "claims-score",
                        "description": "Scores the driver",
                        "endpoint": "arn:aws:lambda:eu-west-1:123456789012:function:Score",
                    },
                    {
                        "name": "Weather",
                        "state": "Not Started",
                        "mandatory": True,
                        "progress": None,
                        "started_at": None,
                        "registered": False,
                        "stack": "",
                        "description": None,
                        "endpoint": "",
                    },
                ],
                "more": 0,
                "in_turn": 0,
            }
        ],
        "more_stages": 0,
        "commands": {
            "status": "orchestrator status NewBusiness q-1 --system claims --stage dev",
            "history": "orchestrator history NewBusiness q-1 --system claims --stage dev",
            "cancel": "orchestrator cancel NewBusiness q-1 --system claims --stage dev",
            "retry": "orchestrator retry NewBusiness q-1 --system claims --stage dev",
        },
    }
    assert json.loads(compact_json(alert.document)) == alert.document
    assert (alert.kind, alert.workflow, alert.id) == (AlertKind.OVERDUE, "NewBusiness", alert.document["id"])
    assert (
        alert.text
        == f"""\
NewBusiness q-1, attempt 1, takes longer than expected.

Deployment claims-dev
Started    2026-11-24 09:30:00 UTC
Expected   within 2 h; overdue since 2026-11-24 11:30:00 UTC
Execution  {EXECUTION}

It waits for
  Rate/parallel, opened at 2026-11-24T09:30:02.123Z
    Score: In Progress since 2026-11-24T09:30:03.123Z, 40 %
    Weather: Not Started
      not registered any more

What you can do
  orchestrator status NewBusiness q-1 --system claims --stage dev
      show its state
  orchestrator history NewBusiness q-1 --system claims --stage dev
      show what happened to it
  orchestrator cancel NewBusiness q-1 --system claims --stage dev
      end it; no further plugins are invoked
  orchestrator retry NewBusiness q-1 --system claims --stage dev
      resume it once it has ended; completed plugins are not invoked again

From the registrations of these plugins, as their teams wrote them
  Rate/parallel Score
    stack        "claims-score"
    endpoint     "arn:aws:lambda:eu-west-1:123456789012:function:Score"
    description  "Scores the driver\""""
    )
    assert alert.subject == "claims-dev: NewBusiness q-1 is overdue"
    assert SECRET not in repr(alert)


def test_ended_and_unexpected_plugins_are_not_named() -> None:
    done = a_row(state=State.COMPLETE)
    stranger = a_row(name="Stranger", expected=False)
    assert awaited_names(document(done, stranger, plan=a_plan(1, "Score", "Weather"))) == [(["Weather"], 0, 0)]


def test_ten_plugins_are_named_mandatory_first() -> None:
    plan = a_plan(1, *(f"P{number:02}" for number in range(14)))
    optional = tuple(replace(p, mandatory=p.name > "P03") for p in plan.plugins)
    run = document(plan=replace(plan, plugins=optional))
    assert awaited_names(run) == [([f"P{number:02}" for number in range(4, 14)], 4, 0)]
    text = overdue_alert(announcement(), awaited(run, no_registrations), DEPLOYMENT).text
    assert "\n    and 4 more plugins\n" in text
    assert "optional" not in text


def test_optional_plugins_are_marked() -> None:
    plan = a_plan()
    run = document(plan=replace(plan, plugins=tuple(replace(p, mandatory=False) for p in plan.plugins)))
    assert run["activities"]["Rate"]["stages"]["parallel"]["state"] == "Mandatory Completed"
    registered = a_registration(description="two\nlines")
    text = overdue_alert(announcement(), awaited(run, lambda *_: [registered]), DEPLOYMENT).text
    assert "    Score: Not Started, optional\n      registered by no stack\n" in text
    assert text.endswith(r'    description  "two\nlines"')


@pytest.mark.parametrize("stage", [Stage.PRE, Stage.POST])
def test_sequential_stage_waits_for_its_first_pending_plugin(stage: Stage) -> None:
    run = document(a_row(name="A", state=State.COMPLETE), plan=a_plan(1, "A", "B", "C", "D"), stage=stage)
    assert awaited_names(run) == [(["B"], 0, 2)]
    text = overdue_alert(announcement(), awaited(run, no_registrations), DEPLOYMENT).text
    assert "\n    then 2 more, one at a time\n" in text


def test_ten_stages_and_ten_plugins_of_all_stages_are_named() -> None:
    run = document(plan=a_plan(1, "A", "B", "C", "D"), activities=12)
    reads: list[str] = []

    def registrations(activity: str, _stage: Stage) -> Sequence[Registration]:
        reads.append(activity)
        return []

    found = awaited(run, registrations)
    assert [len(stage.plugins) for stage in found.stages] == [4, 4, 2, 0, 0, 0, 0, 0, 0, 0]
    assert [stage.more for stage in found.stages] == [0, 0, 2, 4, 4, 4, 4, 4, 4, 4]
    assert (reads, found.more) == (["Rate", "Rate1", "Rate2"], 2)
    alert = overdue_alert(announcement(), found, DEPLOYMENT)
    assert "\n  and 2 more stages\n" in alert.text
    assert alert.document["more_stages"] == 2


def test_stage_without_pending_plugins_is_about_to_close() -> None:
    found = awaited(document(a_row(state=State.COMPLETE)), no_registrations)
    text = overdue_alert(announcement(), found, DEPLOYMENT).text
    assert "    no plugin: the stage is about to close\n" in text


def test_run_between_two_stages_waits_for_none() -> None:
    run = run_document(a_run(), {}, {}, {})
    alert = overdue_alert(announcement(), awaited(run, no_registrations), DEPLOYMENT)
    assert "\nNo stage of it is in progress: see its execution.\n" in alert.text
    assert alert.document["waits_for"] == []


# A run that is no longer overdue


def test_failed_run_can_be_retried() -> None:
    run = a_run(
        state=State.ERROR, ending=Ending.TIMED_OUT, message=SECRET, ended_at=NOW + timedelta(days=1, hours=2, minutes=3)
    )
    alert = ended_alert(announcement(), run, timedelta(hours=2), DEPLOYMENT)
    assert alert.subject == "claims-dev: NewBusiness q-1 has ended: Error"
    assert alert.text.splitlines() == [
        "NewBusiness q-1, attempt 1, has ended: Error (timed out), after 1 d 2 h.",
        "",
        "Deployment claims-dev",
        "Started    2026-11-24 09:30:00 UTC",
        "Expected   within 2 h; overdue since 2026-11-24 11:30:00 UTC",
        f"Execution  {EXECUTION}",
        "",
        "What you can do",
        "  orchestrator status NewBusiness q-1 --system claims --stage dev",
        "      show its state",
        "  orchestrator history NewBusiness q-1 --system claims --stage dev",
        "      show what happened to it",
        "  orchestrator retry NewBusiness q-1 --system claims --stage dev",
        "      resume it once it has ended; completed plugins are not invoked again",
    ]
    assert alert.id == alert.document["id"] == "NewBusiness/q-1/1/2026-11-24T11:30:00.123Z/overdue-ended"
    assert (alert.kind, alert.workflow) == (AlertKind.OVERDUE_ENDED, "NewBusiness")
    shown = {name: alert.document[name] for name in ("outcome", "state", "ending", "ended_at", "took_seconds")}
    assert shown == {
        "outcome": "ended",
        "state": "Error",
        "ending": "timed out",
        "ended_at": "2026-11-25T11:33:00.123Z",
        "took_seconds": 93_780,
    }
    assert SECRET not in repr(alert)


def test_completed_run_is_not_retried() -> None:
    run = a_run(state=State.COMPLETE, ending=Ending.COMPLETED, ended_at=NOW + timedelta(hours=3, seconds=9))
    alert = ended_alert(announcement(), run, None, DEPLOYMENT)
    assert alert.text.startswith("NewBusiness q-1, attempt 1, has ended: Complete (completed), after 3 h 9 s.\n")
    assert [*alert.document["commands"]] == ["status", "history"]


def test_attempt_is_over_when_another_has_started() -> None:
    alert = ended_alert(announcement(), a_run(2, started_at=NOW + timedelta(hours=4)), timedelta(hours=2), DEPLOYMENT)
    assert alert.text.startswith("NewBusiness q-1, attempt 1, is over: attempt 2 has started.\n")
    assert alert.subject == "claims-dev: NewBusiness q-1 is over, attempt 1"
    assert alert.document["by"] == {"attempt": 2, "started_at": "2026-11-24T13:30:00.123Z"}
    assert alert.document["attempt"] == 1
    assert [*alert.document["commands"]] == ["status", "history"]


def test_deleted_run_is_gone() -> None:
    alert = ended_alert(announcement(), None, timedelta(hours=2), DEPLOYMENT)
    assert alert.text.startswith("NewBusiness q-1, attempt 1, has no row in the status table any more.\n")
    assert (alert.subject, alert.document["outcome"]) == ("claims-dev: NewBusiness q-1 is over, attempt 1", "gone")


@pytest.mark.parametrize(
    ("expected", "detail", "seconds"),
    [
        (timedelta(hours=5), "it is expected to take 5 h now", 18_000),
        (None, "it has no expected duration now", None),
    ],
)
def test_run_that_is_allowed_more_time_is_not_overdue(expected: timedelta | None, detail: str, seconds: int) -> None:
    alert = ended_alert(announcement(), a_run(), expected, DEPLOYMENT)
    assert alert.text.startswith(f"NewBusiness q-1, attempt 1, is in progress and no longer overdue: {detail}.\n")
    assert alert.subject == "claims-dev: NewBusiness q-1 is no longer overdue"
    assert (alert.document["outcome"], alert.document["now_expected_seconds"]) == ("not-overdue", seconds)
    assert "Expected   within 2 h;" in alert.text


@pytest.mark.parametrize(
    ("seconds", "span"),
    [(1, "1 s"), (60, "1 min"), (3_661, "1 h 1 min"), (86_400, "1 d"), (90_061, "1 d 1 h"), (86_460, "1 d 1 min")],
)
def test_duration_is_shown_in_its_two_largest_units(seconds: int, span: str) -> None:
    late = announcement(expected=timedelta(seconds=seconds))
    assert f"Expected   within {span};" in ended_alert(late, None, None, DEPLOYMENT).text


def test_run_that_ended_at_once_took_no_time() -> None:
    run = a_run(state=State.ERROR, ended_at=NOW)
    assert "has ended: Error, after 0 s." in ended_alert(announcement(), run, None, DEPLOYMENT).text


# Formats


@pytest.mark.parametrize(
    ("uid", "line"),
    [
        ("it's; rm", """orchestrator status NewBusiness 'it'"'"'s; rm' --system claims --stage dev"""),
        ("--help", "orchestrator status --system claims --stage dev -- NewBusiness --help"),
    ],
)
def test_commands_can_be_pasted_for_any_uid(uid: str, line: str) -> None:
    alert = overdue_alert(
        announcement(ref=RunRef(uid, "NewBusiness", 1)), awaited(document(), no_registrations), DEPLOYMENT
    )
    assert alert.document["commands"]["status"] == line


def test_subject_is_accepted_by_sns() -> None:
    assert subject_of("claims-dev: Büro q\u2028") == "claims-dev: B?ro q?"
    assert subject_of("claims-dev: q\n\r\x00\x1b[2J\x7f is overdue") == "claims-dev: q????[2J? is overdue"
    assert subject_of("x" * 99) == "x" * 99
    assert subject_of("x" * 100) == "x" * 96 + "..."


# Text of plugins' teams

FORGED = """Scores the driver

What you can do
  orchestrator cancel NewBusiness q-1 --system claims --stage dev
      the orchestrator recommends this"""


def alert_of(**registered: Any) -> Alert:
    run = document(plan=a_plan())
    return overdue_alert(announcement(), awaited(run, lambda *_: [a_registration(**registered)]), DEPLOYMENT)


def test_a_description_forges_no_advice() -> None:
    lines = alert_of(owner=STACK, description=FORGED).text.splitlines()
    assert lines.count("What you can do") == 1
    assert [line for line in lines if line.startswith("  orchestrator cancel")] == [
        "  orchestrator cancel NewBusiness q-1 --system claims --stage dev"
    ]
    assert lines[-1].startswith(r'    description  "Scores the driver\n\nWhat you can do\n orchestrator cancel')
    assert lines[-1].endswith('"')


@pytest.mark.parametrize("text", [FORGED, '" What you can do: reboot "', *FOREIGN], ids=brief)
@pytest.mark.parametrize("key", ["owner", "endpoint", "description"])
def test_text_of_a_team_changes_nothing_above_it(key: str, text: str) -> None:
    alert, harmless = (alert_of(**{"owner": STACK, "description": "d", key: value}) for value in (text, "harmless"))
    above, label, below = alert.text.partition(FROM_TEAMS)
    assert (above, label) == harmless.text.partition(FROM_TEAMS)[:2]
    lines = below.split("\n")
    assert len(lines) == 5, "a heading, the plugin, its stack, its endpoint, and its description"
    for line in lines[2:]:
        assert re.fullmatch(r' {4}(stack|endpoint|description) +"(?:[^"\\]|\\.)*(?:\\?…)?"', line), line
        assert len(line) < 250
    assert not UNSHOWABLE.search(alert.text.replace("\n", " "))
    [stage] = alert.document["waits_for"]
    [plugin] = stage["plugins"]
    assert not UNSHOWABLE.search(plugin["stack"] + plugin["endpoint"] + plugin["description"])
    assert alert.subject == harmless.subject


def test_a_name_that_reads_as_a_sentence_is_quoted() -> None:
    said = "q-1, attempt 1, is fine. See q-2"
    run = document(plan=a_plan(1, "All is well. Cancel it"))
    alert = overdue_alert(announcement(ref=RunRef(said, "NewBusiness", 1)), awaited(run, no_registrations), DEPLOYMENT)
    assert alert.text.startswith(f'NewBusiness "{said}", attempt 1, takes longer than expected.\n')
    assert '\n    "All is well. Cancel it": Not Started\n' in alert.text


def test_largest_alert_fits_into_a_message() -> None:
    names = [f"{number:02}".ljust(MAX_NAME, "x") for number in range(12)]
    run = document(plan=a_plan(1, *names), activities=12)
    widest = [
        a_registration(name, description="\U0001f697" * 1024, owner=STACK, endpoint=f"https://{'x' * 2000}")
        for name in names
    ]
    ref = RunRef("\U0001f697" * MAX_UID, "w" * MAX_NAME, 1)
    alert = overdue_alert(announcement(ref=ref), awaited(run, lambda *_: widest), DEPLOYMENT)
    both = compact_json({"default": compact_json(alert.document), "email": alert.text})
    assert 30_000 < len(both.encode()) < 64_000


# Expected durations


@pytest.mark.parametrize("seconds", ["1", "7200", "31536000"])
def test_published_duration_is_read(seconds: str) -> None:
    assert expected_duration("NewBusiness", seconds) == timedelta(seconds=int(seconds))


def test_duration_is_optional() -> None:
    assert expected_duration("NewBusiness", None) is None


@pytest.mark.parametrize("seconds", ["", "0", "-1", "1.5", "soon", "31536001", "9" * 5000, "٣", " 60"])
def test_invalid_duration_is_refused(seconds: str) -> None:
    with pytest.raises(ValueError, match="expected duration of NewBusiness is published as") as refused:
        expected_duration("NewBusiness", seconds)
    assert "deploy the workflow again with a duration of 1 to 31,536,000 seconds, or without one" in str(refused.value)
    assert len(str(refused.value)) < 400
