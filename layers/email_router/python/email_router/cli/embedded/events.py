"""Put an event on the stack's bus in the name of a drill: the emulator emits none of SES, and nobody may put those of aws.* there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from email_router.cli.embedded.stack import DeployedStack
from email_router.cli.embedded.trouble import EmbeddedCloudError

DRILL = "email-router.drill"
"""The source that the stack's rule takes beside aws.ses."""


def put_event(stack: DeployedStack, detail_type: str, detail: Mapping[str, Any], *, source: str = DRILL) -> None:
    """Put the event on the bus that the stack's rules listen to; its targets are called after this returns."""
    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "EventBusName": stack.outputs.get("EventBusName", "default"),
    }
    answer = stack.client("events").put_events(Entries=[entry])
    if answer.get("FailedEntryCount"):
        raise EmbeddedCloudError(f"the event bus refused the event: {answer['Entries'][0].get('ErrorMessage', '?')}")
