"""The code asset of the core's functions."""

from __future__ import annotations

import shutil
from pathlib import Path

from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_

from orchestrator_constructs.runtime_code import runtime_code
from tests.constructs.synthesis import PROJECT

PACKAGE = PROJECT / "runtime" / "orchestrator_runtime"


def staged(package: Path | None = None) -> Path:
    """The folder of the asset, which is named for its hash."""
    app = App(analytics_reporting=False)
    lambda_.Function(
        Stack(app, "S"), "F", code=runtime_code(package), handler="a.b", runtime=lambda_.Runtime.PYTHON_3_13
    )
    (asset,) = Path(app.synth().directory).glob("asset.*")
    return asset


def test_asset_is_the_package_without_compiled_files() -> None:
    asset = staged()
    files = {path.relative_to(asset) for path in asset.rglob("*") if path.is_file()}
    sources = {path.relative_to(PACKAGE.parent) for path in PACKAGE.rglob("*") if path.is_file()}
    assert files == {path for path in sources if "__pycache__" not in path.parts}


def test_hash_is_the_same_in_a_checkout_and_among_installed_packages(tmp_path: Path) -> None:
    installed = tmp_path / "site-packages" / PACKAGE.name
    shutil.copytree(PACKAGE, installed, ignore=shutil.ignore_patterns("__pycache__"))
    (installed.parent / "neighbour").mkdir()
    (installed.parent / "neighbour" / "module.py").write_text("")
    (installed.parent / "single_module.py").write_text("")
    for folder in (installed, installed / "core"):
        (folder / "__pycache__").mkdir()
        (folder / "__pycache__" / "x.cpython-313.pyc").write_text("compiled")
    asset = staged(installed)
    assert [path.name for path in asset.iterdir()] == [PACKAGE.name]
    assert asset.name == staged().name
