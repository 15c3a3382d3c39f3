"""How the files of the runtime layer are built and cached; uv is played by a function."""

from __future__ import annotations

import importlib.util
import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Barrier

import pytest

from orchestrator_constructs.layer_build import (
    LayerBuild,
    LayerBuildError,
    LayerTarget,
    cache_folder,
    lock_file,
    runtime_package,
)

LAMBDA = LayerTarget(python_version="3.13", platform="aarch64-manylinux2014")


@dataclass
class Uv:
    """Installs one package, as uv leaves it behind, or fails with an output."""

    output: str | None = None
    barrier: Barrier | None = None
    commands: list[list[str]] = field(default_factory=list)

    def __call__(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        self.commands.append(list(command))
        if self.barrier is not None:
            self.barrier.wait(timeout=30)
        if self.output is not None:
            return subprocess.CompletedProcess(command, 2, stdout=self.output)
        target = Path(command[command.index("--target") + 1])
        for name in ("pydantic/__init__.py", "pydantic/__pycache__/__init__.pyc", "bin/jp.py", ".lock"):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(name)
        (target / "pydantic" / "__init__.py").chmod(0o600)
        return subprocess.CompletedProcess(command, 0, stdout="")


@pytest.fixture
def build(tmp_path: Path) -> LayerBuild:
    lock = tmp_path / "layer.txt"
    lock.write_text("pydantic==2 --hash=sha256:00\n")
    package = tmp_path / "orchestrator_runtime"
    (package / "core").mkdir(parents=True)
    (package / "core" / "stage.py").write_text("x = 1\n")
    return LayerBuild(lock=lock, package=package, target=LAMBDA, cache=tmp_path / "cache", run=Uv())


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


class TestFolder:
    def test_holds_the_packages_and_the_runtime_and_nothing_else(self, build: LayerBuild) -> None:
        compiled = build.package / "__pycache__" / "stage.pyc"
        compiled.parent.mkdir()
        compiled.write_text("")
        assert files(build.folder()) == ["python/orchestrator_runtime/core/stage.py", "python/pydantic/__init__.py"]

    def test_is_compiled_where_the_python_is_this_one(self, build: LayerBuild) -> None:
        folder = replace(build, target=LayerTarget.of_host()).folder()
        source = folder / "python" / "orchestrator_runtime" / "core" / "stage.py"
        compiled = Path(importlib.util.cache_from_source(str(source)))
        # The flags of a file that is believed without a look at its source.
        assert compiled.read_bytes()[4:8] == b"\x01\0\0\0"
        assert files(build.folder()) == ["python/orchestrator_runtime/core/stage.py", "python/pydantic/__init__.py"]

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
    def test_can_be_read_by_every_user(self, build: LayerBuild) -> None:
        folder = build.folder()
        modes = {stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*")) if path.is_dir()}
        assert modes == {0o755}
        assert stat.S_IMODE((folder / "python/pydantic/__init__.py").stat().st_mode) == 0o644

    def test_is_built_once(self, build: LayerBuild) -> None:
        uv = Uv()
        first = replace(build, run=uv).folder()
        assert replace(build, run=uv).folder() == first
        assert len(uv.commands) == 1

    def test_two_builds_at_once_end_with_one_folder(self, build: LayerBuild) -> None:
        uv = Uv(barrier=Barrier(2))
        both = [replace(build, run=uv), replace(build, run=uv)]
        with ThreadPoolExecutor(2) as threads:
            first, second = threads.map(lambda one: one.folder(), both)
        assert first == second
        assert len(uv.commands) == 2
        assert list(build.cache.iterdir()) == [first]

    def test_only_the_most_recently_used_stay(self, build: LayerBuild) -> None:
        for age in range(12):
            old = build.cache / f"old-{age}"
            old.mkdir(parents=True)
            os.utime(old, (1_000_000 - age, 1_000_000 - age))
        folder = build.folder()
        assert {entry.name for entry in build.cache.iterdir()} == {folder.name, *(f"old-{age}" for age in range(7))}


class TestCommand:
    def test_installs_pinned_wheels_for_the_target(self, build: LayerBuild) -> None:
        uv = Uv()
        replace(build, run=uv).folder()
        (command,) = uv.commands
        line = " ".join(command)
        assert "--python-version 3.13 --python-platform aarch64-manylinux2014" in line
        assert f"--only-binary :all: --require-hashes --no-deps --requirements {build.lock}" in line

    def test_names_no_platform_for_this_machine(self, build: LayerBuild) -> None:
        uv = Uv()
        replace(build, target=LayerTarget.of_host(), run=uv).folder()
        (command,) = uv.commands
        assert "--python-platform" not in command
        version = command[command.index("--python-version") + 1]
        assert version == f"{sys.version_info.major}.{sys.version_info.minor}"


class TestKey:
    def test_depends_on_lock_runtime_and_target(self, build: LayerBuild) -> None:
        keys = [build.key]
        build.lock.write_text("pydantic==3 --hash=sha256:00\n")
        keys.append(build.key)
        (build.package / "core" / "stage.py").write_text("x = 2\n")
        keys.append(build.key)
        (build.package / "core" / "stage.py").rename(build.package / "core" / "plan.py")
        keys.append(build.key)
        targets = [replace(LAMBDA, python_version="3.12"), replace(LAMBDA, platform="x86_64-manylinux2014")]
        keys += [replace(build, target=target).key for target in (*targets, LayerTarget.of_host())]
        assert len(set(keys)) == len(keys)

    def test_does_not_depend_on_places_or_compiled_files(self, build: LayerBuild, tmp_path: Path) -> None:
        key = build.key
        compiled = build.package / "__pycache__" / "stage.pyc"
        compiled.parent.mkdir()
        compiled.write_text("")
        moved = build.package.rename(tmp_path / "elsewhere")
        assert replace(build, package=moved, cache=tmp_path / "other").key == key


class TestFailure:
    def test_says_what_failed_and_names_the_ways_out(self, build: LayerBuild) -> None:
        output = "Resolving\n" + "\n".join(f"line {number}" for number in range(20)) + "\nerror: no route to host\n"
        with pytest.raises(LayerBuildError) as error:
            replace(build, run=Uv(output=output)).folder()
        text = str(error.value)
        assert "for aarch64-manylinux2014, Python 3.13: uv ended with exit code 2" in text
        assert "error: no route to host" in text
        assert "Resolving" not in text
        assert "layer= on OrchestratorCore" in text
        assert "ORCHESTRATOR_CACHE_DIR" in text

    def test_leaves_nothing_behind(self, build: LayerBuild) -> None:
        with pytest.raises(LayerBuildError):
            replace(build, run=Uv(output="error")).folder()
        assert list(build.cache.iterdir()) == []
        assert build.folder().is_dir()


class TestPlaces:
    def test_the_variable_names_the_cache(self, tmp_path: Path) -> None:
        assert cache_folder({"ORCHESTRATOR_CACHE_DIR": str(tmp_path)}) == tmp_path / "layers"

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems have other places")
    def test_the_user_s_cache_is_the_default(self) -> None:
        assert cache_folder({"XDG_CACHE_HOME": "/caches"}) == Path("/caches/orchestrator/layers")
        assert cache_folder({}) == Path.home() / ".cache" / "orchestrator" / "layers"

    def test_the_lock_pins_every_package_by_hash(self) -> None:
        requirements = lock_file().read_text().replace("\\\n", "").splitlines()
        assert requirements
        assert all("==" in line and "--hash=sha256:" in line for line in requirements)

    def test_boto3_is_left_to_lambda(self) -> None:
        assert "boto" not in lock_file().read_text()

    def test_the_runtime_is_found(self) -> None:
        assert (runtime_package() / "contract.py").is_file()
