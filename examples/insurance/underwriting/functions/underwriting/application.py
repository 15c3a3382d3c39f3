"""An application for insurance, as it comes in a run's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import BaseModel, Field, JsonValue, ValidationError, model_validator


class Applicant(BaseModel):
    name: str = Field(min_length=1)
    street: str
    city: str
    zip: str
    birth_year: int = Field(ge=1900)


class Driver(BaseModel):
    licence: str
    violations: int = Field(ge=0)


class Vehicle(BaseModel):
    make: str
    model: str
    year: int
    annual_miles: int = Field(ge=0)


class Home(BaseModel):
    year_built: int
    construction: Literal["frame", "masonry", "steel"]
    value: int = Field(gt=0)
    miles_to_coast: float = Field(ge=0)


class Application(BaseModel):
    """What the broker sends.

    Attributes:
        line: The line of business.
        state: Two letters, as in the address.
        premium: What the broker told the customer that a year would cost, in dollars.
        effective: The first day of cover.
    """

    line: Literal["auto", "home"]
    state: str = Field(pattern=r"^[A-Z]{2}$")
    premium: float = Field(gt=0)
    effective: date
    applicant: Applicant
    driver: Driver | None = None
    vehicle: Vehicle | None = None
    home: Home | None = None

    @model_validator(mode="after")
    def _has_what_its_line_needs(self) -> Application:
        needed = ("driver", "vehicle") if self.line == "auto" else ("home",)
        if missing := [part for part in needed if getattr(self, part) is None]:
            raise ValueError(f"{self.line} insurance needs {' and '.join(missing)}")
        return self


def read_application(metadata: Mapping[str, JsonValue]) -> Application:
    """Read an application, or say in one line what is wrong with it.

    Raises:
        ValueError: Names every field that is missing or wrong.
    """
    try:
        return Application.model_validate(metadata)
    except ValidationError as error:
        found = [f"{'.'.join(map(str, one['loc'])) or 'application'}: {one['msg']}" for one in error.errors()]
        raise ValueError("; ".join(found)) from None
