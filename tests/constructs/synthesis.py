"""Synthesizes apps for tests and reads what came out of it.

Bundling is off: a template test needs neither uv nor a network, and takes no time for layers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aws_cdk import App
from aws_cdk.assertions import Template

from orchestrator_runtime.contract import Handler

PROJECT = Path(__file__).parents[2]
NO_BUNDLING: Mapping[str, Any] = {"aws:cdk:bundling-stacks": []}

Resource = dict[str, Any]


def recommended_flags() -> dict[str, Any]:
    """The feature flags of ``cdk.json``, which a test holds against the CDK CLI's list."""
    context = json.loads((PROJECT / "cdk.json").read_text())["context"]
    return {key: value for key, value in context.items() if key.startswith("@aws-cdk")}


@dataclass(frozen=True)
class StackTemplate:
    """The template of one stack."""

    body: dict[str, Any]

    @cached_property
    def template(self) -> Template:
        """The template, to be asserted on."""
        return Template.from_json(self.body)

    def resources(self, resource_type: str) -> dict[str, Resource]:
        """All resources of a type by logical id."""
        return {key: value for key, value in self.body["Resources"].items() if value["Type"] == resource_type}

    def named(self, name: str) -> Resource:
        """The resource with a physical name."""
        (found,) = [r for r in self.body["Resources"].values() if name in physical_names(r)]
        return dict(found)

    def function(self, handler: Handler) -> Resource:
        """The function of the core that runs a handler."""
        functions = self.resources("AWS::Lambda::Function").values()
        (found,) = [resource for resource in functions if resource["Properties"]["Handler"] == handler.entry_point]
        return found

    def asl(self, machine: str) -> dict[str, Any]:
        """The definition of a state machine, with what it refers to in angle brackets."""
        return self._definition(self.named(machine))

    def state_machines(self) -> dict[str, dict[str, Any]]:
        """The definitions of all state machines, by logical id."""
        machines = self.resources("AWS::StepFunctions::StateMachine")
        return {key: self._definition(machine) for key, machine in machines.items()}

    def _definition(self, machine: Resource) -> dict[str, Any]:
        return dict(json.loads(self.readable(machine["Properties"]["DefinitionString"])))

    def readable(self, value: Any) -> Any:  # noqa: PLR0911 - one for each kind of reference
        """Write references as ``<Partition>`` and ``<physical name>``; names that AWS generates as ``<logical id>``."""
        match value:
            case {"Ref": str(name)}:
                return f"<{name.removeprefix('AWS::')}>" if name.startswith("AWS::") else self._name_of(name)
            case {"Fn::GetAtt": [str(name), str(attribute)]}:
                target = self._name_of(name)
                return target if attribute in {"Arn", "TopicArn"} else f"{target[:-1]}.{attribute}>"
            case {"Fn::Join": [str(delimiter), list(parts)]}:
                return delimiter.join(self.readable(part) for part in parts)
            case {"Fn::Select": [index, {"Fn::Split": [":", arn]}]}:
                return f"{self.readable(arn)}[{index}]"
            case dict():
                return {key: self.readable(part) for key, part in value.items()}
            case list():
                return [self.readable(part) for part in value]
            case _:
                return value

    def _name_of(self, logical_id: str) -> str:
        if logical_id in self.body.get("Parameters", {}):
            return f"<{self.body['Parameters'][logical_id]['Default']}>"
        names = physical_names(self.body["Resources"][logical_id])
        return f"<{names[0] if names else logical_id}>"

    def allowed(self, role_of: Resource) -> dict[str, set[str]]:
        """What the role of a function or state machine may do: actions by resource, readable."""
        (role,) = [value["Fn::GetAtt"][0] for key, value in role_of["Properties"].items() if key in {"Role", "RoleArn"}]
        allowed: dict[str, set[str]] = {}
        for policy in self.resources("AWS::IAM::Policy").values():
            if {"Ref": role} not in policy["Properties"]["Roles"]:
                continue
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
                assert statement["Effect"] == "Allow"
                for resource in _listed(statement["Resource"]):
                    allowed.setdefault(self.readable(resource), set()).update(_listed(statement["Action"]))
        return allowed


@dataclass(frozen=True)
class Synthesized:
    """An app after its synthesis."""

    app: App
    stacks: dict[str, StackTemplate]
    dependencies: dict[str, set[str]]


def synthesize(define: Callable[[App], object], *, flags: Mapping[str, Any] | None = None) -> Synthesized:
    """Synthesize an app without bundling."""
    app = App(context={**NO_BUNDLING, **(flags or {})}, analytics_reporting=False)
    define(app)
    stacks, dependencies = {}, {}
    for artifact in app.synth().stacks:
        stacks[artifact.stack_name] = StackTemplate(json.loads(Path(artifact.template_full_path).read_text()))
        dependencies[artifact.stack_name] = {d.id for d in artifact.dependencies if not d.id.endswith(".assets")}
    return Synthesized(app, stacks, dependencies)


def physical_names(resource: Resource) -> list[str]:
    """The names that a template gives to a resource."""
    properties = resource.get("Properties", {})
    keys = ("FunctionName", "StateMachineName", "QueueName", "TopicName")
    return [properties[key] for key in keys if isinstance(properties.get(key), str)]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
