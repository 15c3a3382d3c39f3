"""``WorkflowMonitoring``: its topic, its alarms, its queries, and the role of its function."""

from __future__ import annotations

from typing import Any

import pytest
from aws_cdk import App, Duration, Stack
from aws_cdk import aws_sns as sns

from orchestrator_constructs import Activity, MonitoringAlarms, OrchestratorCore, Workflow, WorkflowMonitoring
from orchestrator_constructs.monitoring.queries import QUERIES
from orchestrator_runtime.contract import DeadLetters, Env, Handler
from tests.constructs.drawn_dashboard import monitored
from tests.constructs.synthesis import StackTemplate, synthesize

ALARM = "AWS::CloudWatch::Alarm"
STATUS, CONTROL, REGISTRY = "CoreStatusAE845D7E", "CoreControl6EA14BB9", "CoreRegistry6A5719C9"
WORKFLOWS = "arn:<Partition>:ssm:<Region>:<AccountId>:parameter/claims/dev/workflows"
OF_RUNS = {"failed-runs", "timed-out-runs", "overdue-runs", "results-age", "registration-problems"}


@pytest.fixture(scope="module")
def template() -> StackTemplate:
    return monitored()


def with_props(**props: Any) -> StackTemplate:
    def define(app: App) -> None:
        stack = Stack(app, "claims-dev")
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
        WorkflowMonitoring(stack, "Monitoring", core=core, **props)

    return synthesize(define).stacks["claims-dev"]


def alarms(template: StackTemplate) -> dict[str, Any]:
    found = [template.readable(alarm["Properties"]) for alarm in template.resources(ALARM).values()]
    return {alarm["AlarmName"].removeprefix("claims-dev-"): alarm for alarm in found}


def test_the_function_has_the_environment_that_it_needs(template: StackTemplate) -> None:
    properties = template.function(Handler.WATCH_RUNS)["Properties"]
    assert properties["FunctionName"] == "claims-dev-watch-runs"
    variables = template.readable(properties["Environment"]["Variables"])
    told = {key: value for key, value in variables.items() if not key.startswith("POWERTOOLS")}
    assert told == {
        Env.STATUS_TABLE: f"<{STATUS}>",
        Env.CONTROL_TABLE: f"<{CONTROL}>",
        Env.REGISTRY_TABLE: f"<{REGISTRY}>",
        Env.WORKFLOWS_PATH: "/claims/dev/workflows/",
        Env.ALERTS_TOPIC_ARN: "<claims-dev-alerts>",
        Env.SYSTEM: "claims",
        Env.STAGE: "dev",
    }


def test_the_function_may_do_what_it_does_and_no_more(template: StackTemplate) -> None:
    allowed = template.allowed(template.function(Handler.WATCH_RUNS))
    (key,) = template.resources("AWS::KMS::Key")
    own = {resource for resource in allowed if "Logs" in resource or resource == "*"}
    assert {resource: actions for resource, actions in allowed.items() if resource not in own} == {
        f"<{STATUS}>": {"dynamodb:GetItem", "dynamodb:Query"},
        f"<{STATUS}>/index/active_runs": {"dynamodb:Query"},
        f"<{REGISTRY}>": {"dynamodb:Query"},
        f"<{CONTROL}>": {f"dynamodb:{a}" for a in ("PutItem", "DeleteItem", "Query")},
        WORKFLOWS: {"ssm:GetParametersByPath"},
        f"{WORKFLOWS}/*": {"ssm:GetParametersByPath"},
        "<claims-dev-alerts>": {"sns:Publish"},
        f"<{key}>": {"kms:Decrypt", "kms:GenerateDataKey"},
    }


def test_ids_of_what_others_subscribe_to_are_frozen(template: StackTemplate) -> None:
    """A changed id makes CloudFormation replace the topic, and lose who is subscribed: say so in the changelog."""
    (topic,) = template.resources("AWS::SNS::Topic")
    (key,) = template.resources("AWS::KMS::Key")
    assert (topic, key) == ("MonitoringAlertsTopic76D2C73E", "MonitoringAlertsKeyBA8D41B2")


def schedules(template: StackTemplate) -> set[str]:
    rules = template.resources("AWS::Events::Rule")
    return {r["Properties"]["ScheduleExpression"] for key, r in rules.items() if key.startswith("Monitoring")}


def test_runs_are_counted_each_minute(template: StackTemplate) -> None:
    assert schedules(template) == {"rate(1 minute)"}


def test_failed_invocations_of_schedules_are_not_retried(template: StackTemplate) -> None:
    found = [config["Properties"] for config in template.resources("AWS::Lambda::EventInvokeConfig").values()]
    assert {template.readable(config["FunctionName"]): config["MaximumRetryAttempts"] for config in found} == {
        "<claims-dev-check-deadlines>": 0,
        "<claims-dev-watch-runs>": 0,
        "<claims-dev-register-plugin>": 1,
        "<claims-dev-register-stages>": 1,
    }


