"""Stand-ins for AWS, and documents to draw."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from typer.testing import CliRunner, Result

from orchestrator_cli.collaborators import Collaborators
from orchestrator_cli.gateway import Answer, Caller, DeadLetter, Document, Execution
from orchestrator_cli.main import app
from orchestrator_runtime.contract import DeadLetters, Stage
from orchestrator_runtime.core.history import HistoryEntry
from orchestrator_runtime.core.registration import Registration
from orchestrator_runtime.deployment import CoreOutput, Deployment

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
OPERATOR = "arn:aws:sts::123456789012:assumed-role/Operator/console"
CLAIMS = Deployment(system="claims", stage="dev")
IN_CLAIMS = ("--system", "claims", "--stage", "dev")


def at(seconds: float | None) -> str | None:
    return None if seconds is None else (NOW + timedelta(seconds=seconds)).isoformat()


def plugin(state: str, start: float | None = None, end: float | None = None, **more: Any) -> dict[str, Any]:
    return {
        "state": state,
        "mandatory": True,
        "expected": True,
        "order": 90,
        "message": None,
        "progress": None,
        "attempt": 1,
        "started_at": at(start),
        "ended_at": at(end),
        **more,
    }


def stage(state: str, start: float | None = None, end: float | None = None, **plugins: Any) -> dict[str, Any]:
    return {"state": state, "message": None, "started_at": at(start), "ended_at": at(end), "plugins": plugins}


def activity(state: str, **stages: Any) -> dict[str, Any]:
    empty = stage("Not Started" if state == "Not Started" else "Complete")
    return {"state": state, "stages": {"pre": empty, "parallel": empty, "post": empty} | stages}


def document(state: str = "In Progress", *, execution: str = "arn:run-1", **more: Any) -> Document:
    return {
        "uid": "Q-1",
        "workflow": "NewBusiness",
        "state": state,
        "attempt": 1,
        "metadata": {"line": "auto"},
        "message": None,
        "execution": execution,
        "started_at": at(-6),
        "ended_at": at(-1) if state in {"Complete", "Error"} else None,
        "activities": {
            "Validate": activity(
                "Complete", parallel=stage("Complete", -6, -4.5, Address=plugin("Complete", -6, -5.5, message="known"))
            ),
            "Rate": activity(
                "In Progress",
                parallel=stage(
                    "In Progress",
                    -4,
                    Score=plugin("In Progress", -3, progress=55.0, message="reading tables"),
                    Weather=plugin("Optional Task Error", -3, -2, mandatory=False, message="no forecast"),
                    Flood=plugin("Not Started"),
                ),
            ),
            "Print": activity("Not Started"),
        },
        **more,
    }


@dataclass
class FakeGateway:
    """An account with one core, two workflows and two activities.

    Rows and executions come from scripts, the last one stays.
    """

    rows: list[Document | None] = field(default_factory=lambda: [document(), document("Complete")])
    executions: list[Execution] = field(default_factory=lambda: [Execution("RUNNING")])
    parameters: dict[str, str] = field(
        default_factory=lambda: {
            CLAIMS.core_parameter(CoreOutput.STATUS_TABLE_NAME): "status",
            CLAIMS.core_parameter(CoreOutput.REGISTRY_TABLE_NAME): "registry",
            **{CLAIMS.topic_parameter(name, stage): "arn:topic" for name in ("Validate", "Rate") for stage in Stage},
            **{CLAIMS.dead_letters_parameter(kind): f"https://{kind}" for kind in DeadLetters},
            CLAIMS.workflow_parameter("NewBusiness"): "arn:machine",
            CLAIMS.workflow_parameter("Cancel"): "arn:other-machine",
        }
    )
    started: list[Mapping[str, Any]] = field(default_factory=list)
    described: int = 0
    registered: list[Registration] = field(default_factory=list)
    answer: Answer | None = None
    done: list[HistoryEntry] | None = None
    invoked: list[tuple[str, Document]] = field(default_factory=list)
    letters: dict[str, list[DeadLetter]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)

    def parameter(self, name: str) -> str | None:
        return self.parameters.get(name)

    def parameter_names(self, path: str) -> list[str]:
        return [name for name in self.parameters if name.startswith(path)]

    def start_execution(self, state_machine: str, *, name: str, document: str) -> str:
        self.started.append({"machine": state_machine, "name": name, "input": json.loads(document)})
        return f"arn:run-{len(self.started)}"

    def execution(self, arn: str) -> Execution:
        self.described += 1
        return self.executions.pop(0) if len(self.executions) > 1 else self.executions[0]

    def run_document(self, table: str, *, uid: str, workflow: str) -> Document | None:
        assert table == "status"
        return self.rows.pop(0) if len(self.rows) > 1 else self.rows[0]

    def history(self, table: str, *, uid: str, workflow: str) -> list[HistoryEntry] | None:
        assert table == "status"
        return self.done

    def registrations(self, table: str, activities: Sequence[str]) -> list[Registration]:
        assert table == "registry"
        return [found for found in self.registered if found.activity in activities]

    def invoke(self, function: str, document: Document) -> Answer | None:
        self.invoked.append((function, document))
        return self.answer

    def caller(self) -> Caller:
        return Caller(arn=OPERATOR, account="123456789012", region="eu-west-1")

    def receive_messages(self, queue_url: str) -> list[DeadLetter]:
        """Ten at a time; those that were not deleted come again, as if time had passed."""
        there = [letter for letter in self.letters.get(queue_url, []) if letter.receipt not in self.deleted]
        first = there[:10]
        self.letters[queue_url] = [*there[10:], *first]
        return first

    def delete_message(self, queue_url: str, receipt: str) -> None:
        self.deleted.append(receipt)

    def release_message(self, queue_url: str, receipt: str) -> None:
        self.released.append(receipt)

    def count_messages(self, queue_url: str) -> int:
        return len(self.letters.get(queue_url, []))


def invoke(
    gateway: FakeGateway,
    *arguments: str,
    stdin: str | None = None,
    pause: Callable[[float], None] = lambda _: None,
    confirm: Callable[[str], bool] | None = None,
) -> Result:
    """Give a command; with ``confirm`` on a terminal."""
    world = Collaborators(gateway=lambda _: gateway, pause=pause, now=lambda: NOW)
    if confirm is not None:
        world = replace(world, on_terminal=lambda: True, confirm=confirm)
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, arguments, obj=world, input=stdin)


def announced(what: str) -> str:
    """The line that precedes a change."""
    return (
        f"orchestrator: about to {what}: account 123456789012, region eu-west-1, deployment claims-dev, as {OPERATOR}\n"
    )


def registration(stage: str, name: str, function: str = "claims-score", **more: Any) -> Registration:
    """A registration to a stage of Rate, as the construct makes it, but for what else is said."""
    only_if = more.pop("only_if", {})
    return Registration(
        **{
            "activity": "Rate",
            "stage": Stage(stage),
            "name": name,
            "subscription_arn": f"arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-{stage}:{name}",
            "endpoint": f"arn:aws:lambda:eu-west-1:123456789012:function:{function}",
            "owner": f"arn:aws:cloudformation:eu-west-1:123456789012:stack/{function.partition(':')[0]}/8f1d",
            "filter_policy": {"plugins": [name], **only_if} if more.get("owner") == "" else only_if,
            **more,
        }
    )
