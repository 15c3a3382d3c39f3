"""What the ``RuntimeLayer`` construct puts into a template; nothing is built here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk.assertions import Template

from orchestrator_constructs.layer_build import LayerBuild, LayerTarget, cache_folder, lock_file, runtime_package
from orchestrator_constructs.runtime_layer import RuntimeLayer

NO_BUNDLING: dict[str, list[str]] = {"aws:cdk:bundling-stacks": []}


def define_stack(context: Mapping[str, Any] = NO_BUNDLING) -> Stack:
    return Stack(App(context=context), "Stack")


def test_is_for_arm64_and_a_current_python() -> None:
    stack = define_stack()
    RuntimeLayer(stack, "Layer")
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::LayerVersion",
        {"CompatibleArchitectures": ["arm64"], "CompatibleRuntimes": ["python3.13"]},
    )


def test_is_for_what_it_is_told() -> None:
    stack = define_stack()
    RuntimeLayer(stack, "Layer", architecture=lambda_.Architecture.X86_64, runtime=lambda_.Runtime.PYTHON_3_11)
    Template.from_stack(stack).has_resource_properties(
        "AWS::Lambda::LayerVersion",
        {"CompatibleArchitectures": ["x86_64"], "CompatibleRuntimes": ["python3.11"]},
    )


def test_is_a_placeholder_where_nothing_is_bundled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORCHESTRATOR_CACHE_DIR", str(tmp_path / "cache"))
    app = App(context=NO_BUNDLING, outdir=str(tmp_path / "out"))
    RuntimeLayer(Stack(app, "Stack"), "Layer")
    app.synth()
    (asset,) = (tmp_path / "out").glob("asset.*")
    assert [path.name for path in asset.iterdir()] == ["layer.txt"]
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("context", "target"),
    [
        ({}, LayerTarget(python_version="3.13", platform="aarch64-manylinux2014")),
        ({"orchestrator:layer-target": "host"}, LayerTarget.of_host()),
    ],
    ids=["Lambda", "host"],
)
def test_takes_the_built_folder_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: dict[str, str], target: LayerTarget
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_CACHE_DIR", str(tmp_path))
    build = LayerBuild(lock=lock_file(), package=runtime_package(), target=target, cache=cache_folder())
    cached = build.cache / build.key
    (cached / "python").mkdir(parents=True)
    (cached / "python" / "built.py").write_text("")
    stack = define_stack(context)
    RuntimeLayer(stack, "Layer")
    (layer,) = Template.from_stack(stack).find_resources("AWS::Lambda::LayerVersion").values()
    # The asset's hash follows from what went into the build, not from the files or where they lie.
    assert layer["Properties"]["Content"]["S3Key"].endswith(".zip")
    other = define_stack(context)
    (cached / "python" / "built.py").write_text("# another machine's copy")
    RuntimeLayer(other, "Layer")
    (same,) = Template.from_stack(other).find_resources("AWS::Lambda::LayerVersion").values()
    assert same["Properties"]["Content"]["S3Key"] == layer["Properties"]["Content"]["S3Key"]


@pytest.mark.parametrize("runtime", [lambda_.Runtime.PYTHON_3_10, lambda_.Runtime.NODEJS_20_X])
def test_refuses_other_runtimes(runtime: lambda_.Runtime) -> None:
    with pytest.raises(ValueError, match=rf"Python 3.11 and later, got runtime '{runtime.name}'"):
        RuntimeLayer(define_stack(), "Layer", runtime=runtime)


def test_refuses_an_unknown_target() -> None:
    stack = define_stack({**NO_BUNDLING, "orchestrator:layer-target": "laptop"})
    with pytest.raises(ValueError, match="is 'laptop': set it to 'host'"):
        RuntimeLayer(stack, "Layer")
