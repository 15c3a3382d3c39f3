"""The outputs that a core publishes for other apps and tools."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from constructs import Construct

from orchestrator_constructs.core.dead_letters import CoreDeadLetters
from orchestrator_constructs.core.functions import CoreFunctions
from orchestrator_constructs.core.stores import CoreStores
from orchestrator_constructs.published import Published
from orchestrator_runtime.contract import DeadLetters, Handler
from orchestrator_runtime.deployment import CORE_EXPORT_SUFFIX, CoreOutput, Deployment


def publish_core(
    scope: Construct,
    *,
    deployment: Deployment,
    exports: bool,
    stores: CoreStores,
    functions: CoreFunctions,
    dead_letters: CoreDeadLetters,
    encryption_key: kms.IKey | None,
) -> None:
    """Publish a core's names in SSM and, unless exports are off, some as plain exports."""
    stream_arn = stores.status.table_stream_arn
    assert stream_arn is not None  # noqa: S101 - the status table is defined with a stream
    outputs = {
        CoreOutput.STATUS_TABLE_NAME: stores.status.table_name,
        CoreOutput.STATUS_TABLE_ARN: stores.status.table_arn,
        CoreOutput.STATUS_STREAM_ARN: stream_arn,
        CoreOutput.REGISTRY_TABLE_NAME: stores.registry.table_name,
        CoreOutput.RESULTS_QUEUE_URL: stores.results.queue_url,
        CoreOutput.RESULTS_QUEUE_ARN: stores.results.queue_arn,
        CoreOutput.BEGIN_RUN_ARN: functions.of(Handler.BEGIN_RUN).function_arn,
        CoreOutput.OPEN_ACTIVITY_ARN: functions.of(Handler.OPEN_ACTIVITY).function_arn,
        CoreOutput.END_RUN_ARN: functions.of(Handler.END_RUN).function_arn,
        CoreOutput.REGISTER_PLUGIN_ARN: functions.of(Handler.REGISTER_PLUGIN).function_arn,
        CoreOutput.REGISTER_STAGES_ARN: functions.of(Handler.REGISTER_STAGES).function_arn,
        CoreOutput.RECONCILE_ARN: functions.of(Handler.RECONCILE).function_arn,
        CoreOutput.CANCEL_RUN_ARN: functions.of(Handler.CANCEL_RUN).function_arn,
        **{CoreOutput.of_dead_letters(kind): dead_letters.of(kind).queue_url for kind in DeadLetters},
    }
    if encryption_key is not None:
        outputs[CoreOutput.ENCRYPTION_KEY_ARN] = encryption_key.key_arn
    published = Published(scope, "Published", exports=exports)
    for output, value in outputs.items():
        published.parameter(output.value, deployment.core_parameter(output), value)
    for output, suffix in CORE_EXPORT_SUFFIX.items():
        published.export(suffix, f"{deployment.prefix}-{suffix}", outputs[output])
