"""Where the `orchestrator` script enters: says what to install if the command's own packages are not there."""

from __future__ import annotations

import sys

from orchestrator_cli.printing import print_traceback


def main() -> None:
    """Run the command."""
    sys.excepthook = print_traceback  # before Typer keeps the one that it finds
    try:
        from orchestrator_cli.main import app  # noqa: PLC0415 - what it imports may not be installed
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich"}:
            raise
        sys.exit("orchestrator: the command's packages are not installed: pip install 'orchestrator-constructs[cli]'")
    app()
