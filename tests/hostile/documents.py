"""Valid documents, of which hostile ones are made. What must not be logged of them is marked."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from orchestrator_runtime.custom_resources import RegistrationProperty
from tests.hostile.values import SECRET, encode

QUEUE: Final = "https://sqs.eu-west-1.amazonaws.com/123456789012/claims-dev-results"
TOPIC: Final = "arn:aws:sns:eu-west-1:123456789012:claims-dev-Rate-parallel"
FUNCTION: Final = "arn:aws:lambda:eu-west-1:123456789012:function:score"
EXECUTION: Final = "arn:aws:states:eu-west-1:123456789012:execution:claims-dev-workflow-NewBusiness:one"
_STAGE: Final = {"uid": "q-1", "workflow": "NewBusiness", "activity": "Rate", "stage": "parallel", "attempt": 1}


def metadata() -> dict[str, Any]:
    return {"line": "auto", "premium": 1200, "holder": {"name": SECRET, "ages": [41, 39]}, "tags": ["a", SECRET]}


def run_input() -> dict[str, Any]:
    return {"uid": "q-1", "metadata": metadata(), "metadata_override": False, "by": "ann"}


def report() -> dict[str, Any]:
    output = {"score": 0.2, "why": SECRET}
    return {
        **_STAGE,
        "plugin": "Score",
        "state": "Complete",
        "started_at": "2026-11-24T09:30:00.123456Z",
        "message": SECRET,
        "progress": 50,
        "output": output,
    }


def plugin_message() -> dict[str, Any]:
    return {
        **_STAGE,
        "plugins": ["Score", "Other"],
        "now": "2026-11-24T09:30:00.000Z",
        "metadata": metadata(),
        "outputs": {"Validate/pre/Address": {"zip": SECRET}},
        "report_to": QUEUE,
    }


def sns_event(message: str) -> dict[str, Any]:
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": f"{TOPIC}:Score",
        "Sns": {"Type": "Notification", "MessageId": "0d1c", "TopicArn": TOPIC, "Subject": None, "Message": message},
    }
    return {"Records": [record]}


def sqs_event(*bodies: str, queue: str = "arn:aws:sqs:eu-west-1:123456789012:Score-dead") -> dict[str, Any]:
    records = [
        {
            "messageId": f"m-{number}",
            "receiptHandle": "AQEB",
            "body": body,
            "attributes": {"SenderId": "AROASCORE:score", "ApproximateReceiveCount": "1", "MessageGroupId": "g"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": queue,
            "awsRegion": "eu-west-1",
        }
        for number, body in enumerate(bodies)
    ]
    return {"Records": records}


def invocation_record(message: str | None = None) -> dict[str, Any]:
    return {
        "version": "1.0",
        "timestamp": "2026-11-24T09:33:07.125Z",
        "requestContext": {
            "requestId": "5f6b2d0e",
            "functionArn": f"{FUNCTION}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": sns_event(encode(plugin_message()) if message is None else message),
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorType": "ValueError", "errorMessage": SECRET, "stackTrace": [SECRET]},
    }


STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/team/1"
SUBSCRIPTION = f"{TOPIC}:6e5c0a51-0a2f-4d0c-9a4b-7c1f6a0d2b11"
RESPONSE_URL = (
    "https://cloudformation-custom-resource-response-euwest1.s3.eu-west-1.amazonaws.com/"
    f"{quote(f'{STACK}|Score|r-1', safe='/')}"
)


def registration_request(request: str = "Create") -> dict[str, Any]:
    return {
        "RequestType": request,
        "ResponseURL": f"{RESPONSE_URL}?X-Amz-Signature={quote(SECRET, safe='')}",
        "StackId": STACK,
        "RequestId": "r-1",
        "LogicalResourceId": "Score",
        "ResourceType": "Custom::OrchestratorPlugin",
        **({} if request == "Create" else {"PhysicalResourceId": SUBSCRIPTION}),
        "ResourceProperties": {
            "ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:claims-dev-register-plugin",
            RegistrationProperty.ACTIVITY: "Rate",
            RegistrationProperty.STAGE: "parallel",
            RegistrationProperty.NAME: "Score",
            RegistrationProperty.SUBSCRIPTION_ARN: SUBSCRIPTION,
            RegistrationProperty.KIND: "function",
            RegistrationProperty.MANDATORY: "true",
            RegistrationProperty.ORDER: "10",
            RegistrationProperty.ALWAYS_RUN: "false",
            RegistrationProperty.TIMEOUT_SECONDS: "60",
            RegistrationProperty.START_WITHIN_SECONDS: "30",
            RegistrationProperty.REPORTS_START: "true",
            RegistrationProperty.DESCRIPTION: "Scores the driver",
            RegistrationProperty.FILTER_POLICY: '{"line":["auto"],"age":[{"numeric":[">=",18]}]}',
            RegistrationProperty.FILTER_POLICY_SCOPE: "MessageAttributes",
            RegistrationProperty.SENDER_ROLE_IDS: "AROASCORE,AROADEAD",
        },
    }


def trail_event(name: str) -> dict[str, Any]:
    asked: dict[str, dict[str, Any]] = {
        "Subscribe": {"topicArn": TOPIC, "protocol": "lambda", "endpoint": FUNCTION},
        "ConfirmSubscription": {"topicArn": TOPIC, "token": SECRET},
        "SetSubscriptionAttributes": {"subscriptionArn": f"{TOPIC}:0001", "attributeName": "FilterPolicy"},
        "Unsubscribe": {"subscriptionArn": f"{TOPIC}:0001"},
        "UpdateFunctionCode20150331v2": {"functionName": "score", "publish": False},
        "UpdateAlias20150331": {"functionName": f"{FUNCTION}:live", "name": "live"},
        "DeleteFunction20150331": {"functionName": FUNCTION},
    }
    return {
        "source": "aws.sns",
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {
            "eventName": name,
            "eventSource": "sns.amazonaws.com",
            "awsRegion": "eu-west-1",
            "recipientAccountId": "123456789012",
            "requestParameters": asked[name],
            "responseElements": {"subscriptionArn": f"{TOPIC}:0001"} if name == "Subscribe" else None,
            "errorCode": None,
        },
    }


TRAIL_EVENTS: Final = (
    *("Subscribe", "ConfirmSubscription", "SetSubscriptionAttributes", "Unsubscribe"),
    *("UpdateFunctionCode20150331v2", "UpdateAlias20150331", "DeleteFunction20150331"),
)


def begin_event(given: object) -> dict[str, Any]:
    return {
        "workflow": "NewBusiness",
        "activities": [["Validate"], ["Rate"]],
        "timeout_seconds": 2_592_000,
        "execution": EXECUTION,
        "input": given,
    }


def open_event() -> dict[str, Any]:
    return {
        "uid": "q-1",
        "workflow": "NewBusiness",
        "attempt": 1,
        "activity": "Rate",
        "token": SECRET,
        "entered": "2026-11-24T09:30:00.123Z",
        "retry": 0,
    }


def failed_event() -> dict[str, Any]:
    return {
        "workflow": "NewBusiness",
        "uid": "q-1",
        "execution": EXECUTION,
        "error": {"Error": "PluginFailed", "Cause": encode({"Error": "PluginFailed", "Cause": f"Score: {SECRET}"})},
    }


def status_event(status: str, given: str, cause: str) -> dict[str, Any]:
    return {
        "source": "aws.states",
        "detail-type": "Step Functions Execution Status Change",
        "detail": {
            "executionArn": EXECUTION,
            "stateMachineArn": "arn:aws:states:eu-west-1:123456789012:stateMachine:claims-dev-workflow-NewBusiness",
            "name": "one",
            "status": status,
            "startDate": 1_551_225_271_984,
            "stopDate": 1_551_225_276_000,
            "input": given,
            "error": "Operator",
            "cause": cause,
        },
    }
