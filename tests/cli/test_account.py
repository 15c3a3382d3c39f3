"""A command that changes something says in which account, and asks on a terminal."""

from __future__ import annotations

import pytest

from orchestrator_cli.errors import CliError
from orchestrator_cli.gateway import Answer, Caller
from tests.cli.fakes import IN_CLAIMS, FakeGateway, announced, document, invoke

RUN = ("run", "NewBusiness", "--uid", "Q-1")
EARLIER = "arn:aws:states:eu-west-1:123456789012:execution:claims-dev-workflow-NewBusiness:first"
CHANGES = {
    RUN: "start run 'Q-1' of NewBusiness",
    ("retry", "NewBusiness", "Q-1"): "resume run 'Q-1' of NewBusiness",
    ("cancel", "NewBusiness", "Q-1"): "cancel run 'Q-1' of NewBusiness",
    ("redrive", "results"): "handle dead letters again (results)",
    ("redrive",): "handle dead letters again (all)",
    ("plugins", "reconcile"): "repair the registry",
}
LOOKS = [("status", "NewBusiness", "Q-1"), ("history", "NewBusiness", "Q-1"), ("plugins",), ("plugins", "doctor")]


class Watched(FakeGateway):
    """An account that has one failed run, and writes down whether anything was changed."""

    def __init__(self) -> None:
        answer = Answer({"repairs": [], "problems": [], "checked": 1, "execution": "arn", "attempt": 1})
        super().__init__(
            rows=[document("Error", execution=EARLIER), document("Error", execution="arn:run-1")],
            answer=answer,
            done=[],
        )

    @property
    def changed(self) -> bool:
        return bool(self.started or self.invoked or self.deleted)


@pytest.mark.parametrize("command", CHANGES)
def test_a_change_is_announced_and_made_where_nobody_can_be_asked(command: tuple[str, ...]) -> None:
    result = invoke(Watched(), *command, *IN_CLAIMS)
    assert result.stderr.startswith(announced(CHANGES[command]))
    assert result.exit_code == 0


@pytest.mark.parametrize("command", CHANGES)
def test_a_change_that_is_not_confirmed_is_not_made(command: tuple[str, ...]) -> None:
    gateway, asked = Watched(), list[str]()

    def decline(question: str) -> bool:
        asked.append(question)
        return False

    result = invoke(gateway, *command, *IN_CLAIMS, confirm=decline)
    assert result.exit_code == 2
    assert result.stderr == announced(CHANGES[command]) + (
        "orchestrator: nothing was changed: the change was not confirmed\n"
    )
    assert (asked, gateway.changed, result.stdout) == (["Continue?"], False, "")


@pytest.mark.parametrize("command", CHANGES)
def test_a_change_that_is_confirmed_is_made(command: tuple[str, ...]) -> None:
    result = invoke(Watched(), *command, *IN_CLAIMS, confirm=lambda _: True)
    assert result.exit_code == 0


@pytest.mark.parametrize("command", CHANGES)
def test_yes_confirms_and_local_says_nothing(command: tuple[str, ...]) -> None:
    def ask(_: str) -> bool:
        raise AssertionError

    confirmed = invoke(Watched(), *command, *IN_CLAIMS, "--yes", confirm=ask)
    assert (confirmed.exit_code, confirmed.stderr) == (0, announced(CHANGES[command]))
    local = invoke(Watched(), *command, *IN_CLAIMS, "--local", confirm=ask)
    assert (local.exit_code, local.stderr) == (0, "")


@pytest.mark.parametrize("command", LOOKS)
def test_a_command_that_only_looks_asks_nothing(command: tuple[str, ...]) -> None:
    def ask(_: str) -> bool:
        raise AssertionError

    assert invoke(Watched(), *command, *IN_CLAIMS, confirm=ask).stderr == ""


def test_where_the_account_is_not_known_nothing_is_changed() -> None:
    class Refused(Watched):
        def caller(self) -> Caller:
            raise CliError("AWS refused GetCallerIdentity: no")

    gateway = Refused()
    result = invoke(gateway, *RUN, *IN_CLAIMS)
    assert (result.exit_code, gateway.changed) == (1, False)
    assert result.stderr == "orchestrator: AWS refused GetCallerIdentity: no\n"
