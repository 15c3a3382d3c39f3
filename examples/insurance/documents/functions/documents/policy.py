"""A policy as this team sees it: metadata of the run, and what earlier activities found out.

The other team's code is not imported. What is agreed on is the outputs' names and shapes, here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from pydantic import BaseModel, JsonValue

ADDRESS: Final = "Validate/pre/Address"
PREMIUM: Final = "Rate/post/Premium"


class Address(BaseModel):
    street: str
    city: str
    state: str
    zip: str


class Factor(BaseModel):
    reason: str
    factor: float


class Premium(BaseModel):
    annual: float
    base: float
    factors: list[Factor]
    terms: list[str] = []


class Instalment(BaseModel):
    due: date
    amount: float


class Applicant(BaseModel):
    name: str


class Vehicle(BaseModel):
    make: str
    model: str
    year: int


class Policy(BaseModel):
    number: str
    line: str
    effective: date
    applicant: Applicant
    address: Address
    premium: Premium
    vehicle: Vehicle | None = None
    cancelled_on: date | None = None
    instalments: list[Instalment] = []


def read_policy(uid: str, metadata: Mapping[str, JsonValue], outputs: Mapping[str, JsonValue]) -> Policy:
    """Bring together what a document needs.

    Raises:
        ValueError: An earlier activity did not give what was agreed on.
    """
    if missing := [key for key in (ADDRESS, PREMIUM) if key not in outputs]:
        raise ValueError(f"the run has no output of {' and '.join(missing)}")
    given = dict(metadata) | {"number": uid, "address": outputs[ADDRESS], "premium": outputs[PREMIUM]}
    return Policy.model_validate(given)
