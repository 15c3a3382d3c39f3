"""Builds the files of the runtime layer, once for each lock and target, without Docker.

Runs at synth time and knows nothing of the CDK: it turns a hash-pinned lock, a
target and the runtime package into a folder with the layout that Lambda wants
(``python/…``), and keeps that folder in the user's cache.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import platform
import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uv

from orchestrator_runtime import contract

_LAYOUT: Final = b"2"
"""Goes into the cache key; counts up when the layout of a built folder changes."""
_KEPT: Final = 8
"""Built folders that stay in the cache: each is 12 to 18 MB, and every change of the runtime makes one."""
_QUOTED_LINES: Final = 12

_HOST: Final = f"{platform.system()} {platform.machine()}"

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
"""Runs a command to its end; standard output and error come back as one text in ``stdout``."""


class LayerBuildError(RuntimeError):
    """The layer is not in the cache, and could not be built; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class LayerTarget:
    """Where a layer's compiled packages have to run.

    Attributes:
        python_version: Python's version with its minor number: ``"3.13"``.
        platform: uv's name of a platform, or ``None`` for the one that this process runs on.
    """

    python_version: str
    platform: str | None

    @classmethod
    def of_host(cls) -> LayerTarget:
        """The machine and the Python that run this process."""
        return cls(python_version=f"{sys.version_info.major}.{sys.version_info.minor}", platform=None)

    @property
    def has_this_python(self) -> bool:
        """Whether the Python there is the one of this process, so that what this one compiles is read there."""
        return self.python_version == self.of_host().python_version

    def __str__(self) -> str:
        return f"{self.platform or f'this machine ({_HOST})'}, Python {self.python_version}"


def lock_file() -> Path:
    """The hash-pinned lock of the layer: beside this module in a wheel, in ``requirements/`` in a checkout."""
    here = Path(__file__).resolve().parent
    packaged = here / "layer.txt"
    return packaged if packaged.is_file() else here.parent / "requirements" / "layer.txt"


def runtime_package() -> Path:
    """The folder of the ``orchestrator_runtime`` package, wherever it is installed."""
    return Path(contract.__file__).resolve().parent


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder that built layers are kept in.

    Default: ``orchestrator`` in the user's cache folder, as the operating system
    has it. The environment variable ``ORCHESTRATOR_CACHE_DIR`` names another.
    """
    if chosen := environ.get(contract.CACHE_DIR_VARIABLE):
        return Path(chosen).expanduser().resolve() / "layers"
    if sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        base = Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    else:
        base = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "orchestrator" / "layers"


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


@dataclass(frozen=True, slots=True)
class LayerBuild:
    """One layer: what goes in, for which target, and where the result is kept.

    Attributes:
        lock: Requirements with hashes, complete: nothing beyond them is installed.
        package: The runtime package, copied in as it is.
        target: Where the layer has to run.
        cache: The folder of built layers.
        run: How a command is run.
    """

    lock: Path
    package: Path
    target: LayerTarget
    cache: Path
    run: Run = _run

    @property
    def key(self) -> str:
        """A hash of everything that decides what is in the layer: the cache's key and the asset's."""
        digest = hashlib.sha256(_LAYOUT)
        digest.update(f"\0{self.target.python_version}\0{self.target.platform or _HOST}\0".encode())
        digest.update(f"{self.target.has_this_python}\0".encode())
        for name, file in [("", self.lock), *_source_files(self.package)]:
            content = file.read_bytes()
            digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()

    def folder(self) -> Path:
        """The built layer's folder, from the cache or built now.

        Two processes may do this at once: each builds apart, the first to finish
        puts its folder in place with one rename, and the other takes that.

        Raises:
            LayerBuildError: It is not in the cache, and uv could not install the packages.
        """
        built = self.cache / self.key
        if built.is_dir():
            built.touch()
            return built
        self.cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.cache, prefix=".building-") as temporary:
            work = Path(temporary) / "layer"
            self._install(work / "python")
            shutil.copytree(
                self.package,
                work / "python" / self.package.name,
                ignore=shutil.ignore_patterns("__pycache__", "*.pyc"),
            )
            _tidy(work)
            if self.target.has_this_python:
                _compile(work)
            _let_everybody_read(work)
            try:
                work.rename(built)
            except OSError:
                if not built.is_dir():
                    raise
        self._forget_the_oldest()
        return built

    def _install(self, into: Path) -> None:
        try:
            executable = uv.find_uv_bin()
        except FileNotFoundError as error:
            raise LayerBuildError(self._explain(f"uv is not installed beside the CDK: {error}")) from error
        command = [
            *(executable, "pip", "install", "--no-progress", "--color", "never"),
            *("--python", sys.executable, "--python-version", self.target.python_version),
            *(("--python-platform", self.target.platform) if self.target.platform else ()),
            # Copies, because their modes are changed, and uv would else share the files with its own cache.
            *("--target", str(into), "--link-mode", "copy", "--no-compile-bytecode"),
            *("--only-binary", ":all:", "--require-hashes", "--no-deps", "--requirements", str(self.lock)),
        ]
        done = self.run(command)
        if done.returncode:
            last = [line for line in done.stdout.splitlines() if line.strip()][-_QUOTED_LINES:]
            quoted = "\n".join(f"    {line}" for line in last)
            raise LayerBuildError(self._explain(f"uv ended with exit code {done.returncode}:\n{quoted}"))

    def _explain(self, reason: str) -> str:
        return (
            f"RuntimeLayer could not be built for {self.target}: {reason}\n"
            f"The packages of {self.lock} are installed once and then kept in {self.cache}; that first time needs a "
            f"package index. Where there is none, set {contract.CACHE_DIR_VARIABLE} to a cache that was filled "
            "elsewhere, or bring a layer of your own with these packages: layer= on OrchestratorCore, and that layer "
            "in place of RuntimeLayer on a plugin's function."
        )

    def _forget_the_oldest(self) -> None:
        built = [(entry.stat().st_mtime, entry) for entry in self.cache.iterdir() if not entry.name.startswith(".")]
        for _, entry in sorted(built, reverse=True)[_KEPT:]:
            shutil.rmtree(entry, ignore_errors=True)


def _source_files(package: Path) -> Iterator[tuple[str, Path]]:
    """A package's files with their names relative to it, in a fixed order, without what Python compiles."""
    for file in sorted(package.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts and file.suffix != ".pyc":
            yield file.relative_to(package).as_posix(), file


def _tidy(layer: Path) -> None:
    """Drop what Lambda does not need."""
    python = layer / "python"
    (python / ".lock").unlink(missing_ok=True)
    shutil.rmtree(python / "bin", ignore_errors=True)
    for cached in list(python.rglob("__pycache__")):
        shutil.rmtree(cached)


def _compile(layer: Path) -> None:
    """Compile what is there, so that a cold start need not: Lambda can keep nothing beside the layer's files.

    Compiled files are taken as they are: their sources' times, by which Python would else judge them, are lost on the
    way. What cannot be compiled is left to whoever imports it.
    """
    compileall.compile_dir(layer, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def _let_everybody_read(layer: Path) -> None:
    """Let every user read a layer, whatever this process's umask."""
    for path in (layer, *layer.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
