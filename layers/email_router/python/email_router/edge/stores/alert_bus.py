"""Put raised alerts on the stack's event bus of alerts, from which a topic and whoever else listens has them.

At least once: a call whose answer was lost is made again by the SDK.  An alert that is open is never put twice by us.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from email_router.core.alerts import Alert
from email_router.core.errors import TryLater
from email_router.edge.connect.aws import translated

if TYPE_CHECKING:
    from types_boto3_events import EventBridgeClient
    from types_boto3_events.type_defs import PutEventsRequestEntryTypeDef as Entry

SOURCE = "email-router.alerts"
DETAIL_TYPE = "E-mail Router alert"


class EventBridgeAlerts:
    """The bus of alerts, by name or ARN."""

    def __init__(self, client: EventBridgeClient, name: str) -> None:
        self._client = client
        self._name = name

    def tell(self, organisation: str, alert: Alert) -> None:
        """Put the alert; it names the mailbox, user or host that it is about, and no other address.  Raises TryLater when it is not taken."""
        detail = {
            "organisation": organisation,
            "id": alert.id,
            "kind": alert.kind,
            "about": alert.about,
            "text": alert.text,
            "mend": alert.mend,
            "at": alert.at.isoformat(),
        }
        entry: Entry = {
            "Source": SOURCE,
            "DetailType": DETAIL_TYPE,
            "Detail": json.dumps(detail),
            "EventBusName": self._name,
            "Time": alert.at,
        }
        with translated(f"event bus {self._name}"):
            answer = self._client.put_events(Entries=[entry])
        if answer.get("FailedEntryCount"):
            raise TryLater(f"event bus {self._name}: the alert {alert.id} was not taken", kind="aws_busy", shared=True)
