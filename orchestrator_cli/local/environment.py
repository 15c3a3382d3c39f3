"""The local environment: an AWS on this machine, deployed to with the real CDK CLI.

    with LocalEnvironment() as aws:
        aws.deploy(app="examples/insurance/platform", context={"stage": "demo"})
        aws.client("sns").list_topics()

Needs no Docker, no account and no credentials. Nothing of the user's AWS configuration is read, and nothing
listens but one port of loopback. What it cannot show is what the emulator does not enforce: see
``docs/local.md``.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from orchestrator_cli.errors import UsageError
from orchestrator_cli.local.cdk import Cdk, CdkProcesses
from orchestrator_cli.local.emulator import Emulator, start_emulator
from orchestrator_cli.local.function_logs import function_logs
from orchestrator_cli.local.session import ACCOUNT, REGION, Keys, loopback_session, subprocess_environment
from orchestrator_cli.local.toolchain import Toolchain

_ALWAYS: Final = {"orchestrator:layer-target": "host"}
"""Handlers run under this machine's Python, so the layer must be built for it."""


class LocalEnvironment:
    """An AWS on this machine: the emulator, and what is needed to deploy to it.

    Started and stopped as a context manager, or by ``start`` and ``stop``. One that is running already, in
    another process, is taken over with ``LocalEnvironment(running=emulator)``; it is then not stopped at the end
    of a ``with`` block.

    Args:
        toolchain: The emulator and the CDK CLI. Default: fetched once, and kept in the user's cache folder.
        running: An emulator to take over. Default: one of its own.
        enforce_iam: Whether one of its own refuses what roles and policies do not allow. Default: anybody may do
            anything. What it covers is in ``docs/local.md``.
        record_calls: Whether one of its own writes down every call of AWS and of a function, to
            ``emulator.calls``, a JSON line each. Default: it does not.

    Attributes:
        session: A boto3 session whose clients all go to this environment.
        client: ``session.client``: ``aws.client("sns")`` is a typed client.
    """

    def __init__(
        self,
        *,
        toolchain: Toolchain | None = None,
        running: Emulator | None = None,
        enforce_iam: bool = False,
        record_calls: bool = False,
    ) -> None:
        self._toolchain = toolchain or Toolchain()
        self._emulator = running
        self._keys = Keys.random() if running is None else running.keys
        self._enforce_iam = enforce_iam
        self._record_calls = record_calls
        self._ours = running is None
        self._runs = itertools.count(1)
        self._bootstrapping = threading.Lock()
        self._cdk_processes = CdkProcesses()
        self.session = loopback_session(lambda: self.endpoint_url, self._keys)
        self.client = self.session.client

    def __enter__(self) -> Self:
        if self._ours:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ours:
            self.stop(keep_logs=isinstance(error, Exception))

    @property
    def emulator(self) -> Emulator:
        """The running emulator.

        Raises:
            UsageError: It is not running.
        """
        if self._emulator is None:
            raise UsageError("the local environment is not running: call start(), or use it in a with statement")
        return self._emulator

    @property
    def endpoint_url(self) -> str:
        """Where the AWS API is."""
        return self.emulator.endpoint_url

    @property
    def environment(self) -> dict[str, str]:
        """The environment for a program that shall talk to this AWS and to no other."""
        return subprocess_environment(self.endpoint_url, self._keys)

    @property
    def logs(self) -> Path:
        """The folder with the logs of the emulator and of the CDK CLI."""
        return self.emulator.folder

    def start(self, *, detached: bool = False) -> None:
        """Start the emulator and wait until it answers. The first start fetches it, and the CDK CLI.

        Args:
            detached: Whether it outlives this process. Default: it ends with it, even if that is killed.
        """
        python = self._toolchain.emulator_python()
        node_modules = self._toolchain.node_modules()
        folder = Path(tempfile.mkdtemp(prefix="orchestrator-local-")).resolve()
        try:
            # Functions are unpacked below this folder, and Node looks for packages in every folder above a file.
            (folder / "tmp").mkdir()
            (folder / "tmp" / "node_modules").symlink_to(node_modules)
            self._emulator = start_emulator(
                python,
                folder,
                self._keys,
                detached=detached,
                enforce_iam=self._enforce_iam,
                record_calls=self._record_calls,
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def stop(self, *, keep_logs: bool = False) -> None:
        """Stop the emulator and every function in it, and remove its files. Stopping twice does no harm.

        Args:
            keep_logs: Leave the logs where they are: an error names them. A ``with`` block that ends in an error
                keeps them.
        """
        if self._emulator is None:
            return
        self._cdk_processes.kill()
        if keep_logs:
            with contextlib.suppress(BotoCoreError, ClientError):  # it may be the emulator that failed
                lines = function_logs(self.session)
                (self.logs / "functions.log").write_text("\n".join(lines), encoding="utf-8")
        emulator, self._emulator = self._emulator, None
        emulator.stop()
        for entry in emulator.folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            elif not (keep_logs and entry.suffix == ".log"):
                entry.unlink()
        if not keep_logs:
            emulator.folder.rmdir()

    def bootstrap(self) -> None:
        """Prepare the account for the CDK, as ``cdk bootstrap`` does it; once is enough, ``deploy`` sees to it."""
        with self._bootstrapping:
            done = self.emulator.folder / "bootstrapped"
            if not done.exists():
                self._cdk().run("bootstrap", ["bootstrap", f"aws://{ACCOUNT}/{REGION}"], folder=self.emulator.folder)
                done.touch()

    def synth(self, app: str | Path, *, context: Mapping[str, str] | None = None) -> Path:
        """Synthesize an app with the CDK CLI, for one ``deploy`` later; several may be synthesized at a time.

        Args:
            app: The app's folder: the one with its ``cdk.json``.
            context: Values for ``cdk synth --context``.

        Returns:
            The folder of the cloud assembly, which goes when the environment stops.

        Raises:
            CdkError: The CLI failed.
            UsageError: There is no app in that folder, or the environment is not running.
        """
        folder = _app_folder(app)
        name = self._run_name("synth", folder)
        assembly = self._assembly(name)
        options = ["--quiet", *_context(context), "--output", str(assembly)]
        self._cdk().run(name, ["synth", *options], folder=folder)
        return assembly

    def deploy(
        self, app: str | Path, *, context: Mapping[str, str] | None = None, stacks: Sequence[str] = ("--all",)
    ) -> None:
        """Deploy an app with the CDK CLI.

        Args:
            app: The app's folder: the one with its ``cdk.json``. Or the cloud assembly that ``synth`` made of it,
                which has its context in it already.
            context: Values for ``cdk deploy --context``.
            stacks: Names of stacks, or ``--all``.

        Raises:
            CdkError: The CLI failed.
            UsageError: There is no app in that folder, or the environment is not running.
        """
        self.bootstrap()
        options = ["--require-approval", "never", "--method", "direct"]
        self._run_app("deploy", Path(app).resolve(), [*stacks, *options], context)

    def destroy(
        self, app: str | Path, *, context: Mapping[str, str] | None = None, stacks: Sequence[str] = ("--all",)
    ) -> None:
        """Destroy an app's stacks with the CDK CLI; arguments and errors as for ``deploy``."""
        self._run_app("destroy", Path(app).resolve(), [*stacks, "--force"], context)

    def _run_app(self, command: str, folder: Path, arguments: Sequence[str], context: Mapping[str, str] | None) -> None:
        name = self._run_name(command, folder)
        if (folder / "manifest.json").is_file():
            where = ["--app", str(folder)]
            folder = self.emulator.folder
        else:
            folder = _app_folder(folder)
            # Synthesized apart from the app's folder: what lies in its cdk.out belongs to its user.
            where = ["--output", str(self._assembly(name))]
        self._cdk().run(name, [command, *arguments, *_context(context), *where], folder=folder)

    def _run_name(self, command: str, folder: Path) -> str:
        return f"{command}-{folder.name}-{next(self._runs)}"

    def _assembly(self, name: str) -> Path:
        return self.emulator.folder / "cdk.out" / name

    def _cdk(self) -> Cdk:
        return Cdk(self._toolchain.cdk(), self.environment, self.emulator.folder, self._cdk_processes)


def _context(context: Mapping[str, str] | None) -> list[str]:
    pairs = {**(context or {}), **_ALWAYS}
    return [part for name, value in pairs.items() for part in ("--context", f"{name}={value}")]


def _app_folder(app: str | Path) -> Path:
    folder = Path(app).resolve()
    if not (folder / "cdk.json").is_file():
        raise UsageError(f"{folder} has no cdk.json: give the folder of a CDK app")
    return folder
