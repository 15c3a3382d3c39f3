"""How long CloudFormation waits for the functions that serve custom resources, and how long Lambda repeats them."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration

RESOURCE_TIMEOUT: Final = Duration.minutes(2)
"""How long CloudFormation waits for an answer. Then the deployment fails, and the resource is deleted."""
MAX_REQUEST_AGE: Final = Duration.seconds(75)
"""How old a request is at most when Lambda invokes the function.

With the function's timeout it ends before ``RESOURCE_TIMEOUT``: a request that is served later would register what
CloudFormation has deleted. The second attempt comes a minute after the first, the third two minutes after that.
"""
RETRIES: Final = 1
