"""Receive whatever is posted to the stack's address: a webhook of a CRM by its path, and all else as Graph's notifications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from email_router.core.webhooks import organisation_of
from email_router.wiring import notifications, webhooks
from email_router.wiring.notifications import Receiver
from email_router.wiring.webhooks import Webhooks


@dataclass(frozen=True)
class Reception:
    """Both who post."""

    graph: Receiver
    crm: Webhooks

    def answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one request of the function URL (payload 2.0).  Raises when a store is away."""
        organisation = organisation_of(str(event.get("rawPath") or ""))
        return self.graph.answer(event) if organisation is None else self.crm.answer(event, organisation)


def reception(values: Mapping[str, str]) -> Reception:
    """Return the reception of a stack whose settings these are.  Raises ConfigurationError naming the variable that is missing."""
    graph = notifications.receiver(values)
    return Reception(graph, webhooks.webhooks(values, graph.secret))
