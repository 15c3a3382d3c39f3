from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from examples.insurance.underwriting.functions.underwriting import (
    address,
    auto_risk,
    catastrophe,
    completeness,
    high_value,
    home_risk,
    licence,
    market_comparison,
    no_fault,
    premium,
)
from examples.insurance.underwriting.functions.underwriting.application import (
    Applicant,
    Driver,
    Home,
    Vehicle,
    read_application,
)
from examples.insurance.underwriting.functions.underwriting.findings import Findings
from orchestrator_runtime.authoring.decorator import PluginHandler
from orchestrator_runtime.contract import State
from orchestrator_runtime.testing import call

RUNS = Path(__file__).parents[2] / "examples" / "insurance" / "runs"


def metadata(run: str, **other: Any) -> dict[str, Any]:
    given: dict[str, Any] = json.loads((RUNS / f"{run}.json").read_text())["metadata"]
    return given | other


AUTO = metadata("1-new-auto")
HOME = metadata("3-new-home-by-the-sea")


def applicant(**other: Any) -> Applicant:
    return Applicant.model_validate(AUTO["applicant"] | other)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "line: Field required; state: Field required"),
        (AUTO | {"driver": None}, "application: Value error, auto insurance needs driver"),
        (AUTO | {"line": "home"}, "home insurance needs home"),
        (AUTO | {"state": "California"}, "state: String should match"),
        (AUTO | {"vehicle": {"make": "Kia"}}, "vehicle.model: Field required"),
        (HOME | {"premium": -1}, "premium: Input should be greater than 0"),
    ],
)
def test_an_incomplete_application_is_refused_by_field(given: dict[str, Any], problem: str) -> None:
    last = call(completeness.handler, metadata=given)[-1]
    assert last.state is State.ERROR
    assert problem in (last.message or "")


def test_a_complete_application_is_summed_up() -> None:
    last = call(completeness.handler, metadata=AUTO)[-1]
    assert last.output == {"summary": "auto in CA from 2026-12-01"}


def test_an_address_is_normalised() -> None:
    assert call(address.handler, metadata=AUTO)[-1].output == {
        "street": "480 TOWNSEND ST",
        "city": "SAN FRANCISCO",
        "state": "CA",
        "zip": "94107",
    }


@pytest.mark.parametrize(
    ("code", "state", "problem"),
    [
        ("94107", "OH", "ZIP code 94107 does not lie in OH"),
        ("9410", "CA", "'9410' is no ZIP code"),
        ("94107-12", "CA", "is no ZIP code"),
        ("94107", "ZZ", "no business is written in ZZ, only in CA, FL"),
    ],
)
def test_an_address_that_cannot_be_is_refused(code: str, state: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        address.normalised(applicant(zip=code), state)


@pytest.mark.parametrize(
    ("number", "state", "state_of_plugin", "message"),
    [
        ("D4839201", "CA", State.COMPLETE, None),
        ("d 483-9201", "CA", State.COMPLETE, None),
        ("D48392011", "CA", State.ERROR, "ValueError: 'D48392011' is no licence number of CA"),
        ("D4839201", "WA", State.DO_NOT_RUN, "the format of licences of WA is not known"),
    ],
)
def test_licence_numbers(number: str, state: str, state_of_plugin: State, message: str | None) -> None:
    given = metadata("1-new-auto", state=state, driver={"licence": number, "violations": 0})
    last = call(licence.handler, metadata=given)[-1]
    assert (last.state, last.message) == (state_of_plugin, message)


def reasons(found: Findings) -> dict[str, float]:
    return {factor.reason: factor.factor for factor in found.factors}


@pytest.mark.parametrize(
    ("born", "violations", "model_year", "miles", "expected"),
    [
        (1988, 0, 2021, 9_000, {"no violations": 0.92}),
        (2003, 2, 2024, 17_500, {"driver of 23": 1.45, "2 violations": 1.24, "17,500 miles a year": 1.10}),
        (
            1950,
            0,
            2010,
            4_000,
            {
                "driver of 76": 1.15,
                "no violations": 0.92,
                "4,000 miles a year": 0.94,
                "vehicle of 2010": 0.90,
            },
        ),
    ],
)
def test_auto_factors(born: int, violations: int, model_year: int, miles: int, expected: dict[str, float]) -> None:
    found = auto_risk.assess(
        applicant(birth_year=born),
        Driver(licence="x", violations=violations),
        Vehicle(make="Kia", model="Rio", year=model_year, annual_miles=miles),
        2026,
    )
    assert reasons(found) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("built", "construction", "value", "expected"),
    [
        (1964, "masonry", 300_000, {"masonry construction": 0.95, "value of $300,000": 1, "built in 1964": 1.15}),
        (2024, "steel", 600_000, {"steel construction": 0.88, "value of $600,000": 2, "built in 2024": 0.90}),
        (2000, "frame", 150_000, {"frame construction": 1.20, "value of $150,000": 0.5}),
    ],
)
def test_home_factors(built: int, construction: Any, value: int, expected: dict[str, float]) -> None:
    home = Home(year_built=built, construction=construction, value=value, miles_to_coast=5)
    assert reasons(home_risk.assess(home, 2026)) == pytest.approx(expected)


