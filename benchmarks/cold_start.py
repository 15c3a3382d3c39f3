"""Times how functions, synthesis and the command start: ``python -m benchmarks.cold_start [--repeats 7]``.

Seconds of one machine tell nothing about AWS; each is taken in turns with something that is known to everybody, and the
ratio is what counts. They are seconds of the processor, which others on the machine disturb less. A function is timed
from the layer as ``RuntimeLayer`` builds it, up to the clients that its first call makes, against ``import boto3`` and
one client. The layer comes compiled where the Python that builds it is the one that it is for; so it is timed as it
is here, and once more without what was compiled, as Lambda has it where the two differ.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from orchestrator_constructs.layer_build import LayerBuild, LayerTarget, cache_folder, lock_file, runtime_package
from orchestrator_runtime.contract import Env, Handler

ROOT: Final = Path(__file__).resolve().parents[1]
EXAMPLE: Final = ROOT / "examples" / "insurance" / "platform"
BARE: Final = "import boto3; boto3.client('dynamodb')"
PORTS: Final[Mapping[Handler, str]] = {
    Handler.BEGIN_RUN: "environment.begin_ports()",
    Handler.OPEN_ACTIVITY: "environment.activity_ports()",
    Handler.RECORD_RESULT: "environment.activity_ports()",
    Handler.CHECK_DEADLINES: "environment.check_ports(lambda: True)",
    Handler.END_RUN: "environment.end_ports()",
    Handler.CANCEL_RUN: "environment.cancel_ports()",
    Handler.SWEEP_RUNS: "environment.sweep_ports()",
    Handler.WATCH_RUNS: "watch_environment.watch_ports()",
    Handler.REGISTER_PLUGIN: "registration_environment.register_ports()",
    Handler.REGISTER_STAGES: "registration_environment.stages_ports()",
    Handler.RECONCILE: "registration_environment.reconcile_ports(None)",
}
"""What the first call of each function makes."""
PLUGIN: Final = (
    "from orchestrator_runtime import plugin; handler = plugin(name='Empty')(lambda run: None); "
    "import boto3; boto3.client('sqs')"
)
_TIMED: Final = (
    "import sys, time; sys.path[:0] = {path!r}; t = time.process_time(); {code}; print(time.process_time() - t)"
)
_SETTINGS: Final = {
    **{name.value: "1" for name in Env},
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "PATH": os.environ["PATH"],
}

Timed = Callable[[], float]


def of_code(code: str, *path: Path) -> Timed:
    """Times code in a Python of its own, which leaves nothing compiled behind."""
    command = [sys.executable, "-I", "-B", "-c", _TIMED.format(path=[str(one) for one in path], code=code)]

    def timed() -> float:
        done = subprocess.run(command, env=_SETTINGS, check=True, capture_output=True, text=True)
        return float(done.stdout)

    return timed


def of_command(command: Sequence[str], folder: Path, **variables: str) -> Timed:
    """Times a command and all that it starts."""
    environment = {**os.environ, **variables}

    def timed() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return timed


def in_turns(subject: Timed, against: Timed, repeats: int) -> dict[str, float]:
    """Medians of both, timed in turns after one time each that is not counted, and their ratio."""
    subject(), against()
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(subject())
        theirs.append(against())
    mine, other = statistics.median(ours), statistics.median(theirs)
    return {"s": round(mine, 3), "against_s": round(other, 3), "ratio": round(mine / other, 2)}


def functions(layer: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Each function of the core, and a plugin, from a layer."""
    codes = {
        handler.value: f"import orchestrator_runtime.handlers.{handler.name.lower()}; "
        f"from orchestrator_runtime.handlers import {made.partition('.')[0]}; {made}"
        for handler, made in PORTS.items()
    }
    bare = of_code(BARE)
    return {
        name: in_turns(of_code(code, layer / "python"), bare, repeats)
        for name, code in {**codes, "a plugin": PLUGIN}.items()
    }


def unzipped_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def synthesis(repeats: int, work: Path) -> dict[str, float]:
    """The example's platform app against an app with nothing but an empty stack."""
    empty = work / "empty.py"
    empty.write_text("from aws_cdk import App, Stack\napp = App()\nStack(app, 'Empty')\napp.synth()\n")
    context = json.dumps(json.loads((EXAMPLE / "cdk.json").read_text()).get("context", {}))
    example = of_command(
        [sys.executable, "app.py"], EXAMPLE, CDK_CONTEXT_JSON=context, CDK_OUTDIR=str(work / "example")
    )
    return in_turns(example, of_command([sys.executable, str(empty)], work, CDK_OUTDIR=str(work / "empty")), repeats)


def command_help(repeats: int, work: Path) -> dict[str, float]:
    """``orchestrator --help`` against ``import aws_cdk``."""
    command = str(Path(sys.executable).parent / "orchestrator")
    cdk = [sys.executable, "-c", "import aws_cdk"]
    return in_turns(of_command([command, "--help"], work), of_command(cdk, work), repeats)


def main() -> None:
    """Time everything, and print it as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start")
    parser.add_argument("--repeats", type=int, default=7, help="default: 7")
    repeats: int = parser.parse_args().repeats
    layer = LayerBuild(lock_file(), runtime_package(), LayerTarget.of_host(), cache_folder()).folder()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        plain = work / "layer"
        shutil.copytree(layer, plain, ignore=shutil.ignore_patterns("__pycache__"))
        found: dict[str, Any] = {
            "layer_bytes": unzipped_bytes(layer),
            "layer_bytes_not_compiled": unzipped_bytes(plain),
            "functions": functions(layer, repeats),
            "functions_not_compiled": functions(plain, repeats),
            "synth": synthesis(max(3, repeats // 2), work),
            "help": command_help(repeats, work),
        }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
