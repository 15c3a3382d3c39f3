"""``register_plugin``: properties of a custom resource are what whoever deploys wrote, in whatever tool."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from orchestrator_runtime.aws.cloudformation import answer_body
from orchestrator_runtime.core.custom_resource_request import CustomResourceRequest, Home, read_request
from orchestrator_runtime.core.registration_request import RegistrationRefusedError
from orchestrator_runtime.core.subscription import Subscription
from orchestrator_runtime.handlers.register_plugin import physical_id, serve
from orchestrator_runtime.protocol.register_plugin import register_plugin
from orchestrator_runtime.stores.registry import registration_item
from tests.hostile.documents import FUNCTION, STACK, SUBSCRIPTION, registration_request
from tests.hostile.feeding import BrokenPromiseError, check_line
from tests.hostile.mutations import hostile_event
from tests.hostile.stored import check_storable
from tests.unit.registration.outside import Outside

_MOST_ANSWER_BYTES = 4096
_MOST_ID_BYTES = 1024


class RegisterPlugin:
    name = "register_plugin"
    permanent = ()

    def __init__(self) -> None:
        self._outside = Outside()

    def make(self, random: Random) -> Any:
        """A request whose properties are hostile; the rest of it is CloudFormation's own."""
        self._outside = Outside()
        request = registration_request(random.choice(("Create", "Create", "Update", "Delete")))
        properties = hostile_event(random, request["ResourceProperties"], marked=False)
        standing = request["ResourceProperties"]
        self._outside.subscribed[SUBSCRIPTION] = Subscription(
            arn=SUBSCRIPTION,
            protocol="lambda",
            endpoint=FUNCTION,
            account="123456789012",
            filter_policy={"plugins": [standing["Name"]]},
        )
        if request["RequestType"] != "Create":
            register_plugin(standing, self._outside.register_ports, stack_id=STACK)
        return None if properties is None else {**request, "ResourceProperties": properties}

    def feed(self, event: Any) -> bool:
        refusal, request = None, read_request(event, Home("aws", "eu-west-1"))
        try:
            serve(request, self._outside.register_ports)
        except RegistrationRefusedError as error:
            refusal = str(error)
        self._check_answer(request, physical_id(request), refusal)
        for registration in self._outside.registry.all.values():
            check_storable(registration_item(registration))
        return refusal is None

    def tables(self) -> object:
        return dict(self._outside.registry.all)

    def _check_answer(self, request: CustomResourceRequest, name: str, refusal: str | None) -> None:
        body = answer_body(request, physical_id=name, refusal=refusal)
        if len(body) > _MOST_ANSWER_BYTES:
            raise BrokenPromiseError(f"an answer of {len(body):,} bytes, which CloudFormation does not take")
        check_line("the reason of an answer", json.loads(body)["Reason"])
        if not 0 < len(json.loads(body)["PhysicalResourceId"].encode()) <= _MOST_ID_BYTES:
            raise BrokenPromiseError("a physical id that CloudFormation does not take")