def test_no_fault_states_cost_more() -> None:
    assert reasons(no_fault.surcharge("MI")) == {"no-fault cover of MI": 1.35}
    assert no_fault.surcharge("CA").factors == []
    assert call(no_fault.handler, metadata=metadata("4-new-auto-no-fault"))[-1].state is State.COMPLETE


def test_dear_policies_have_terms() -> None:
    assert call(high_value.handler, metadata=HOME)[-1].output == {
        "factors": [],
        "terms": [
            "approved by a senior underwriter within 30 days",
            "inspection of the building before cover begins",
            "deductible of $12,800 for wind and hail",
        ],
    }
    careless = metadata("4-new-auto-no-fault")
    assert "telematics device for the first year" in high_value.terms(read_application(careless))


def test_hurricanes_are_simulated_in_batches_and_repeatably() -> None:
    reports = call(catastrophe.handler, metadata=HOME, uid="home-2002")
    progress = [report.progress for report in reports if report.progress is not None]
    assert progress == [10.0 * batch for batch in range(1, catastrophe.BATCHES + 1)]
    assert reports[-2].message == "20,000 years of weather"
    assert reports[-1].output == call(catastrophe.handler, metadata=HOME, uid="home-2002")[-1].output


def test_the_farther_from_the_coast_the_safer() -> None:
    near, far = (Home(year_built=2000, construction="frame", value=1, miles_to_coast=miles) for miles in (0.0, 100.0))
    near_damage = list(catastrophe.simulate(near, "FL", "seed"))[-1]
    far_damage = list(catastrophe.simulate(far, "FL", "seed"))[-1]
    assert 0.006 < near_damage < 0.010
    assert far_damage < near_damage / 50


def test_market_comparison_fails_on_old_rates_and_would_work_on_new_ones() -> None:
    last = call(market_comparison.handler, metadata=AUTO)[-1]
    assert last.state is State.ERROR
    assert last.message == "ValueError: market rates are of 2024-06-30, 884 days old: load some of the last 400"
    fresh: market_comparison.MarketRates = {"as_of": "2026-10-01", "mean_premium": {"auto": 1600}}
    assert market_comparison.compare(1480, "auto", date(2026, 12, 1), fresh) == 0.93


def test_a_premium_is_the_base_rate_times_all_factors() -> None:
    outputs: dict[str, Any] = {
        "Validate/pre/Address": {"zip": "94107"},
        "Rate/parallel/AutoRisk": {"factors": [{"reason": "no violations", "factor": 0.92}]},
        "Rate/parallel/SomeoneElse": {"factors": [{"reason": "hail", "factor": 1.5}]},
        "Rate/parallel/HighValue": {"terms": ["inspection"]},
        "Rate/parallel/Nothing": None,
    }
    assert call(premium.handler, metadata=AUTO, outputs=outputs)[-1].output == {
        "annual": 2263.2,
        "base": 1640.0,
        "factors": [{"reason": "no violations", "factor": 0.92}, {"reason": "hail", "factor": 1.5}],
        "told": 1480.0,
        "terms": ["inspection"],
    }


def test_a_line_without_a_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="no auto rate for ZZ"):
        premium.rate("auto", "ZZ", 1, [])


def test_the_rating_table_has_every_line_for_every_state_that_is_insured() -> None:
    assert set(premium.base_rates()) == {(line, state) for line in ("auto", "home") for state in address.ZIP_PREFIXES}
    with (Path(premium.__file__).parent / "base_rates.csv").open(newline="") as table:
        assert len(list(csv.reader(table))) == 1 + len(premium.base_rates())


@pytest.mark.parametrize(
    ("handler", "given"),
    [(home_risk.handler, AUTO), (catastrophe.handler, AUTO), (auto_risk.handler, HOME)],
)
def test_a_plugin_without_its_filter_says_so(handler: PluginHandler, given: dict[str, Any]) -> None:
    last = call(handler, metadata=given)[-1]
    assert last.state is State.ERROR
    assert "registered without its filter" in (last.message or "")
