"""Starts functions a few at a time, before a run calls all of them in the same moment."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from orchestrator_cli.local import LocalEnvironment

AT_ONCE: Final = 4
"""Each starts a process on this machine."""
INITIALIZE: Final = {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps({"initialize": True})}}]}
"""What asks a plugin what it is: it starts, and reports nothing."""
NOTHING: Final[dict[str, Any]] = {"Records": []}


def start_functions(aws: LocalEnvironment, handler: str, event: object) -> None:
    """Call every function with this handler once, and wait for it."""
    client = aws.client("lambda")
    names = [
        function["FunctionName"]
        for page in client.get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if function.get("Handler") == handler
    ]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(lambda name: client.invoke(FunctionName=name, Payload=json.dumps(event)), names))
