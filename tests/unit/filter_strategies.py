"""Filter policies and messages to test with: few names, letters and numbers, so that they meet often."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

names = st.sampled_from(["a", "b", "c", "a.b"])
texts = st.text("xyX", min_size=1, max_size=3)
numbers = st.integers(-5, 5) | st.sampled_from([0.5, -1.25, 2.00001])
bounds = st.integers(-5, 5)
ranges = st.tuples(st.sampled_from(["=", "<", "<=", ">", ">="]), bounds).map(list) | st.builds(
    lambda lower, low, upper, width: [lower, low, upper, low + width],
    st.sampled_from([">", ">="]),
    bounds,
    st.sampled_from(["<", "<="]),
    st.integers(1, 5),
)


def operator(word: str, operand: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda value: {word: value}, operand)


rules = st.one_of(
    texts,
    numbers,
    st.booleans(),
    st.none(),
    operator("prefix", texts),
    operator("suffix", texts),
    operator("equals-ignore-case", texts),
    operator("cidr", st.sampled_from(["10.0.0.0/8", "::/0"])),
    operator("exists", st.booleans()),
    operator("numeric", ranges),
    operator("anything-but", texts | numbers | st.lists(texts, min_size=1, max_size=2)),
    operator("anything-but", st.lists(numbers, min_size=1, max_size=2) | operator("prefix", texts)),
)


def flat_of(rules: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Policies of keys. Two values in two keys: every combination of such policies stays below the limit of SNS."""
    return st.dictionaries(names, st.lists(rules, min_size=1, max_size=2), min_size=1, max_size=2)


def either(flat: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Policies of an OR relationship."""
    return st.builds(lambda first, second: {"$or": [first, second]}, flat, flat)


def policies_of(flat: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Policies with and without an OR relationship."""
    return flat | either(flat) | st.builds(lambda some, other: {**some, **other}, flat, either(flat))


def nested_of(flat: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Policies of objects in objects, for bodies."""
    return st.recursive(
        flat, lambda below: st.dictionaries(names, arrays | below, min_size=1, max_size=2), max_leaves=4
    )


arrays = st.lists(rules, min_size=1, max_size=2)
flat = flat_of(rules)
with_or = either(flat)
policies = policies_of(flat)
nested = nested_of(flat)

scalars = texts | numbers | st.booleans() | st.none() | st.sampled_from(["10.1.2.3", "::1", ""])
values = texts | numbers | st.lists(scalars, max_size=3)
attributes = st.dictionaries(names, values, max_size=4)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(names | st.text(max_size=3), below, max_size=3),
    max_leaves=8,
)
bodies = st.recursive(
    scalars, lambda below: st.lists(below, max_size=3) | st.dictionaries(names, below, max_size=3), max_leaves=8
)
