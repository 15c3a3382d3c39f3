"""What ``OrchestratorCore`` puts into a template."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_logs as logs
from aws_cdk.assertions import Match

from orchestrator_constructs import OrchestratorCore
from orchestrator_runtime.contract import Env, Handler
from orchestrator_runtime.deployment import CoreOutput, Deployment
from tests.constructs.synthesis import Resource, StackTemplate, synthesize

CLAIMS = Deployment("claims", "dev")
TABLE = "AWS::DynamoDB::GlobalTable"

STATUS, CONTROL, REGISTRY = "CoreStatusAE845D7E", "CoreControl6EA14BB9", "CoreRegistry6A5719C9"


def test_ids_of_stateful_resources_are_frozen(claims: StackTemplate) -> None:
    """A changed id makes CloudFormation replace the resource and lose what is in it: say so in the changelog."""
    stateful = {*claims.resources(TABLE), *claims.resources("AWS::SQS::Queue")}
    assert stateful == {
        STATUS,
        CONTROL,
        REGISTRY,
        "CoreResultsCB347CE3",
        "CoreDeadLettersResultsA5930D9A",
        "CoreDeadLettersSweeps0AC0BEB8",
        "CoreDeadLettersReconciliations264D2C56",
        "CoreDeadLettersRegistrations52157AF3",
    }


@pytest.mark.parametrize(
    ("logical_id", "keys"),
    [
        (STATUS, [("uid", "HASH"), ("path", "RANGE")]),
        (CONTROL, [("uid", "HASH"), ("path", "RANGE")]),
        (REGISTRY, [("activity", "HASH"), ("registration", "RANGE")]),
    ],
)
def test_tables_are_encrypted_recoverable_and_kept(
    claims: StackTemplate, logical_id: str, keys: list[tuple[str, str]]
) -> None:
    table = claims.resources(TABLE)[logical_id]
    properties = table["Properties"]
    assert [(key["AttributeName"], key["KeyType"]) for key in properties["KeySchema"]] == keys
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    assert [r["PointInTimeRecoverySpecification"] for r in properties["Replicas"]] == [
        {"PointInTimeRecoveryEnabled": True}
    ]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")


def test_only_the_status_table_is_streamed(claims: StackTemplate) -> None:
    streams = {key: r["Properties"].get("StreamSpecification") for key, r in claims.resources(TABLE).items()}
    assert streams == {STATUS: {"StreamViewType": "NEW_AND_OLD_IMAGES"}, CONTROL: None, REGISTRY: None}


def test_runs_expire_and_registrations_do_not(claims: StackTemplate) -> None:
    expiring = {key for key, r in claims.resources(TABLE).items() if "TimeToLiveSpecification" in r["Properties"]}
    assert expiring == {STATUS, CONTROL}


def test_registry_is_indexed_by_function(claims: StackTemplate) -> None:
    claims.template.has_resource_properties(
        TABLE,
        {
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "by_function",
                    "KeySchema": [{"AttributeName": "function", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ]
        },
    )


def test_runs_in_progress_are_indexed_without_their_metadata(claims: StackTemplate) -> None:
    (index,) = claims.resources(TABLE)[STATUS]["Properties"]["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "active_runs"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["active", "active_since"]
    assert index["Projection"] == {
        "ProjectionType": "INCLUDE",
        "NonKeyAttributes": ["workflow", "attempt", "execution"],
    }


def test_activities_are_indexed_by_due_time_with_keys_only(claims: StackTemplate) -> None:
    (index,) = claims.resources(TABLE)[CONTROL]["Properties"]["GlobalSecondaryIndexes"]
    assert index["IndexName"] == "due_activities"
    assert [(key["AttributeName"], key["KeyType"]) for key in index["KeySchema"]] == [
        ("due_shard", "HASH"),
        ("due_at", "RANGE"),
    ]
    assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def test_results_queue_outlasts_its_function_and_dead_letters(claims: StackTemplate) -> None:
    queue = claims.named("claims-dev-results")["Properties"]
    timeout = claims.function(Handler.RECORD_RESULT)["Properties"]["Timeout"]
    assert queue["VisibilityTimeout"] >= 6 * timeout
    assert claims.readable(queue["RedrivePolicy"]) == {
        "deadLetterTargetArn": "<CoreDeadLettersResultsA5930D9A>",
        "maxReceiveCount": 50,
    }


def test_every_queue_is_encrypted_and_takes_only_tls(claims: StackTemplate) -> None:
    queues = claims.resources("AWS::SQS::Queue")
    assert all(queue["Properties"]["SqsManagedSseEnabled"] for queue in queues.values())
    closed = {
        policy["Properties"]["Queues"][0]["Ref"]
        for policy in claims.resources("AWS::SQS::QueuePolicy").values()
        if denies_plain_text(policy)
    }
    assert closed == set(queues)


def denies_plain_text(policy: Resource) -> bool:
    return any(
        statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    )


def test_reports_are_read_in_batches_that_fail_in_part(claims: StackTemplate) -> None:
    claims.template.has_resource_properties(
        "AWS::Lambda::EventSourceMapping",
        {
            "BatchSize": 10,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "EventSourceArn": {"Fn::GetAtt": ["CoreResultsCB347CE3", "Arn"]},
            "FunctionName": {"Ref": Match.string_like_regexp("RecordResult")},
        },
    )


def test_outputs_are_published_in_ssm(claims: StackTemplate) -> None:
    published = {
        parameter["Properties"]["Name"]: claims.readable(parameter["Properties"]["Value"])
        for parameter in claims.resources("AWS::SSM::Parameter").values()
    }
    expected = {
        CoreOutput.STATUS_TABLE_NAME: f"<{STATUS}>",
        CoreOutput.STATUS_TABLE_ARN: f"<{STATUS}>",
        CoreOutput.STATUS_STREAM_ARN: f"<{STATUS}.StreamArn>",
        CoreOutput.REGISTRY_TABLE_NAME: f"<{REGISTRY}>",
        CoreOutput.RESULTS_QUEUE_URL: "<claims-dev-results>",
        CoreOutput.RESULTS_QUEUE_ARN: "<claims-dev-results>",
        CoreOutput.BEGIN_RUN_ARN: "<claims-dev-begin-run>",
        CoreOutput.OPEN_ACTIVITY_ARN: "<claims-dev-open-activity>",
        CoreOutput.END_RUN_ARN: "<claims-dev-end-run>",
        CoreOutput.REGISTER_PLUGIN_ARN: "<claims-dev-register-plugin>",
        CoreOutput.REGISTER_STAGES_ARN: "<claims-dev-register-stages>",
        CoreOutput.RECONCILE_ARN: "<claims-dev-reconcile>",
        CoreOutput.CANCEL_RUN_ARN: "<claims-dev-cancel-run>",
        CoreOutput.DEAD_RESULTS_URL: "<CoreDeadLettersResultsA5930D9A>",
        CoreOutput.DEAD_SWEEPS_URL: "<CoreDeadLettersSweeps0AC0BEB8>",
        CoreOutput.DEAD_RECONCILIATIONS_URL: "<CoreDeadLettersReconciliations264D2C56>",
        CoreOutput.DEAD_REGISTRATIONS_URL: "<CoreDeadLettersRegistrations52157AF3>",
    }
    assert set(expected) == set(CoreOutput) - {CoreOutput.ENCRYPTION_KEY_ARN}
    assert {name: value for name, value in published.items() if "/core/" in name} == {
        CLAIMS.core_parameter(output): value for output, value in expected.items()
    }


def exports(template: StackTemplate) -> dict[str, Any]:
    outputs = template.body.get("Outputs", {}).values()
    return {o["Export"]["Name"]: template.readable(o["Value"]) for o in outputs if "Export" in o}


def test_outputs_are_exported(claims: StackTemplate) -> None:
    of_core = {name: value for name, value in exports(claims).items() if "-status-" in name or "-results-" in name}
    assert of_core == {
        "claims-dev-status-name": f"<{STATUS}>",
        "claims-dev-status-arn": f"<{STATUS}>",
        "claims-dev-status-stream-arn": f"<{STATUS}.StreamArn>",
        "claims-dev-results-queue-url": "<claims-dev-results>",
        "claims-dev-results-queue-arn": "<claims-dev-results>",
    }


def test_props_are_followed() -> None:
    def define(app: App) -> None:
        OrchestratorCore(
            Stack(app, "Core"),
            "Core",
            system="claims",
            stage="dev",
            retention=Duration.days(7),
            removal_policy=RemovalPolicy.DESTROY,
            log_retention=logs.RetentionDays.ONE_WEEK,
            exports=False,
        )

    template = synthesize(define).stacks["Core"]
    assert not exports(template)
    assert {r["DeletionPolicy"] for r in template.resources(TABLE).values()} == {"Delete"}
    assert {r["Properties"]["RetentionInDays"] for r in template.resources("AWS::Logs::LogGroup").values()} == {7}
    variables = template.function(Handler.BEGIN_RUN)["Properties"]["Environment"]["Variables"]
    assert variables[Env.RETENTION_DAYS] == "7"
