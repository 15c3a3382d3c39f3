"""The three apps as templates, and every run of the demo played through them without AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Acknowledgment, App, Validations
from aws_cdk.assertions import Match, Template
from cdk_nag import AwsSolutionsChecks

from examples.insurance.documents import app as documents
from examples.insurance.platform import app as platform
from examples.insurance.underwriting import app as underwriting
from orchestrator_runtime.authoring.decorator import PluginHandler
from orchestrator_runtime.contract import Env, Stage, State
from orchestrator_runtime.custom_resources import REGISTRATION_RESOURCE_TYPE
from orchestrator_runtime.filter_policy import matches
from orchestrator_runtime.models import Report, RunInput
from orchestrator_runtime.testing import call

EXAMPLE = Path(__file__).parents[2] / "examples" / "insurance"
RUNS = sorted((EXAMPLE / "runs").glob("*.json"))
WORKFLOWS = {"NewBusiness": ["Validate", "Rate", "GenerateDocuments"], "Cancel": ["Validate", "Rate", "CancelServices"]}

ALWAYS = {"Completeness", "Address", "Premium"}
NEW = ALWAYS | {"MarketComparison", "PolicyDocument", "WelcomeLetter"}
CANCELLED = ALWAYS | {"Refund", "Notice", "Billing"}
AUTO = {"Licence", "AutoRisk"}
EXPECTED = {
    "1-new-auto": NEW | AUTO | {"IdCard"},
    "2-new-home": NEW | {"HomeRisk"},
    "3-new-home-by-the-sea": NEW | {"HomeRisk", "HighValue", "Catastrophe"},
    "4-new-auto-no-fault": NEW | AUTO | {"IdCard", "NoFault", "HighValue"},
    "5-cancel-auto": CANCELLED | AUTO,
    "6-cancel-home": CANCELLED | {"HomeRisk", "Catastrophe"},
}


@dataclass(frozen=True)
class Registered:
    """A plugin as the templates register it."""

    activity: str
    stage: Stage
    name: str
    mandatory: bool
    order: int
    policy: dict[str, Any]
    handler: PluginHandler


def app_of(app_module: Any) -> App:
    context = json.loads((Path(app_module.__file__).parent / "cdk.json").read_text())["context"]
    return App(context=context | {"aws:cdk:bundling-stacks": []})


def template_of(app_module: Any) -> Template:
    return Template.from_stack(app_module.build(app_of(app_module)))


@pytest.fixture(scope="module")
def teams() -> dict[str, Template]:
    return {"underwriting": template_of(underwriting), "documents": template_of(documents)}


def registered_by(team: str, template: Template) -> Iterator[Registered]:
    functions = template.find_resources("AWS::Lambda::Function")
    subscriptions = template.find_resources("AWS::SNS::Subscription")
    for resource in template.find_resources(REGISTRATION_RESOURCE_TYPE).values():
        properties = resource["Properties"]
        subscription = subscriptions[properties["SubscriptionArn"]["Ref"]]["Properties"]
        function = functions[subscription["Endpoint"]["Fn::GetAtt"][0]]["Properties"]
        assert function["Environment"]["Variables"][Env.PLUGIN_NAME] == properties["Name"]
        package, module, name = function["Handler"].split(".")
        assert package == team
        yield Registered(
            activity=properties["Activity"],
            stage=Stage(properties["Stage"]),
            name=properties["Name"],
            mandatory=properties["Mandatory"] == "true",
            order=int(properties["Order"]),
            policy=json.loads(properties.get("FilterPolicy", "{}")),
            handler=getattr(import_module(f"examples.insurance.{team}.functions.{package}.{module}"), name),
        )


@pytest.fixture(scope="module")
def plugins(teams: dict[str, Template]) -> list[Registered]:
    return [plugin for team, template in teams.items() for plugin in registered_by(team, template)]


def play(run: dict[str, Any], plugins: list[Registered]) -> dict[str, Report]:
    """Play a run as the core would, and return each plugin's last report."""
    ends: dict[str, Report] = {}
    outputs: dict[str, Any] = {}
    attributes = {key: value for key, value in run["metadata"].items() if isinstance(value, str | int | float)}
    for activity in WORKFLOWS[run["workflow"]]:
        for stage in Stage:
            here = [plugin for plugin in plugins if (plugin.activity, plugin.stage) == (activity, stage)]
            sent = attributes | {"workflow": run["workflow"], "plugins": [plugin.name for plugin in here]}
            expected = [plugin for plugin in here if matches(plugin.policy, sent)]
            ended: dict[str, Any] = {}
            for plugin in sorted(expected, key=lambda plugin: (plugin.order, plugin.name)):
                last = call(
                    plugin.handler,
                    name=plugin.name,
                    metadata=run["metadata"],
                    outputs=outputs,
                    uid=run["uid"],
                    workflow=run["workflow"],
                    activity=activity,
                    stage=stage,
                )[-1]
                assert not (plugin.mandatory and last.state is State.ERROR), last.message
                ends[plugin.name] = last
                if last.output is not None:
                    ended[f"{activity}/{stage}/{plugin.name}"] = last.output
            outputs |= ended
    return ends


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_a_run_calls_exactly_the_plugins_that_match_and_completes(path: Path, plugins: list[Registered]) -> None:
    run = json.loads(path.read_text())
    RunInput(uid=run["uid"], metadata=run["metadata"])
    assert run["expect"] == State.COMPLETE
    ends = play(run, plugins)
    assert set(ends) == EXPECTED[path.stem]
    failed = {name: end.message for name, end in ends.items() if end.state is State.ERROR}
    if run["workflow"] == "NewBusiness":
        assert list(failed) == ["MarketComparison"]
        policy: Any = ends["PolicyDocument"].output
        premium: Any = ends["Premium"].output
        assert f"A year costs ${premium['annual']:,.2f}." in policy["content"]
    else:
        assert failed == {}
        refund: Any = ends["Refund"].output
        notice: Any = ends["Notice"].output
        assert f"We return ${refund['amount']:,.2f}" in notice["content"]