def test_alarms_may_publish_and_encrypt(template: StackTemplate) -> None:
    """With the key that SNS keeps for everybody they may not, and nobody would ever hear of it."""
    topic = template.named("claims-dev-alerts")["Properties"]
    (key,) = template.resources("AWS::KMS::Key")
    assert topic["KmsMasterKeyId"] == {"Fn::GetAtt": [key, "Arn"]}
    of_account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    service = {"Service": "cloudwatch.amazonaws.com"}
    of_key = template.resources("AWS::KMS::Key")[key]["Properties"]["KeyPolicy"]["Statement"]
    (encrypts,) = [one for one in of_key if one["Principal"] == service]
    assert (encrypts["Action"], encrypts["Condition"]) == (["kms:Decrypt", "kms:GenerateDataKey*"], of_account)
    policies = template.resources("AWS::SNS::TopicPolicy").values()
    statements = [one for p in policies for one in p["Properties"]["PolicyDocument"]["Statement"]]
    (publishes,) = [one for one in statements if one["Principal"] == service]
    assert (publishes["Action"], publishes["Condition"]) == ("sns:Publish", of_account)
    assert [one for one in statements if one["Effect"] == "Deny"]


def test_every_alarm_publishes_to_the_topic_and_says_what_to_do(template: StackTemplate) -> None:
    found = alarms(template)
    functions = {f"errors-{h}" for h in Handler if h is not Handler.BEGIN_RUN} | {f"throttles-{h}" for h in Handler}
    assert set(found) == OF_RUNS | functions | {"deadline-checks"} | {f"dead-{kind}" for kind in DeadLetters}
    for name, alarm in found.items():
        assert alarm["AlarmActions"] == ["<claims-dev-alerts>"], name
        assert alarm["TreatMissingData"] == ("breaching" if name == "deadline-checks" else "notBreaching"), name
        assert "--system claims --stage dev" in alarm["AlarmDescription"], name
        # The emulator deploys no alarm on an expression.
        assert "Metrics" not in alarm, name


@pytest.mark.parametrize(
    ("name", "metric", "rule"),
    [
        ("failed-runs", ("RunsFailed", "Sum", 300), (1, 1, None)),
        ("timed-out-runs", ("RunsTimedOut", "Sum", 300), (1, 1, None)),
        ("overdue-runs", ("OverdueRuns", "Maximum", 60), (1, 1, None)),
        ("errors-end-run", ("Errors", "Sum", 300), (1, 1, None)),
        ("throttles-end-run", ("Throttles", "Sum", 300), (1, 3, None)),
        ("results-age", ("ApproximateAgeOfOldestMessage", "Maximum", 60), (300, 3, None)),
        ("registration-problems", ("RegistrationProblems", "Maximum", 3600), (1, 2, 1)),
    ],
)
def test_when_an_alarm_goes_off(
    template: StackTemplate, name: str, metric: tuple[str, str, int], rule: tuple[int, int, int | None]
) -> None:
    alarm = alarms(template)[name]
    assert (alarm["MetricName"], alarm["Statistic"], alarm["Period"]) == metric
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm.get("DatapointsToAlarm")) == rule


def test_an_alarm_goes_off_when_deadlines_were_not_checked_for_five_minutes(template: StackTemplate) -> None:
    alarm = alarms(template)["deadline-checks"]
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/Lambda", "Invocations", "Sum")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "<claims-dev-check-deadlines>"}]
    assert (alarm["Period"], alarm["EvaluationPeriods"], alarm["Threshold"]) == (300, 1, 1)
    assert alarm["ComparisonOperator"] == "LessThanThreshold"


def test_alarms_can_be_left_out_and_tuned() -> None:
    chosen = MonitoringAlarms(
        failed_runs=10,
        timed_out_runs=None,
        overdue_runs=None,
        function_errors=None,
        throttles=None,
        results_age=None,
        registration_problems=None,
        deadline_checks=False,
        dead_letters=False,
    )
    template = with_props(alarms=chosen, dashboard=False, queries=False, watch_every=Duration.minutes(5))
    found = alarms(template)
    assert set(found) == {"failed-runs"} | {f"dead-{kind}" for kind in DeadLetters}
    assert found["failed-runs"]["Threshold"] == 10
    assert "AlarmActions" not in found["dead-results"]
    assert not template.resources("AWS::CloudWatch::Dashboard")
    assert not template.resources("AWS::Logs::QueryDefinition")
    assert schedules(template) == {"rate(5 minutes)"}


