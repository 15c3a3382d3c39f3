"""The runtime layer, built for real: needs a package index, but neither emulator nor AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_constructs.layer_build import LayerBuild, LayerTarget, lock_file, runtime_package

pytestmark = pytest.mark.e2e

MOST_BYTES = 15_000_000
MOST_BYTES_COMPILED = 20_000_000
"""With what Python has compiled: where it is the Python of the target."""
_IMPORT = """
import importlib, json, pkgutil, orchestrator_runtime, pydantic
for module in pkgutil.walk_packages(orchestrator_runtime.__path__, "orchestrator_runtime."):
    importlib.import_module(module.name)
print(json.dumps([orchestrator_runtime.__file__, pydantic.__file__]))
"""


def build(target: LayerTarget, cache: Path) -> Path:
    return LayerBuild(lock=lock_file(), package=runtime_package(), target=target, cache=cache).folder() / "python"


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("processor", ["aarch64", "x86_64"])
def test_is_built_for_every_target_of_lambda(tmp_path: Path, processor: str, python: str) -> None:
    layer = build(LayerTarget(python_version=python, platform=f"{processor}-manylinux2014"), tmp_path)
    (compiled,) = layer.glob("pydantic_core/*.so")
    assert f"cpython-{python.replace('.', '')}-{processor}-linux" in compiled.name
    assert not {"bin", "boto3", "botocore"} & {path.name for path in layer.iterdir()}
    sizes = {path: path.stat().st_size for path in layer.rglob("*") if path.is_file()}
    assert sum(size for path, size in sizes.items() if path.suffix != ".pyc") < MOST_BYTES
    assert sum(sizes.values()) < MOST_BYTES_COMPILED


def test_holds_all_that_the_runtime_imports_beside_boto3(tmp_path: Path) -> None:
    """Import every module in a Python without site-packages, with boto3 alone put back, as Lambda has it."""
    layer = build(LayerTarget.of_host(), tmp_path / "cache")
    boto = tmp_path / "lambda"
    boto.mkdir()
    installed = Path(sys.modules["pytest"].__file__ or "").parents[1]
    for name in ("boto3", "botocore", "s3transfer", "dateutil", "urllib3", "six.py"):
        (boto / name).symlink_to(installed / name)
    done = subprocess.run(
        [sys.executable, "-S", "-c", _IMPORT],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(layer), str(boto)))},
        check=True,
        capture_output=True,
        text=True,
    )
    assert all(file.startswith(str(layer)) for file in json.loads(done.stdout))
