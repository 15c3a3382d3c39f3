"""The Lambda layer with the runtime library and the packages that it imports."""

from __future__ import annotations

import re
from typing import Final

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from orchestrator_constructs.layer_build import LayerBuild, LayerTarget, cache_folder, lock_file, runtime_package
from orchestrator_runtime import contract

_OLDEST_MINOR: Final = 11
_PYTHON_RUNTIME: Final = re.compile(r"python3\.(\d+)")


class RuntimeLayer(lambda_.LayerVersion):
    """Defines a Lambda layer for functions that import ``orchestrator_runtime``.

    It holds the library (the ``plugin`` decorator and its messages) and the
    third-party packages that the library imports, about 12 MB. It takes 18 where
    they come compiled, which spares each cold start that work: if the app is
    synthesized by the Python that the functions run on. boto3 is not in it:
    Lambda's Python runtimes bring their own. One layer serves core and plugins
    alike: the core's functions carry their own copy of the library in their code,
    which Lambda puts before any layer, so this one never shadows it.

    The layer is built while the app is synthesized, by uv and from wheels whose
    hashes are pinned in this package; Docker is not used. The first build of a
    release needs a package index; afterwards the result comes from the user's
    cache folder (``ORCHESTRATOR_CACHE_DIR`` names another). Where the CDK
    bundles nothing, as in ``cdk list`` or template tests with the context
    ``aws:cdk:bundling-stacks`` set to ``[]``, nothing is built and the asset is
    a placeholder.

    The context ``orchestrator:layer-target`` set to ``host`` builds for the
    platform and the Python that run the app, in place of ``architecture`` and
    ``runtime``: an emulator may run functions as processes of this machine.

    Example:
        ::

            score = lambda_.Function(
                self,
                "Score",
                code=lambda_.Code.from_asset("score"),
                handler="score.handler",
                runtime=lambda_.Runtime.PYTHON_3_13,
                architecture=lambda_.Architecture.ARM_64,
                layers=[RuntimeLayer(self, "Layer")],
            )
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - the name that every construct gives it
        *,
        architecture: lambda_.Architecture | None = None,
        runtime: lambda_.Runtime | None = None,
        removal_policy: RemovalPolicy | None = None,
    ) -> None:
        """Define the layer.

        Args:
            scope: The construct that this one belongs to.
            id: The construct's id in its scope.
            architecture: The processor of the functions that use the layer. Default: arm64.
            runtime: Their Python, 3.11 or later. Default: Python 3.13.
            removal_policy: What becomes of a version that a newer one replaces. Default: it is deleted;
                functions that use it go on working until they are updated.

        Raises:
            ValueError: The runtime is no supported Python, or the context has an unknown target.
            LayerBuildError: The layer is not in the cache and could not be built.
        """
        architecture = architecture or lambda_.Architecture.ARM_64
        runtime = runtime or lambda_.Runtime.PYTHON_3_13
        target = _target(scope, architecture, runtime)
        super().__init__(
            scope,
            id,
            code=_code(scope, target),
            compatible_architectures=[architecture],
            compatible_runtimes=[runtime],
            description="orchestrator_runtime and the packages that it imports",
            removal_policy=removal_policy,
        )


def _target(scope: Construct, architecture: lambda_.Architecture, runtime: lambda_.Runtime) -> LayerTarget:
    python = _PYTHON_RUNTIME.fullmatch(runtime.name)
    if python is None or int(python[1]) < _OLDEST_MINOR:
        message = f"RuntimeLayer is for Python 3.{_OLDEST_MINOR} and later, got runtime {runtime.name!r}"
        raise ValueError(f"{message}: use Runtime.PYTHON_3_13, say, for the layer and for its functions")
    chosen = scope.node.try_get_context(contract.LAYER_TARGET_CONTEXT)
    if chosen == contract.LAYER_TARGET_HOST:
        return LayerTarget.of_host()
    if chosen is not None:
        message = f"the context {contract.LAYER_TARGET_CONTEXT!r} is {chosen!r}"
        raise ValueError(f"{message}: set it to {contract.LAYER_TARGET_HOST!r}, or leave it out to build for Lambda")
    processor = "aarch64" if architecture.name == lambda_.Architecture.ARM_64.name else "x86_64"
    return LayerTarget(python_version=f"3.{python[1]}", platform=f"{processor}-manylinux2014")


def _code(scope: Construct, target: LayerTarget) -> lambda_.Code:
    lock = lock_file()
    if not Stack.of(scope).bundling_required:
        # Nothing will be deployed: the lock alone stands for what would be installed from it.
        return lambda_.Code.from_asset(str(lock.parent), exclude=["*", f"!{lock.name}"])
    build = LayerBuild(lock=lock, package=runtime_package(), target=target, cache=cache_folder())
    folder = build.folder()
    # A folder is named for the hash of what it was built from: the same on every machine, and no need to read 12 MB.
    return lambda_.Code.from_asset(str(folder), asset_hash=folder.name)