def test_a_topic_of_ones_own_and_mails() -> None:
    def define(app: App) -> None:
        stack = Stack(app, "claims-dev")
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
        topic = sns.Topic(stack, "Mine", topic_name="mine")
        WorkflowMonitoring(stack, "Monitoring", core=core, alerts_topic=topic, alert_emails=["operators@example.com"])

    template = synthesize(define).stacks["claims-dev"]
    assert not template.resources("AWS::KMS::Key")
    assert template.allowed(template.function(Handler.WATCH_RUNS))["<mine>"] == {"sns:Publish"}
    assert all(alarm["AlarmActions"] == ["<mine>"] for alarm in alarms(template).values())
    (mail,) = template.resources("AWS::SNS::Subscription").values()
    assert (mail["Properties"]["Protocol"], mail["Properties"]["Endpoint"]) == ("email", "operators@example.com")


@pytest.mark.parametrize(
    ("props", "problem"),
    [
        ({"alert_emails": "a@b.c"}, r"alert_emails is 'a@b.c': give a list of addresses, \['a@b.c'\]"),
        ({"alert_emails": ["operators"]}, "alert_emails has 'operators': use addresses such as"),
        ({"watch_every": Duration.seconds(30)}, "watch_every is 30 seconds: use a whole number of minutes, 1 or more"),
    ],
)
def test_what_is_not_allowed(props: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        with_props(**props)


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [
        ({"failed_runs": 0}, "failed_runs of MonitoringAlarms is 0: use a whole number, 1 or more"),
        ({"throttles": 1.5}, "throttles of MonitoringAlarms is 1.5"),
        ({"results_age": Duration.millis(1)}, "results_age of MonitoringAlarms is 1 ms"),
    ],
)
def test_thresholds_are_checked(chosen: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        MonitoringAlarms(**chosen)


def test_it_belongs_into_the_stack_of_its_core_and_there_once() -> None:
    app = App()
    stack = Stack(app, "claims-dev")
    core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
    imported: Any = OrchestratorCore.from_system(stack, "Other", system="other", stage="dev")
    with pytest.raises(ValueError, match="put the monitoring beside its OrchestratorCore"):
        WorkflowMonitoring(Stack(app, "Elsewhere"), "Monitoring", core=core)
    with pytest.raises(ValueError, match="'claims-dev/Other', which this stack does not define"):
        WorkflowMonitoring(stack, "OfOther", core=imported)
    WorkflowMonitoring(stack, "Monitoring", core=core)
    with pytest.raises(ValueError, match="the monitoring of 'claims-dev' is defined twice"):
        WorkflowMonitoring(stack, "Again", core=core)


def test_queries_are_saved_over_the_logs_of_all_functions(template: StackTemplate) -> None:
    found = [one["Properties"] for one in template.resources("AWS::Logs::QueryDefinition").values()]
    assert {one["Name"]: one["QueryString"] for one in found} == {
        f"claims-dev/{name}": query.text for name, query in QUERIES.items()
    }
    groups = {key for key in template.resources("AWS::Logs::LogGroup") if "Functions" in key or "WatchRuns" in key}
    assert len(groups) == len(Handler)
    assert all({group["Ref"] for group in one["LogGroupNames"]} == groups for one in found)


def expected_of(timeout: Duration | None, expected: Duration | None) -> StackTemplate:
    def define(app: App) -> None:
        stack = Stack(app, "claims-dev")
        core = OrchestratorCore(stack, "Core", system="claims", stage="dev")
        rate = Activity(stack, "Rate", core=core)
        Workflow(stack, "Quote", core=core, activities=[rate], timeout=timeout, expected_duration=expected)

    return synthesize(define).stacks["claims-dev"]


def published(template: StackTemplate) -> dict[str, Any]:
    parameters = [one["Properties"] for one in template.resources("AWS::SSM::Parameter").values()]
    return {one["Name"]: one["Value"] for one in parameters if one["Name"].endswith("/expected-seconds")}


def test_what_is_expected_of_runs_is_published() -> None:
    assert published(expected_of(None, Duration.hours(2))) == {"/claims/dev/workflows/Quote/expected-seconds": "7200"}
    assert published(expected_of(None, None)) == {}


@pytest.mark.parametrize(
    ("expected", "problem"),
    [
        (Duration.hours(1), "expected_duration of workflow 'Quote' is 3600 s, and a run is ended after 3600 s"),
        (Duration.millis(1500), "expected_duration of workflow 'Quote' is 1500 ms: use a whole number of seconds"),
        (Duration.seconds(0), "expected_duration of workflow 'Quote' is 0 s"),
    ],
)
def test_what_cannot_be_expected(expected: Duration, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        expected_of(Duration.hours(1), expected)


def test_plugins_need_not_be_measured_one_by_one() -> None:
    def define(app: App) -> None:
        OrchestratorCore(Stack(app, "claims-dev"), "Core", system="claims", stage="dev", plugin_metrics=False)

    template = synthesize(define).stacks["claims-dev"]
    variables = template.function(Handler.RECORD_RESULT)["Properties"]["Environment"]["Variables"]
    assert variables[Env.PLUGIN_METRICS] == "off"
