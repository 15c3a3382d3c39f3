"""The stages that are deployed, read from SSM."""

from __future__ import annotations

import boto3

from orchestrator_runtime.aws.stage_topics import SsmStages
from orchestrator_runtime.contract import Stage
from orchestrator_runtime.core.subscription import StageTopic
from orchestrator_runtime.deployment import Deployment
from tests.unit.moto_tables import REGION

DEPLOYMENT = Deployment("claims", "dev")


def test_the_stages_of_all_activities_are_found_on_more_than_a_page(aws: None) -> None:
    client = boto3.client("ssm", region_name=REGION)
    activities = [f"Activity-{number}" for number in range(5)]
    for activity in activities:
        for stage in Stage:
            name = DEPLOYMENT.topic_parameter(activity, stage)
            client.put_parameter(Name=name, Value=f"arn:{activity}-{stage}", Type="String")
    for other in ("/claims/dev/activities/Odd/after/topic-arn", "/claims/dev/core/results-queue-url"):
        client.put_parameter(Name=other, Value="x", Type="String")

    found = SsmStages(client, "/claims/dev/activities/").published()

    expected = [StageTopic(a, stage, f"arn:{a}-{stage}") for a in activities for stage in Stage]
    assert sorted(found, key=lambda topic: topic.arn) == sorted(expected, key=lambda topic: topic.arn)
    assert SsmStages(client, "/claims/prod/activities/").published() == []
