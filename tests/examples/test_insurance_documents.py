from __future__ import annotations

from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest

from examples.insurance.documents.functions.documents import (
    billing,
    id_card,
    notice,
    policy_document,
    refund,
    welcome_letter,
)
from examples.insurance.documents.functions.documents.policy import Policy, read_policy
from orchestrator_runtime.contract import State
from orchestrator_runtime.testing import call

METADATA: dict[str, Any] = {
    "line": "auto",
    "effective": "2026-06-01",
    "applicant": {"name": "Applicant <1001>"},
    "vehicle": {"make": "Honda", "model": "Civic", "year": 2012, "annual_miles": 5200},
}
OUTPUTS: dict[str, Any] = {
    "Validate/pre/Address": {"street": "1 MAIN ST", "city": "FRESNO", "state": "CA", "zip": "93650"},
    "Rate/post/Premium": {
        "annual": 1460.0,
        "base": 1640.0,
        "factors": [{"reason": "no violations", "factor": 0.92}],
        "terms": [],
        "told": 1500,
    },
}


def policy(**other: Any) -> Policy:
    return read_policy("P-1", METADATA | other, OUTPUTS)


class Texts(HTMLParser):
    def __init__(self, document: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(document)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.found.append(data.strip())


def test_a_policy_is_rendered_page_by_page() -> None:
    reports = call(policy_document.handler, metadata=METADATA, outputs=OUTPUTS, uid="P-1")
    progress = [(round(report.progress), report.message) for report in reports if report.progress is not None]
    assert progress == [(33, "page 1 of 3"), (67, "page 2 of 3"), (100, "page 3 of 3")]
    document: Any = reports[-1].output
    assert (document["title"], document["media_type"]) == ("Auto policy P-1", "text/html")
    texts = Texts(document["content"]).found
    assert {"Applicant <1001>", "FRESNO, CA 93650", "no violations: times 0.92", "A year costs $1,460.00."} <= set(
        texts
    )
    assert "<1001>" not in document["content"]


def test_terms_are_a_page_of_their_own() -> None:
    outputs = OUTPUTS | {"Rate/post/Premium": OUTPUTS["Rate/post/Premium"] | {"terms": ["inspection"]}}
    reports = call(policy_document.handler, metadata=METADATA, outputs=outputs)
    assert reports[-2].message == "page 4 of 4"
    document: Any = reports[-1].output
    assert "inspection" in Texts(document["content"]).found


@pytest.mark.parametrize("missing", ["Validate/pre/Address", "Rate/post/Premium"])
def test_a_missing_output_is_named(missing: str) -> None:
    outputs = {key: value for key, value in OUTPUTS.items() if key != missing}
    last = call(policy_document.handler, metadata=METADATA, outputs=outputs)[-1]
    assert (last.state, last.message) == (State.ERROR, f"ValueError: the run has no output of {missing}")


def test_an_id_card_shows_vehicle_and_term() -> None:
    card: Any = call(id_card.handler, metadata=METADATA, outputs=OUTPUTS, uid="P-1")[-1].output
    assert "2012 Honda Civic" in card["content"]
    assert "2026-06-01 to 2027-05-31" in card["content"]
    with pytest.raises(ValueError, match="without its filter"):
        id_card.card(policy(vehicle=None))


@pytest.mark.parametrize(
    ("effective", "last"),
    [
        (date(2026, 6, 1), date(2027, 5, 31)),
        (date(2028, 2, 29), date(2029, 2, 28)),
        (date(2027, 3, 1), date(2028, 2, 29)),
    ],
)
def test_cover_lasts_a_year(effective: date, last: date) -> None:
    assert id_card.last_day(effective) == last


def test_the_welcome_letter_lists_what_was_written() -> None:
    outputs = OUTPUTS | {
        "GenerateDocuments/parallel/PolicyDocument": {"title": "Auto policy P-1"},
        "GenerateDocuments/parallel/IdCard": {"title": "ID card P-1"},
        "GenerateDocuments/parallel/Odd": None,
    }
    letter: Any = call(welcome_letter.handler, metadata=METADATA, outputs=outputs)[-1].output
    assert letter["content"].splitlines()[-2:] == ["  - Auto policy P-1", "  - ID card P-1"]
    assert "$1,460.00 a year" in letter["content"]


def test_a_refund_is_by_the_day() -> None:
    last = call(refund.handler, metadata=METADATA | {"cancelled_on": "2026-12-10"}, outputs=OUTPUTS)[-1]
    assert last.output == {"days_left": 173, "amount": 692.0}


@pytest.mark.parametrize("day", [None, "2026-05-31", "2027-06-02"])
def test_only_a_year_in_force_is_refunded(day: str | None) -> None:
    with pytest.raises(ValueError, match=r"cancelled_on|nothing to cancel"):
        refund.refund(policy(cancelled_on=day))


def test_the_notice_tells_the_refund() -> None:
    outputs = OUTPUTS | {"CancelServices/pre/Refund": {"days_left": 173, "amount": 692.0}}
    letter: Any = call(notice.handler, metadata=METADATA | {"cancelled_on": "2026-12-10"}, outputs=outputs)[-1].output
    assert letter["content"].endswith("We return $692.00 for 173 days.")


def test_billing_stops_what_is_still_to_come() -> None:
    instalments = [{"due": "2026-12-01", "amount": 347.5}, {"due": "2027-03-01", "amount": 347.5}]
    given = METADATA | {"cancelled_on": "2026-12-10", "instalments": instalments}
    assert call(billing.handler, metadata=given, outputs=OUTPUTS)[-1].output == {"instalments": 1, "amount": 347.5}
    paid = METADATA | {"cancelled_on": "2026-12-10"}
    last = call(billing.handler, metadata=paid, outputs=OUTPUTS)[-1]
    assert (last.state, last.message) == (State.DO_NOT_RUN, "everything is paid")
