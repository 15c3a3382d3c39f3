"""What the services alone take: three token-wait hops in a row, and one message to many functions and back.

::

    hops      state ──► topic ──► relay ──► queue ──► answer ──► SendTaskSuccess, three times
    fan-out   topic ──► N functions ──► queue ──► answer

Context ``functions`` is N.
"""

from __future__ import annotations

from pathlib import Path

from aws_cdk import App, CfnOutput, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

FUNCTIONS = Path(__file__).parent / "functions"
SUBSCRIBERS_IN_A_STACK = 100

app = App()
stack = Stack(app, "bare")
queue = sqs.Queue(stack, "Queue", queue_name="bare", visibility_timeout=Duration.minutes(12))


def define(where: Stack, name: str, handler: str, code: lambda_.Code, role: iam.IRole) -> lambda_.Function:
    """A function of 128 MB without a layer."""
    return lambda_.Function(
        where,
        name,
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
        code=code,
        handler=f"bare.{handler}",
        memory_size=128,
        timeout=Duration.minutes(2),
        role=role,
        environment={"QUEUE_URL": queue.queue_url},
    )


def role_of(where: Stack) -> iam.Role:
    """A role that may do what the functions do."""
    role = iam.Role(where, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    queue.grant_send_messages(role)
    queue.grant_consume_messages(role)
    return role


def code_of() -> lambda_.Code:
    """The code, for one stack."""
    return lambda_.Code.from_asset(str(FUNCTIONS), exclude=["**/__pycache__"])


code, role = code_of(), role_of(stack)
answer = define(stack, "Answer", "answer", code, role)
answer.add_event_source(sources.SqsEventSource(queue, batch_size=10))
topic = sns.Topic(stack, "Topic")
topic.add_subscription(subscriptions.LambdaSubscription(define(stack, "Relay", "relay", code, role)))
states = [
    tasks.SnsPublish(
        stack,
        f"Hop{number}",
        topic=topic,
        message=sfn.TaskInput.from_json_path_at("$$.Task.Token"),
        integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
        task_timeout=sfn.Timeout.duration(Duration.minutes(5)),
    )
    for number in (1, 2, 3)
]
machine = sfn.StateMachine(
    stack,
    "Hops",
    definition_body=sfn.DefinitionBody.from_chainable(states[0].next(states[1]).next(states[2])),
)
machine.grant_task_response(role)
many = sns.Topic(stack, "Many", topic_name="many")
outputs = {
    "Machine": machine.state_machine_arn,
    "One": topic.topic_arn,
    "Many": many.topic_arn,
}
for name, value in outputs.items():
    CfnOutput(stack, f"{name}Output", value=value, key=name)

count = int(app.node.get_context("functions"))
for start in range(0, count, SUBSCRIBERS_IN_A_STACK):
    subscribers = Stack(app, f"subscribers-{start // SUBSCRIBERS_IN_A_STACK + 1}")
    shared_code, shared_role = code_of(), role_of(subscribers)
    for number in range(start, min(start + SUBSCRIBERS_IN_A_STACK, count)):
        function = define(subscribers, f"Function{number:03}", "relay", shared_code, shared_role)
        imported = sns.Topic.from_topic_arn(subscribers, f"Many{number:03}", many.topic_arn)
        imported.add_subscription(subscriptions.LambdaSubscription(function))
app.synth()
