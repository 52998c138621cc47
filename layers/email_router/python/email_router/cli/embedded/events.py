"""Deliver an event as EventBridge would, for the emulator refuses to take events of AWS services and emits none of SES.

PutEvents with a source that begins with "aws." is refused by EventBridge and by the emulator alike.  So the rules of the default
bus are asked whether they want the event (TestEventPattern), and the targets of those that do get it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from email_router.cli.embedded.ministack import ACCOUNT, REGION
from email_router.cli.embedded.stack import DeployedStack
from email_router.cli.embedded.trouble import EmbeddedCloudError


def deliver_event(stack: DeployedStack, source: str, detail_type: str, detail: Mapping[str, Any]) -> int:
    """Give the event to each target of each rule that matches it; returns how many there were.

    Functions have answered when this returns; queues have got the message.
    """
    event = json.dumps(
        {
            "version": "0",
            "id": str(uuid.uuid4()),
            "account": ACCOUNT,
            "region": REGION,
            "resources": [],
            "source": source,
            "detail-type": detail_type,
            "detail": detail,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    )
    targets = list(_targets(stack, event))
    for target in targets:
        _deliver(stack, target, event)
    return len(targets)


def _targets(stack: DeployedStack, event: str) -> Iterator[str]:
    bus = stack.client("events")
    for rule in bus.get_paginator("list_rules").paginate().search("Rules[]"):
        pattern = rule.get("EventPattern")
        if (
            pattern
            and rule["State"] == "ENABLED"
            and bus.test_event_pattern(EventPattern=pattern, Event=event)["Result"]
        ):
            yield from (target["Arn"] for target in bus.list_targets_by_rule(Rule=rule["Name"])["Targets"])


def _deliver(stack: DeployedStack, target: str, event: str) -> None:
    service = target.split(":")[2]
    if service == "lambda":
        answer = stack.client("lambda").invoke(FunctionName=target, Payload=event.encode())
        if answer.get("FunctionError"):
            raise EmbeddedCloudError(f"the function {target} failed on an event: {answer['Payload'].read().decode()}")
    elif service == "sqs":
        url = next(url for url in stack.queues if url.endswith(f"/{target.rpartition(':')[2]}"))
        stack.client("sqs").send_message(QueueUrl=url, MessageBody=event)
    else:
        raise EmbeddedCloudError(f"an event rule has the target {target}: only functions and queues are known here")