def test_the_runs_show_every_plugin_and_have_uids_of_their_own(plugins: list[Registered]) -> None:
    assert [path.stem for path in RUNS] == sorted(EXPECTED)
    assert set.union(*EXPECTED.values()) == {plugin.name for plugin in plugins}
    uids = [json.loads(path.read_text())["uid"] for path in RUNS]
    assert len(set(uids)) == len(uids)


def test_what_the_picture_promises_of_the_plugins(plugins: list[Registered]) -> None:
    assert {plugin.stage for plugin in plugins} == set(Stage)
    assert [plugin.name for plugin in plugins if not plugin.mandatory] == ["MarketComparison"]
    filtered = [plugin for plugin in plugins if plugin.stage is Stage.PARALLEL and plugin.policy]
    assert len(filtered) >= 5
    assert {"line", "premium", "state", "workflow"} <= {key for plugin in filtered for key in plugin.policy}


def test_the_platform_deploys_the_core_and_both_workflows() -> None:
    template = template_of(platform)
    template.resource_count_is("AWS::StepFunctions::StateMachine", len(WORKFLOWS))
    for name in WORKFLOWS:
        template.has_resource_properties(
            "AWS::StepFunctions::StateMachine", {"StateMachineName": f"insurance-demo-workflow-{name}"}
        )
    for activity in {activity for steps in WORKFLOWS.values() for activity in steps}:
        for stage in Stage:
            template.has_resource_properties("AWS::SNS::Topic", {"TopicName": f"insurance-demo-{activity}-{stage}"})
    template.resource_count_is(REGISTRATION_RESOURCE_TYPE, 0)
    for resource in template.find_resources("AWS::DynamoDB::Table").values():
        assert resource["DeletionPolicy"] == "Delete"


@pytest.mark.parametrize("team", ["underwriting", "documents"])
def test_a_team_finds_the_platform_by_name_and_leaves_nothing_behind(team: str, teams: dict[str, Template]) -> None:
    template = teams[team]
    assert "Fn::ImportValue" not in json.dumps(template.to_json())
    looked_up = [
        parameter["Default"]
        for parameter in template.to_json()["Parameters"].values()
        if parameter["Type"].startswith("AWS::SSM::Parameter::Value")
    ]
    assert any(name.startswith("/insurance/demo/") for name in looked_up)
    template.all_resources_properties("AWS::Lambda::Function", {"Runtime": "python3.13", "Architectures": ["arm64"]})
    template.all_resources("AWS::Logs::LogGroup", {"DeletionPolicy": "Delete", "Properties": Match.any_value()})


@pytest.mark.parametrize(
    "app_module", [platform, underwriting, documents], ids=["platform", "underwriting", "documents"]
)
def test_cdk_nag_finds_nothing(app_module: Any) -> None:
    app = app_of(app_module)
    Validations.of(app_module.build(app)).acknowledge(
        Acknowledgment(id="AwsSolutions-L1", reason="Python 3.13 is what the layer is built for by default")
    )
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
