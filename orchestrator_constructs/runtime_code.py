"""The code asset of the core's functions: the package ``orchestrator_runtime`` and nothing beside it."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import IgnoreMode
from aws_cdk import aws_lambda as lambda_

from orchestrator_constructs.layer_build import runtime_package


def runtime_code(package: Path | None = None) -> lambda_.Code:
    """Take the package, and only it, from the folder that it lies in.

    In a checkout its parent is the folder ``runtime/``, after installation it is
    ``site-packages``: everything but the package is left out before it is read.
    Compiled files are left out too, or the asset's hash would change with each import.

    Args:
        package: The package's folder. Default: wherever it is installed.
    """
    package = package or runtime_package()
    return lambda_.Code.from_asset(
        str(package.parent),
        exclude=["*", f"!{package.name}", "**/__pycache__"],
        ignore_mode=IgnoreMode.DOCKER,
    )
