"""The README's first plugin, command by command, on a local AWS of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_cli.local.toolchain import cache_folder
from orchestrator_runtime.contract import CACHE_DIR_VARIABLE
from tests.docs.pages import PROJECT, Block, blocks

pytestmark = pytest.mark.e2e

_MARK = "first plugin"
_AT_MOST_SECONDS = 600


def commands() -> Iterator[str]:
    """The README's commands in order, and before it clears away those of the guide for plugin authors.

    ``exit N`` in a block's mark says how its last command ends.
    """
    written = [block for block in blocks(PROJECT / "README.md") if block.mark.startswith(_MARK)]
    # The guide is written for AWS.
    guide = [
        Block(block.mark, block.language, block.text.replace("--stage dev\n", "--stage dev --local\n"))
        for block in blocks(PROJECT / "docs" / "plugins.md")
        if block.mark.startswith("shell: ")
    ]
    for block in [*written[:-1], *guide, *written[-1:]]:
        expected = re.search(r"exit (\d+)", block.mark)
        if expected is None:
            yield block.text
        else:
            yield f"set +e\n{block.text}code=$?\nset -e\ntest $code -eq {expected[1]}\n"


def cache_of_its_own(folder: Path) -> Path:
    """A cache in which no environment is up, with the tools that the user's cache has already."""
    folder.mkdir()
    for fetched in (entry for entry in cache_folder().glob("*") if entry.is_dir()):
        (folder / fetched.name).symlink_to(fetched)
    return folder


def test_every_command_works_as_written(tmp_path: Path) -> None:
    # The commands leave the project for a folder beside it, which here shall not be the real one.
    project = tmp_path / "project"
    project.symlink_to(PROJECT)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "ORCHESTRATOR_"))},
        CACHE_DIR_VARIABLE: str(cache_of_its_own(tmp_path / "cache")),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    script = "".join(["set -euo pipefail\n", f"cd '{project}'\n", *commands()])
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", script], env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait(timeout=_AT_MOST_SECONDS)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            # Does nothing where the commands came to their end.
            subprocess.run(["orchestrator", "local", "down"], env=environment, check=True, capture_output=True)
    said = log.read_text()
    assert code == 0, said
    assert re.search(r"NewBusiness +q-1 .*Complete", said), said
    assert re.search(r"✔ Score ", said), said
    assert "KeyError: 'vehicle_age'" in said
    assert re.search(r"NewBusiness +q-3 .*attempt 2 · Complete", said), said
    assert "nothing wrong" in said
    assert said.rstrip().endswith("The local AWS is down.")
    assert not (tmp_path / "my-plugin").exists()
