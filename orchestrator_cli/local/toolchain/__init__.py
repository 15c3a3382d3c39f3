"""The tools that the local environment runs, each pinned by a lock and in a place of its own.

Two tools are fetched on first use and kept in the user's cache, keyed by their locks:

- the emulator, in a Python environment that holds nothing else, so that a package which a Lambda bundle
  forgot is missed locally as it would be missed in AWS;
- the CDK CLI, a Node package, and beside it the AWS client that Lambda's Node runtime brings.

The locks lie beside this module in a wheel, and at the root of a checkout.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from orchestrator_cli.errors import CliError
from orchestrator_runtime.contract import CACHE_DIR_VARIABLE

_QUOTED_LINES: Final = 15

Run = Callable[[Sequence[str], Path], "subprocess.CompletedProcess[str]"]
"""Runs a command in a folder to its end; standard output and error come back as one text in ``stdout``."""


class ToolchainError(CliError):
    """A tool is neither in the cache nor could it be fetched; the text says why and what to do."""


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder that fetched tools are kept in.

    Default: ``orchestrator`` in the user's cache folder, as the operating system has it. The environment
    variable ``ORCHESTRATOR_CACHE_DIR`` names another.
    """
    if chosen := environ.get(CACHE_DIR_VARIABLE):
        return Path(chosen).expanduser().resolve()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "orchestrator"
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orchestrator"


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _pinned(name: str, *, in_checkout: str) -> Path:
    """A lock file: packaged beside this module, or at its place in a checkout."""
    packaged = Path(__file__).resolve().parent / name
    return packaged if packaged.is_file() else Path(__file__).resolve().parents[3] / in_checkout


@dataclass(frozen=True, slots=True)
class Toolchain:
    """Finds the pinned tools, and fetches those that are missing.

    Several processes may ask at once: a tool is put together in a folder of its own and moved to its place
    in one step, and whoever comes second uses what is there.

    Attributes:
        cache: The folder that fetched tools are kept in.
        run: How a command is run.
    """

    cache: Path = field(default_factory=cache_folder)
    run: Run = _run

    def emulator_python(self) -> Path:
        """The Python of the emulator's own environment: the version that runs this process."""
        lock = _pinned("emulator.txt", in_checkout="requirements/emulator.txt")
        key = _key([lock], sys.version, sys.base_prefix, platform.machine())

        def build(folder: Path) -> None:
            uv = _uv()
            python = folder / "bin" / "python"
            self._must([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], folder.parent)
            install = [uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes", "-r", str(lock)]
            self._must(install, folder.parent)

        return self._tool(f"emulator-{key}", build) / "bin" / "python"

    def cdk(self) -> Path:
        """The CDK CLI's executable."""
        return self.node_modules() / ".bin" / "cdk"

    def node_modules(self) -> Path:
        """The folder of the Node packages: the CDK CLI, and what functions find in Lambda's Node runtime."""
        manifest = _pinned("package.json", in_checkout="package.json")
        lock = _pinned("package-lock.json", in_checkout="package-lock.json")

        def build(folder: Path) -> None:
            npm = _on_path("npm")
            for file in (manifest, lock):
                shutil.copyfile(file, folder / file.name)
            self._must([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"], folder)

        _on_path("node")
        return self._tool(f"node-{_key([manifest, lock])}", build) / "node_modules"

    def _tool(self, name: str, build: Callable[[Path], None]) -> Path:
        place = self.cache / name
        if place.is_dir():
            return place
        try:
            self.cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ToolchainError(
                f"the cache folder {self.cache} cannot be made: {error}: set {CACHE_DIR_VARIABLE} to one that can"
            ) from error
        with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=self.cache) as workshop:
            made = Path(workshop) / name
            made.mkdir()
            build(made)
            # Whoever lost the race finds the winner's folder, which is as good.
            with contextlib.suppress(OSError):
                made.rename(place)
        return place

    def _must(self, command: Sequence[str], folder: Path) -> None:
        done = self.run(command, folder)
        if done.returncode:
            last = "\n".join(done.stdout.strip().splitlines()[-_QUOTED_LINES:])
            raise ToolchainError(
                f"{Path(command[0]).name} {command[1]} failed with exit code {done.returncode}. The first start needs "
                f"the package registries; once fetched, the tools stay in {self.cache}. Its last lines:\n{last}"
            )


def _key(files: Sequence[Path], *more: str) -> str:
    digest = hashlib.sha256("\0".join(more).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _uv() -> str:
    try:
        import uv  # noqa: PLC0415 - only the local environment needs it
    except ModuleNotFoundError as error:
        raise ToolchainError(
            "the local environment needs uv, which is not installed: pip install 'orchestrator-constructs[local]'"
        ) from error
    return uv.find_uv_bin()


def _on_path(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise ToolchainError(
            f"the local environment needs {program}, which is not on the PATH: install Node.js 20 or later"
        )
    return found
