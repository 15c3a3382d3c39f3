"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

System = Annotated[
    str, typer.Option(envvar="ORCHESTRATOR_SYSTEM", help="The system, as in -c system=claims.", show_default=False)
]
Stage = Annotated[
    str, typer.Option(envvar="ORCHESTRATOR_STAGE", help="Its stage, as in -c stage=dev.", show_default=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, and nothing else.")]
Local = Annotated[
    bool, typer.Option("--local", envvar="ORCHESTRATOR_LOCAL", help="Use the environment of 'orchestrator local up'.")
]
