"""What DynamoDB takes: the stores in memory take everything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from tests.cost.capacity_units import item_bytes
from tests.hostile.feeding import BrokenPromiseError

MOST_ITEM_BYTES: Final = 400 * 1024
_MOST_KEY_BYTES: Final[Mapping[str, int]] = {
    "uid": 2048,
    "stage": 2048,
    "function": 2048,
    "path": 1024,
    "subscription_arn": 1024,
}


def check_storable(item: Mapping[str, Any]) -> None:
    """Refuse an item that DynamoDB would refuse: for its keys, its size, its numbers, or text that is no Unicode."""
    json.dumps(item, ensure_ascii=False).encode()
    if item_bytes(item) > MOST_ITEM_BYTES:
        raise BrokenPromiseError(f"an item of {item_bytes(item):,} bytes")
    for name, value in item.items():
        if name in _MOST_KEY_BYTES and not 0 < len(value["S"].encode()) <= _MOST_KEY_BYTES[name]:
            raise BrokenPromiseError(f"the key {name} has {len(value['S'].encode()):,} bytes")
        if "N" in value and not _is_number(value["N"]):
            raise BrokenPromiseError(f"the number {name} is {value['N'][:60]}")


def _is_number(text: str) -> bool:
    number = float(text)
    return len(text.strip("-").replace(".", "")) <= 38 and (number == 0 or 1e-130 <= abs(number) < 1e126)
