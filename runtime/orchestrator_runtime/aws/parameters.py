"""SSM parameters below a path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


def parameters_below(client: SSMClient, path: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Read all parameters below a path, page by page.

    Args:
        client: The SSM client.
        path: The path, with a slash at its end.

    Yields:
        The parts of each one's name that follow the path, and its value.
    """
    for page in client.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True):
        for parameter in page["Parameters"]:
            yield tuple(parameter["Name"].removeprefix(path).split("/")), parameter["Value"]
