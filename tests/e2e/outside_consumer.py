"""Takes messages from a plugin's queue and reports, as a program outside of Lambda does: with the AWS SDK alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_LISTENS = 1


@contextmanager
def outside_consumer(client: Callable[[], SQSClient], plugin: str, queues: Sequence[str]) -> Iterator[list[str]]:
    """Work until the block ends; the list grows by the uid of each message that was worked on.

    Args:
        client: Makes an SQS client; each queue has a thread of its own, and each thread needs one.
        plugin: The plugin's name.
        queues: URLs of the plugin's queues.
    """
    done: list[str] = []
    over = threading.Event()

    def work(queue: str) -> None:
        sqs = client()
        while not over.is_set():
            received = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=_LISTENS).get("Messages", [])
            done.extend(work_on(sqs, plugin, queue, message) for message in received)

    workers = [threading.Thread(target=work, args=(queue,)) for queue in queues]
    for worker in workers:
        worker.start()
    try:
        yield done
    finally:
        over.set()
        for worker in workers:
            worker.join()


def work_on(sqs: SQSClient, plugin: str, queue: str, received: MessageTypeDef) -> str:
    """Report that a message's work is done, and take the message off its queue; return the run's uid."""
    message = json.loads(received["Body"])
    about = {key: message[key] for key in ("uid", "workflow", "activity", "stage", "attempt")}
    report = {**about, "plugin": plugin, "state": "Complete", "output": "from outside"}
    sqs.send_message(QueueUrl=message["report_to"], MessageBody=json.dumps(report))
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=received["ReceiptHandle"])
    return str(message["uid"])
