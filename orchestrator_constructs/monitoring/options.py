"""Which alarms a deployment has, and their thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field

from aws_cdk import Duration

from orchestrator_constructs.validation import check_count, whole_seconds


@dataclass(frozen=True, kw_only=True)
class MonitoringAlarms:
    """The alarms of a ``WorkflowMonitoring``. ``None`` leaves one out, and so does ``False``.

    Attributes:
        failed_runs: So many runs failed within five minutes. Default: 1.
        timed_out_runs: So many runs took longer than their timeout, within five minutes. Default: 1.
        overdue_runs: So many runs in progress take longer than expected. Default: 1.
        function_errors: So many invocations of a function of the core failed within five minutes; an alarm for each,
            except for ``begin-run``, which refuses a start by failing. Default: 1.
        throttles: So many invocations of a function of the core were throttled in each of three times five minutes,
            which is about as long as Step Functions retries; an alarm for each. Default: 1.
        results_age: A report has waited so long in the results queue, in whole seconds. Default: 5 minutes.
        registration_problems: So many problems were found by a reconciliation that it could not repair. Default: 1.
        deadline_checks: Whether there is an alarm that deadlines were not checked for five minutes. Default: yes.
        dead_letters: Whether the alarms on the core's dead-letter queues, which it has in any case, publish to the
            alerts topic. Default: yes.

    Raises:
        ValueError: A threshold is no whole number, or less than 1; or the duration is none.
    """

    failed_runs: int | None = 1
    timed_out_runs: int | None = 1
    overdue_runs: int | None = 1
    function_errors: int | None = 1
    throttles: int | None = 1
    results_age: Duration | None = field(default_factory=lambda: Duration.minutes(5))
    registration_problems: int | None = 1
    deadline_checks: bool = True
    dead_letters: bool = True

    def __post_init__(self) -> None:
        thresholds = {
            "failed_runs": self.failed_runs,
            "timed_out_runs": self.timed_out_runs,
            "overdue_runs": self.overdue_runs,
            "function_errors": self.function_errors,
            "throttles": self.throttles,
            "registration_problems": self.registration_problems,
        }
        for name, threshold in thresholds.items():
            if threshold is not None:
                check_count(f"{name} of MonitoringAlarms", threshold)
        if self.results_age is not None:
            whole_seconds("results_age of MonitoringAlarms", self.results_age)
