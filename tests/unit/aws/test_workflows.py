"""The workflows that are deployed, read from SSM."""

from __future__ import annotations

import boto3

from orchestrator_runtime.aws.workflows import SsmWorkflows
from orchestrator_runtime.deployment import Deployment
from tests.unit.moto_tables import REGION

DEPLOYMENT = Deployment("claims", "dev")


def test_all_workflows_are_found_with_what_they_expect_on_more_than_a_page(aws: None) -> None:
    client = boto3.client("ssm", region_name=REGION)
    path = DEPLOYMENT.workflows_path
    parameters = {DEPLOYMENT.workflow_parameter(f"Plain-{number}"): "arn:machine" for number in range(8)}
    parameters |= {f"{path}Timed-{number}/expected-seconds": f"{number}" for number in range(4)}
    parameters[DEPLOYMENT.workflow_parameter("Timed-0")] = "arn:machine"
    parameters[f"{path}Odd/expected-seconds/other"] = "7"
    parameters["/claims/dev/activities/Rate/expected-seconds"] = "8"
    for name, value in parameters.items():
        client.put_parameter(Name=name, Value=value, Type="String")

    assert SsmWorkflows(client, path).published() == {
        **{f"Plain-{number}": None for number in range(8)},
        **{f"Timed-{number}": f"{number}" for number in range(4)},
        "Odd": None,
    }
    assert SsmWorkflows(client, "/claims/prod/workflows/").published() == {}
