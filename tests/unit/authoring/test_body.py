"""Typed metadata, coroutines, and what is no function of a plugin."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal, assert_type

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import PydanticCustomError

from orchestrator_runtime import PluginRun, Retryable, Skip, plugin
from orchestrator_runtime.authoring.body import PluginBody
from orchestrator_runtime.authoring.handler import PluginHandler
from orchestrator_runtime.contract import State
from orchestrator_runtime.plugin_info import PluginInfo
from orchestrator_runtime.testing import CollectedReports, call, sns_event
from tests.unit.authoring.plugin_calls import LoggedLines, message

SECRET = "1978-05-23"


class Vehicle(BaseModel):
    make: str
    year: int = Field(ge=1900)


class Quote(BaseModel):
    line: Literal["auto", "home"]
    vehicle: Vehicle
    born: date | None = None


GOOD: dict[str, Any] = {"line": "auto", "vehicle": {"make": "Subaru", "year": 2020}}


@plugin(name="Score", metadata=Quote)
def scored(run: PluginRun[Quote]) -> int:
    return run.metadata.vehicle.year


def test_the_function_gets_the_model() -> None:
    seen: list[PluginRun[Quote]] = []
    call(plugin(metadata=Quote)(seen.append), metadata=GOOD | {"born": SECRET, "more": 1}, outputs={"a/pre/b": 1})
    (run,) = seen
    assert run.metadata == Quote(
        line="auto", vehicle=Vehicle(make="Subaru", year=2020), born=date.fromisoformat(SECRET)
    )
    assert (run.plugin, run.outputs) == ("Plugin", {"a/pre/b": 1})


def test_types_say_what_the_metadata_is() -> None:
    """Mypy is what tests this: it refuses an ignore that it does not need."""

    def plain(run: PluginRun) -> None:
        assert_type(run.metadata, Mapping[str, JsonValue])

    async def typed(run: PluginRun[Quote]) -> None:
        assert_type(run.metadata, Quote)

    assert_type(plugin(plain), PluginHandler)
    assert_type(plugin(metadata=Quote)(typed), PluginHandler)
    plugin(metadata=Quote)(plain)  # type: ignore[arg-type]
    plugin(name="Score")(typed)  # type: ignore[arg-type]


def test_a_model_may_be_given_as_the_metadata() -> None:
    quote = Quote.model_validate(GOOD | {"born": SECRET})
    assert call(scored, metadata=quote)[-1].output == 2020


def test_progress_is_reported_from_a_typed_run() -> None:
    reports = call(plugin(metadata=Quote)(lambda run: run.progress(40)), metadata=GOOD)
    assert [report.progress for report in reports] == [40, None]


def test_a_strict_model_takes_from_json_what_json_can_say() -> None:
    class Strict(BaseModel):
        model_config = ConfigDict(strict=True)
        born: date
        sums: tuple[float, ...]

    handler = plugin(metadata=Strict)(lambda run: [run.metadata.born.year, len(run.metadata.sums)])
    assert call(handler, metadata={"born": SECRET, "sums": [1.5, 2.5]})[-1].output == [1978, 2]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"line": None}, "line: Input should be 'auto' or 'home'"),
        ({"vehicle": {"year": SECRET}}, "vehicle.make: Field required; vehicle.year: Input should be a valid integer"),
        ({"vehicle": {"make": "S", "year": 1850}}, "vehicle.year: Input should be greater than or equal to 1900"),
        ({"born": SECRET + "?"}, "born: Input should be a valid date"),
    ],
)
def test_invalid_metadata_is_a_named_error_that_says_which_fields(changed: dict[str, Any], told: str) -> None:
    called: list[object] = []
    reports = call(plugin(metadata=Quote)(called.append), metadata=GOOD | changed)
    assert [report.state for report in reports] == [State.ERROR]
    assert (reports[-1].message or "").startswith(f"InvalidMetadata: {told}")
    assert SECRET not in (reports[-1].message or "")
    assert called == []


def quoting(value: str) -> str:
    raise ValueError(f"{value} is no good")


def asserting(value: str) -> str:
    raise AssertionError(value)


def customized(value: str) -> str:
    raise PydanticCustomError("mine", "{value} is no good", {"value": value})


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


@pytest.mark.parametrize("check", [quoting, asserting, customized])
def test_texts_of_the_model_s_own_checks_are_not_told(check: Callable[[str], str]) -> None:
    class Checked(BaseModel):
        born: Annotated[str, AfterValidator(check)]

    last = call(plugin(metadata=Checked)(lambda _: None), metadata={"born": SECRET})[-1]
    assert last.message == "InvalidMetadata: born: the model refuses it"


def test_a_tag_that_no_model_of_a_union_has_is_not_told() -> None:
    class Owner(BaseModel):
        pet: Annotated[Cat | Dog, Field(discriminator="kind")]

    last = call(plugin(metadata=Owner)(lambda _: None), metadata={"pet": {"kind": SECRET}})[-1]
    assert last.message == "InvalidMetadata: pet: the model refuses it"


def test_what_the_model_refuses_as_a_whole_is_said_of_the_metadata() -> None:
    class Whole(BaseModel):
        @model_validator(mode="after")
        def refuse(self) -> Whole:
            raise ValueError(SECRET)

    last = call(plugin(metadata=Whole)(lambda _: None))[-1]
    assert last.message == "InvalidMetadata: the metadata: the model refuses it"


def test_a_model_that_breaks_is_an_error_and_not_raised() -> None:
    class Breaking(BaseModel):
        @model_validator(mode="before")
        @classmethod
        def look_up(cls, value: Any) -> Any:
            return {}[value["line"]]

    assert call(plugin(metadata=Breaking)(lambda _: None), metadata={"line": "x"})[-1].message == "KeyError: 'x'"


def test_invalid_metadata_is_logged_without_values() -> None:
    logged = LoggedLines()
    handler = PluginHandler(lambda _: None, info=PluginInfo(name="S"), metadata=Quote, logger=logged.logger)
    event = sns_event(message("S", metadata=GOOD | {"born": "hush"}))
    handler.deliver(event, reporter=CollectedReports(), environ={})
    assert "InvalidMetadata" in logged.text
    assert "hush" not in logged.text


async def later(run: PluginRun) -> str:
    await asyncio.sleep(0)
    run.progress(50)
    return run.plugin


class CallableLater:
    async def __call__(self, run: PluginRun) -> str:
        return await later(run)


def wrapped(body: Callable[[PluginRun], Awaitable[str]]) -> Callable[[PluginRun], Awaitable[str]]:
    @functools.wraps(body)
    def wrapper(run: PluginRun) -> Awaitable[str]:
        return body(run)

    return wrapper


@pytest.mark.parametrize("body", [later, functools.partial(later), CallableLater(), wrapped(later)])
def test_a_coroutine_is_run_to_its_end(body: Callable[[PluginRun], object]) -> None:
    reports = call(plugin(body), name="Later")
    assert [report.progress for report in reports] == [50, None]
    assert (reports[-1].state, reports[-1].output) == (State.COMPLETE, "Later")


def test_a_coroutine_gets_the_model_too() -> None:
    @plugin(metadata=Quote)
    async def handler(run: PluginRun[Quote]) -> str:
        await asyncio.sleep(0)
        return run.metadata.vehicle.make

    assert call(handler, metadata=GOOD)[-1].output == "Subaru"


@pytest.mark.parametrize(
    ("error", "state", "told"),
    [
        (Skip("why"), State.DO_NOT_RUN, "why"),
        (KeyError("line"), State.ERROR, "KeyError: 'line'"),
        (asyncio.CancelledError(), State.ERROR, "RuntimeError: the coroutine was cancelled from within"),
    ],
    ids=repr,
)
def test_what_a_coroutine_raises_is_read_as_of_any_function(error: BaseException, state: State, told: str) -> None:
    @plugin
    async def handler(run: PluginRun) -> None:
        raise error

    last = call(handler)[-1]
    assert (last.state, last.message) == (state, told)


def test_a_coroutine_may_ask_to_be_called_again() -> None:
    @plugin
    async def handler(run: PluginRun) -> None:
        raise Retryable("down")

    with pytest.raises(Retryable, match="down"):
        call(handler)


def generator(run: PluginRun) -> Iterator[int]:
    yield 1


async def async_generator(run: PluginRun) -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize("body", [generator, async_generator])
def test_a_function_that_yields_is_refused(body: Callable[[PluginRun], object]) -> None:
    with pytest.raises(TypeError, match=r"generator.* yields: let it return its output"):
        plugin(body)


@pytest.mark.parametrize("model", [dict, Quote.model_validate(GOOD), "Quote"], ids=repr)
def test_a_model_that_is_none_is_refused(model: Any) -> None:
    with pytest.raises(TypeError, match=r"@plugin: metadata must be a class derived from pydantic\.BaseModel, got"):
        PluginBody(lambda _: None, model)
