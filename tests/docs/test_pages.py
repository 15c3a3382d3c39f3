"""What the pages say can be done: their code runs, their commands exist, their links lead somewhere."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator_runtime.models import PluginMessage, Report
from orchestrator_runtime.plugin_info import read_answer
from orchestrator_runtime.testing import sns_event
from tests.docs.pages import PAGES, PROJECT, blocks, broken_links, document, files

README = PROJECT / "README.md"
PLUGINS = PROJECT / "docs" / "plugins.md"
CONTRACT = PROJECT / "docs" / "contract.md"
LOCAL = PROJECT / "docs" / "local.md"
NO_BUNDLING = json.dumps({"aws:cdk:bundling-stacks": []})
ON_THE_PATH = {"PYTHONPATH": os.pathsep.join([str(PROJECT / "runtime"), str(PROJECT)])}

# Stands for the AWS client that Lambda's Node runtime brings: it prints what would be sent.
_SQS_CLIENT = """
export class SQSClient { async send(command) { console.log(JSON.stringify(command)); } }
export class SendMessageCommand { constructor(input) { Object.assign(this, input); } }
"""


def names(pages: Sequence[Path]) -> list[str]:
    return [str(page.relative_to(PROJECT)) for page in pages]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    assert list(broken_links(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (PROJECT / "Makefile").read_text(), re.M))
    code = [block.text for block in blocks(page)] + re.findall(r"`([^`\n]+)`", page.read_text())
    named = [target for text in code for line in re.findall(r"^make (.+)$", text, re.M) for target in shlex.split(line)]
    assert {target for target in named if "=" not in target} <= targets


def test_the_readme_names_what_ci_runs() -> None:
    run = set(re.findall(r"^make (\w+)", (PROJECT / ".ci" / "run").read_text(), re.M))
    assert run <= set(re.findall(r"make (\w+)", README.read_text()))


@pytest.mark.parametrize("page", [README, PLUGINS, LOCAL], ids=names([README, PLUGINS, LOCAL]))
def test_python_compiles(page: Path) -> None:
    written = files(page)
    for name, text in written.items():
        if name.endswith(".py"):
            compile(text, f"{page.name}:{name}", "exec")
    unnamed = [block for block in blocks(page) if block.language == "python" and not block.mark.startswith("file: ")]
    assert unnamed == [], "mark the block with the name of its file, so that it is tested"


def test_the_first_plugin_reports_what_the_readme_shows(tmp_path: Path) -> None:
    write(files(README), tmp_path)
    code = (
        "from orchestrator_runtime.testing import call\n"
        "import score\n"
        "for metadata in ({'line': 'auto', 'vehicle_age': 4}, {'line': 'auto'}):\n"
        "    for report in call(score.handler, metadata=metadata):\n"
        "        print(report.state, report.message, report.output)\n"
    )
    printed = run([sys.executable, "-c", code], tmp_path / "function")
    assert [line for line in printed.splitlines() if not line.startswith("{")] == [
        "In Progress the car is 4 years old None",
        "Complete None {'score': 0.2}",
        "Error KeyError: 'vehicle_age' None",
    ]


def test_the_first_plugin_can_be_synthesized(tmp_path: Path) -> None:
    write(files(README), tmp_path)
    assert "Custom::OrchestratorPlugin" in resource_types(tmp_path)


def test_the_composed_app_can_be_synthesized(tmp_path: Path) -> None:
    (app,) = [block.text for block in blocks(README) if block.mark == "file: platform/app.py"]
    write({"app.py": app}, tmp_path)
    types = resource_types(tmp_path)
    assert types.count("AWS::StepFunctions::StateMachine") == 1


@pytest.mark.parametrize(
    ("app", "plugins"), [("app.py", 1), ("as_it_is/app.py", 1), ("queue/app.py", 2), ("elsewhere/app.py", 1)]
)
def test_the_guide_s_apps_can_be_synthesized(tmp_path: Path, app: str, plugins: int) -> None:
    write(files(PLUGINS), tmp_path)
    assert resource_types(tmp_path, app).count("Custom::OrchestratorPlugin") == plugins


def test_every_block_of_the_guide_is_a_file_or_a_command_that_is_run() -> None:
    assert {block.mark.split(":")[0] for block in blocks(PLUGINS)} == {"file", "shell"}
    assert {block.mark.split(":")[0] for block in blocks(CONTRACT)} == {"document"}


def test_the_guide_s_tests_pass(tmp_path: Path) -> None:
    write(files(PLUGINS), tmp_path)
    options = ["--quiet", "--rootdir", ".", "-p", "no:cacheprovider", "-o", "pythonpath=function"]
    printed = run([sys.executable, "-m", "pytest", *options], tmp_path)
    assert "2 passed" in printed


_CALLS = """
from orchestrator_runtime import Retryable
from orchestrator_runtime.testing import call
import letter, rates
for line, premium in (("auto", 200), ("auto", "much"), ("boat", 1)):
    try:
        print("REPORT", call(rates.handler, metadata={"line": line, "premium": premium})[-1].model_dump_json())
    except Retryable as error:
        print("RAISED", error)
