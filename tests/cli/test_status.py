from __future__ import annotations

import json

from tests.cli.fakes import IN_CLAIMS, FakeGateway, document, invoke


def test_status_draws_the_run() -> None:
    result = invoke(FakeGateway(rows=[document()]), "status", "NewBusiness", "Q-1", *IN_CLAIMS)
    assert result.exit_code == 0
    assert "NewBusiness  Q-1" in result.stdout
    assert "reading tables" in result.stdout


def test_status_as_json_is_the_document_and_nothing_else() -> None:
    result = invoke(FakeGateway(rows=[document()]), "status", "NewBusiness", "Q-1", "--json", *IN_CLAIMS)
    assert json.loads(result.stdout) == document()
    assert result.stderr == ""


def test_a_run_that_is_not_there_is_named() -> None:
    result = invoke(FakeGateway(rows=[None]), "status", "NewBusiness", "Q-9", *IN_CLAIMS)
    assert result.exit_code == 1
    assert result.stderr == "orchestrator: no run 'Q-9' of NewBusiness in claims-dev: never started, or expired\n"


def test_an_empty_uid_is_refused() -> None:
    result = invoke(FakeGateway(), "status", "NewBusiness", "", *IN_CLAIMS)
    assert result.exit_code == 2
    assert "uid must be a non-empty string" in result.stderr


def test_a_run_of_a_state_machine_of_a_teams_own_is_shown_though_no_workflow_is_known() -> None:
    result = invoke(FakeGateway(rows=[document(workflow="Own")]), "status", "Own", "Q-1", *IN_CLAIMS)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Own  Q-1" in result.stdout


def test_a_workflow_that_is_not_there_is_named_only_if_there_is_no_run_either() -> None:
    result = invoke(FakeGateway(rows=[None]), "status", "Renewal", "Q-9", *IN_CLAIMS)
    assert result.exit_code == 1
    assert result.stderr == (
        "orchestrator: no run 'Q-9' of Renewal in claims-dev, and no workflow of that name is deployed: "
        "those that there are: Cancel, NewBusiness\n"
    )


def test_a_core_or_a_name_that_cannot_be_is_a_usage_error() -> None:
    for gateway, workflow, told in [
        (FakeGateway(parameters={}), "NewBusiness", "no core of system 'claims', stage 'dev'"),
        (FakeGateway(), "a/b", "the workflow name 'a/b' is not allowed"),
    ]:
        result = invoke(gateway, "status", workflow, "Q-1", *IN_CLAIMS)
        assert result.exit_code == 2
        assert told in result.stderr
