"""The example, deployed and run: exactly the plugins that match are called and waited for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.system import System, Told, plugins, states, told

pytestmark = pytest.mark.e2e

RUNS = Path(__file__).resolve().parents[2] / "examples" / "insurance" / "runs"
ALWAYS = {"Validate/pre/Completeness", "Validate/pre/Address", "Rate/post/Premium"}
DOCUMENTS = {"GenerateDocuments/parallel/PolicyDocument", "GenerateDocuments/post/WelcomeLetter"}
CANCEL = {"CancelServices/pre/Refund", "CancelServices/parallel/Billing", "CancelServices/parallel/Notice"}
AUTO = {"Validate/parallel/Licence", "Rate/parallel/AutoRisk"}
HOME = {"Rate/parallel/HomeRisk"}
MARKET = {"Rate/parallel/MarketComparison"}
CARD = {"GenerateDocuments/parallel/IdCard"}
EXPECTED = {
    "1-new-auto": ALWAYS | DOCUMENTS | AUTO | MARKET | CARD,
    "2-new-home": ALWAYS | DOCUMENTS | HOME | MARKET,
    "3-new-home-by-the-sea": ALWAYS
    | DOCUMENTS
    | HOME
    | MARKET
    | {"Rate/parallel/HighValue", "Rate/parallel/Catastrophe"},
    "4-new-auto-no-fault": ALWAYS
    | DOCUMENTS
    | AUTO
    | MARKET
    | CARD
    | {"Rate/parallel/HighValue", "Rate/parallel/NoFault"},
    "5-cancel-auto": ALWAYS | CANCEL | AUTO,
    "6-cancel-home": ALWAYS | CANCEL | HOME | {"Rate/parallel/Catastrophe"},
}


@pytest.fixture(scope="module")
def ran(insurance: System) -> dict[str, Told]:
    """Every run of the example, all at once."""
    begun: dict[str, Any] = {}
    for file in sorted(RUNS.glob("*.json")):
        run = json.loads(file.read_text())
        begun[file.stem] = insurance.begin(run["workflow"], run["uid"], run["metadata"])
    return {name: told(process) for name, process in begun.items()}


def test_every_run_of_the_example_is_expected_here(ran: dict[str, Told]) -> None:
    assert ran.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_run_completes_with_exactly_the_plugins_that_match(ran: dict[str, Told], name: str) -> None:
    run = ran[name]
    assert run.exit_code == 0, run.stderr
    document = run.document
    assert document["state"] == "Complete"
    assert plugins(document).keys() == EXPECTED[name]
    failing = MARKET & EXPECTED[name]
    assert {plugin for plugin, state in states(document).items() if state == "Optional Task Error"} == failing
    done = set(states(document).values()) - {"Optional Task Error"}
    assert done <= {"Complete", "Do Not Run"}


def test_a_later_plugin_uses_an_earlier_one_s_output(insurance: System, ran: dict[str, Told]) -> None:
    document = ran["1-new-auto"].document
    assert plugins(document)["GenerateDocuments/parallel/PolicyDocument"]["message"] == "page 3 of 3"
    assert insurance.status("NewBusiness", document["uid"]) == document