print("REPORT", call(letter.handler, uid="q-1")[-1].model_dump_json())
"""


def test_the_guide_s_other_functions_do_what_it_says(tmp_path: Path) -> None:
    write(files(PLUGINS), tmp_path)
    printed = run([sys.executable, "-c", _CALLS], tmp_path / "function").splitlines()
    done, invalid, again, letter = (line for line in printed if line.startswith(("REPORT", "RAISED")))
    assert json.loads(done.removeprefix("REPORT "))["output"] == {"premium": 208}
    assert json.loads(invalid.removeprefix("REPORT "))["message"].startswith("InvalidMetadata: ")
    assert again == "RAISED the rates are out of reach"
    assert json.loads(letter.removeprefix("REPORT "))["output"] == {"letter": "letter-q-1"}


def test_the_contract_s_documents_are_what_is_sent() -> None:
    message = document(CONTRACT, "PluginMessage")
    assert set(json.loads(message)) == set(PluginMessage.model_fields)
    PluginMessage.model_validate_json(message)
    report = document(CONTRACT, "Report")
    assert set(json.loads(report)) == set(Report.model_fields)
    Report.model_validate_json(report)


def test_the_contract_s_answer_to_initialize_is_understood_as_a_whole() -> None:
    answer = json.loads(document(CONTRACT, "initialize"))
    info, problems = read_answer(answer)
    assert problems == []
    assert info.as_answer() == answer


@pytest.mark.parametrize(
    ("metadata", "end"),
    [
        ({"vehicle_age": 4}, {"state": "Complete", "output": {"score": 0.2}}),
        ({}, {"state": "Error", "message": "Error: vehicle_age is missing"}),
    ],
)
def test_the_guide_s_plugin_in_javascript_reports(
    tmp_path: Path, metadata: dict[str, Any], end: dict[str, Any]
) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node")
    client = tmp_path / "node_modules" / "@aws-sdk" / "client-sqs"
    client.mkdir(parents=True)
    (client / "package.json").write_text('{"type": "module", "main": "index.js"}')
    (client / "index.js").write_text(_SQS_CLIENT)
    write(files(PLUGINS), tmp_path)
    message = PluginMessage.model_validate({**json.loads(document(CONTRACT, "PluginMessage")), "metadata": metadata})
    call = f"import {{ handler }} from './score.mjs'; await handler({json.dumps(sns_event(message))});"
    printed = run([node, "--input-type=module", "-e", call], tmp_path, ORCHESTRATOR_PLUGIN_NAME="Score")
    sent = [json.loads(line) for line in printed.splitlines()]
    assert {one["QueueUrl"] for one in sent} == {message.report_to}
    reports = [Report.model_validate_json(one["MessageBody"]) for one in sent]
    about = message.model_dump(include={"uid", "workflow", "activity", "stage", "attempt"})
    assert reports == [
        Report.model_validate({**about, "plugin": "Score", "state": "In Progress"}),
        Report.model_validate({**about, "plugin": "Score", **end}),
    ]


def write(written: Mapping[str, str], folder: Path) -> None:
    """Write the files of a page."""
    for name, text in written.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def resource_types(folder: Path, app: str = "app.py") -> list[str]:
    """Synthesize an app as the CDK CLI does, without bundling, and list its resources' types."""
    run([sys.executable, app], folder, CDK_OUTDIR=str(folder / "cdk.out"), CDK_CONTEXT_JSON=NO_BUNDLING)
    (template,) = (folder / "cdk.out").glob("*.template.json")
    return [resource["Type"] for resource in json.loads(template.read_text())["Resources"].values()]


def run(command: Sequence[str], folder: Path, **environment: str) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **ON_THE_PATH, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
