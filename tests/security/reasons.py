"""The reason for each permission of each role, and for those on every resource; the example's accepted findings.

Sentences for ``docs/security.md``. The tests hold them against the templates, both ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from orchestrator_runtime.contract import Handler

_TRACES: Final = "Lambda sends its traces"
_OWN_LOG: Final = "Lambda writes its log"
_DEAD: Final = "Lambda sends invocations here that failed three times"
_WORKFLOWS: Final = "arn:…:states:…:stateMachine:{system}-{stage}-workflow-*"
_ENDS: Final[Mapping[str, str]] = {
    "{status table}": "reads the run and its stages; ends plugins, stages and the run",
    "{control table}": "ends the run's activities, and reads their task tokens",
    _WORKFLOWS: "fails the states that wait for the run's activities",
}
_ACTIVITIES: Final[Mapping[str, str]] = {
    "{status table}": "reads run and stages; writes plans, stages, plugins and outputs; deletes leftovers of earlier "
    "attempts",
    "{control table}": "reads task tokens; settles, dispatches and finishes activities",
    "{registry}": "reads the plugins and the settings of the stages",
    "arn:…:sns:…:{system}-{stage}-*": "publishes to stages",
    _WORKFLOWS: "answers the activity's task token",
}
_REPORTS: Final[Mapping[str, str]] = {"{results queue}": "reports"}
_READS: Final[Mapping[str, str]] = {"{plugin's queue}": "Lambda reads the queue for it"}
_DEAD_LETTERS: Final[Mapping[str, str]] = {
    **_REPORTS,
    "{dead letter queue}": "Lambda reads the queue for it",
    "{own log group}": _OWN_LOG,
}
_MACHINE: Final = "Step Functions sends the log of errors, and traces"


@dataclass(frozen=True)
class Documented:
    """What the page says of a role.

    Attributes:
        title: What it is the role of.
        purpose: What that is for.
        why: For each resource that its statements name, in words: what it is needed for.
    """

    title: str
    purpose: str
    why: Mapping[str, str]


def _handler(handler: Handler, purpose: str, why: Mapping[str, str]) -> Documented:
    return Documented(f"`{handler}`", purpose, {**why, "*": _TRACES, "{own log group}": _OWN_LOG})


CORE: Final[Mapping[Handler, Documented]] = {
    Handler.BEGIN_RUN: _handler(
        Handler.BEGIN_RUN,
        "A function: begins a run, or resumes it.",
        {
            "{status table}": "writes the run's row; reads an existing one",
            "arn:…:states:…:execution:{system}-{stage}-workflow-*:*": "reads whether the execution that holds the run "
            "is still running",
        },
    ),
    Handler.OPEN_ACTIVITY: _handler(
        Handler.OPEN_ACTIVITY,
        "A function: opens an activity of a run, and its first stage that has plugins.",
        {**_ACTIVITIES, "{control table}": "stores the task token; opens, dispatches and finishes activities"},
    ),
    Handler.RECORD_RESULT: _handler(
        Handler.RECORD_RESULT,
        "A function: records reports of plugins, closes stages and opens the next.",
        {**_ACTIVITIES, "{results queue}": "Lambda reads the queue for it"},
    ),
    Handler.CHECK_DEADLINES: _handler(
        Handler.CHECK_DEADLINES,
        "A function on a schedule: enforces the deadlines of plugins.",
        {
            **_ACTIVITIES,
            "{control table}": f"{_ACTIVITIES['{control table}']}; ends those of runs that have ended",
            "{control table}/index/due_activities": "finds the activities that are due",
        },
    ),
    Handler.END_RUN: _handler(Handler.END_RUN, "A function: writes how a run ended.", _ENDS),
    Handler.CANCEL_RUN: _handler(
        Handler.CANCEL_RUN,
        "A function: cancels a run.",
        {**_ENDS, "arn:…:states:…:execution:{system}-{stage}-workflow-*:*": "stops the run's execution"},
    ),
    Handler.SWEEP_RUNS: _handler(
        Handler.SWEEP_RUNS,
        "A function: ends runs whose executions are over.",
        {
            **_ENDS,
            "{status table}/index/active_runs": "finds the runs in progress",
            "arn:…:states:…:execution:{system}-{stage}-workflow-*:*": "reads how an execution ended",
            _WORKFLOWS: f"{_ENDS[_WORKFLOWS]}; lists the executions that are running",
            "{dead letter queue}": _DEAD,
        },
    ),
    Handler.WATCH_RUNS: _handler(
        Handler.WATCH_RUNS,
        "A function of `WorkflowMonitoring`: counts runs in progress, and announces overdue ones.",
        {
            "{status table}": "reads what an overdue run waits for, and how it ended",
            "{status table}/index/active_runs": "finds the runs in progress",
            "{control table}": "stores which overdue runs were announced",
            "{registry}": "reads the owner of a plugin that a run waits for",
            "arn:…:ssm:…:parameter/{system}/{stage}/workflows": "finds the workflows, and their expected durations",
            "arn:…:ssm:…:parameter/{system}/{stage}/workflows/*": "finds the workflows, and their expected durations",
            "{alerts topic}": "announces",
            "{key of the alerts}": "SNS encrypts the messages, in its name",
        },
    ),
    Handler.REGISTER_PLUGIN: _handler(
        Handler.REGISTER_PLUGIN,
        "A function: registers plugins as they are deployed.",
        {
            "{registry}": "reads, writes and deletes registrations and the names that they hold",
            "arn:…:sns:…:{system}-{stage}-*": "reads whether the stage exists, and what is subscribed to it",
            "{dead letter queue}": _DEAD,
        },
    ),
    Handler.REGISTER_STAGES: _handler(
        Handler.REGISTER_STAGES,
        "A function: registers stages as they are deployed; refuses the removal of stages in use.",
        {
            "{registry}": "writes and deletes settings of stages; reads the registrations to stages that are removed",
            "arn:…:cloudformation:…:stack/*": "reads whether a stack that is about to lose a stage can still roll back",
            "{dead letter queue}": _DEAD,
        },
    ),
    Handler.RECONCILE: _handler(
        Handler.RECONCILE,
        "A function: repairs the registry from the subscriptions.",
        {
            "{registry}": "reads, writes and deletes registrations and the names that they hold",
            "{registry}/index/by_function": "finds the registrations of a function",
            "arn:…:sns:…:{system}-{stage}-*": "reads the subscriptions to the stages",
            "arn:…:ssm:…:parameter/{system}/{stage}/activities": "finds the stages",
            "arn:…:ssm:…:parameter/{system}/{stage}/activities/*": "finds the stages",
            "arn:…:lambda:…:function:*": "invokes a function that subscribed without a construct, to describe its "
            "plugin, and reads whether SNS may invoke it; `plugin_functions` narrows it down",
            "{dead letter queue}": _DEAD,
        },
    ),
}

OTHERS: Final[Mapping[str, Documented]] = {
    "Platform/NewBusiness/Role": Documented(
        "a workflow's state machine",
        "Begins the run, opens its activities, ends the run.",
        {
            "{system}-{stage}-begin-run": "begins the run",
            "{system}-{stage}-open-activity": "opens an activity",
            "{system}-{stage}-end-run": "ends the run",
            "*": _MACHINE,
        },
    ),
    "Team/ReportsRole": Documented(
        "`Plugin`: the function", "Added to what its author gave it. It reports itself.", _REPORTS
    ),
    "Team/AsItIsRole": Documented(
        "`Plugin(reports_itself=False)`: the function",
        "Added to what its author gave it. Lambda reports, in its name.",
        {"{results queue}": "Lambda's destinations use the function's role"},
    ),
    "Team/OnceRole": Documented(
        "`Plugin(idempotent=False)`: the function",
        "Added to what its author gave it. It remembers what it did.",
        {**_REPORTS, "{table of calls}": "remembers calls, in a table of its own"},
    ),
    "Team/QueuedRole": Documented(
        "`QueuePlugin`: the function", "Added to what its author gave it.", {**_REPORTS, **_READS}
    ),
    "Team/Queued/DeadLettersRole": Documented(
        "`QueuePlugin`: the reader of its dead letters", "A function: reports what died in the queue.", _DEAD_LETTERS
    ),
    "Team/InOrderRole": Documented(
        "`QueuePlugin(fifo=True)`: the function", "Added to what its author gave it.", {**_REPORTS, **_READS}
    ),
    "Team/InOrder/FeederRole": Documented(
        "`QueuePlugin(fifo=True)`: the feeder",
        "A function: hands on to the FIFO queue what the topic brings.",
        {
            "{plugin's queue}": "hands on",
            "{results queue}": "Lambda reports calls that failed for good, in its name",
            "{own log group}": _OWN_LOG,
        },
    ),
    "Team/InOrder/DeadLettersRole": Documented(
        "`QueuePlugin(fifo=True)`: the reader of its dead letters",
        "A function: reports what died in the queue or did not come that far.",
        {**_DEAD_LETTERS, "{queue of what SNS could not deliver}": "Lambda reads the queue for it"},
    ),
    "Team/OutsideRole": Documented(
        "`QueuePlugin.grant_consume`: a consumer outside of Lambda",
        "Added to what its author gave it.",
        {**_REPORTS, "{plugin's queue}": "reads the queue, and hides a message while it works on it"},
    ),
    "Team/Outside/DeadLettersRole": Documented(
        "`QueuePlugin` without a function: the reader of its dead letters",
        "A function: reports what died in the queue.",
        _DEAD_LETTERS,
    ),
    "Users/User": Documented(
        "who was granted everything that can be granted",
        "`grant_start`, `grant_read_status`, `grant_cancel`, `grant_report`: one line for each.",
        {
            "arn:…:states:…:stateMachine:{system}-{stage}-workflow-{workflow}": "`grant_start`: starts runs",
            "{status table}": "`grant_read_status`: reads runs, their metadata and outputs",
            "arn:…:lambda:…:function:{system}-{stage}-cancel-run": "`grant_cancel`: cancels runs",
            "arn:…:sqs:…:{system}-{stage}-results": "`grant_report`: reports, for a sender that no construct knows",
        },
    ),
}


@dataclass(frozen=True)
class Everywhere:
    """A right on every resource.

    Attributes:
        who: Whose it is.
        reason: Why AWS offers nothing narrower.
    """

    who: str
    reason: str


EVERY_RESOURCE: Final[Mapping[frozenset[str], Everywhere]] = {
    frozenset({"xray:PutTraceSegments", "xray:PutTelemetryRecords"}): Everywhere(
        "the core's functions",
        "X-Ray has no resources that a policy could name.",
    ),
    frozenset(
        {
            "xray:PutTraceSegments",
            "xray:PutTelemetryRecords",
            "xray:GetSamplingRules",
            "xray:GetSamplingTargets",
        }
    ): Everywhere("the state machines", "As above."),
    frozenset(
        {
            "logs:CreateLogDelivery",
            "logs:GetLogDelivery",
            "logs:UpdateLogDelivery",
            "logs:DeleteLogDelivery",
            "logs:ListLogDeliveries",
            "logs:PutResourcePolicy",
            "logs:DescribeResourcePolicies",
            "logs:DescribeLogGroups",
        }
    ): Everywhere("the state machines", "Log deliveries have no ARN that a policy could name."),
    frozenset(
        {
            "ec2:CreateNetworkInterface",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DeleteNetworkInterface",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        }
    ): Everywhere(
        "the core's functions, where the core was given a `vpc`",
        "Describing is allowed on everything or not at all, and the others would have to name interfaces that Lambda "
        "is yet to make. AWSLambdaVPCAccessExecutionRole says the same.",
    ),
}

_LATEST: Final = "Python 3.13 is what the layer is built for by default."
_DEMO: Final = "It is the plugin author's to say; these are small functions without secrets that talk to SQS alone."
_INLINE: Final = "It says what this one role may do, and comes and goes with it."

BY_AUTHORS: Final[Mapping[str, str]] = {
    "AwsSolutions-L1": _LATEST,
    "Serverless-LambdaLatestVersion": _LATEST,
    "Serverless-LambdaTracing": _DEMO,
    "Serverless-LambdaDefaultMemorySize": _DEMO,
    "Serverless-LambdaDefaultTimeout": _DEMO,
    "Serverless-LambdaDLQ": "A queue calls it, and keeps what failed.",
    "NIST.800.53.R5-LambdaDLQ": "A queue calls it, and keeps what failed.",
    "NIST.800.53.R5-LambdaConcurrency": _DEMO,
    "NIST.800.53.R5-LambdaInsideVPC": _DEMO,
    "NIST.800.53.R5-CloudWatchLogGroupEncrypted": "CloudWatch encrypts it with a key of its own.",
    "NIST.800.53.R5-IAMNoInlinePolicy": _INLINE,
}
"""What is accepted of functions and roles that plugin authors bring: those of the example, and those that stand for
others here. The library says nothing about what is not its own."""
