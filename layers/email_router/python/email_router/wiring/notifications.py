"""Answer what Graph posts: prove it, nudge the mailbox, queue it, nothing more.  Graph wants its answer within three seconds of a cold start.

So this imports neither the flows nor the sources, and settings are read here, not from environment.py (`renew_subscriptions` has those).
What is foreign or unreadable is answered like what is ours: a stranger learns nothing, and Graph repeats nothing.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from email_router.core.errors import ConfigurationError, RouterError
from email_router.core.subscriptions import (
    MISSED,
    REAUTHORISE,
    REMOVED,
    Nudges,
    SubscriptionWork,
    Watched,
    client_state,
    proves,
)
from email_router.core.work import MailboxWork
from email_router.edge.connect import aws
from email_router.edge.stores.nudges import DynamoNudges
from email_router.edge.stores.queues import SqsWorkQueues
from email_router.edge.stores.secrets import SecretsManagerSecrets
from email_router.wiring.clock import CLOCK
from email_router.wiring.observe import log, mailbox_digest

Answer = dict[str, Any]

LONGEST_TOKEN = 1000
"""Characters of a validation token that are sent back; Graph's have about 130."""

MOST_LOOKED_AT = 1000
"""How many notifications of one post are looked at: they are of one mailbox, and all but the first say the same."""

_LOOKED_AFTER = frozenset({REMOVED, REAUTHORISE})
_POLLED = frozenset({"", MISSED, REMOVED})
_SETTINGS = ("ROUTER_TABLE", "MAILBOX_QUEUE_URL", "SUBSCRIPTION_QUEUE_URL", "NOTIFICATION_SECRET")
_ACCEPTED = 202
_METHOD_NOT_ALLOWED = 405


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """What the notifications of a stack need.  `secret` proves them; `nudges` gives those of an organisation."""

    secret: Callable[[], str] = field(repr=False)
    nudges: Callable[[str], Nudges]
    queues: SqsWorkQueues
    now: Callable[[], datetime] = field(default_factory=lambda: CLOCK.now)

    def answer(self, event: Mapping[str, Any]) -> Answer:
        """Answer one request of the function URL (payload 2.0).  Raises when a store is away: Graph then posts again for four hours."""
        if event.get("requestContext", {}).get("http", {}).get("method") != "POST":
            return {"statusCode": _METHOD_NOT_ALLOWED, "headers": {"Allow": "POST"}, "body": ""}
        query = event.get("queryStringParameters") or {}
        if "validationToken" in query:
            return _echo(str(query["validationToken"]))
        watched = Watched.of(str(query.get("mailbox", "")))
        told = _notifications(event)[:MOST_LOOKED_AT]
        ours = self._ours(watched, told) if watched else []
        if watched and ours:
            self._accept(watched, ours)
        if len(told) > len(ours):
            log.warning("foreign notifications", count=len(told) - len(ours))
        return {"statusCode": _ACCEPTED, "body": ""}

    def _ours(self, watched: Watched, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the notifications that prove themselves; what proves them is made once for them all."""
        state = client_state(self.secret(), watched) if told else ""
        return [one for one in told if proves(state, one.get("clientState"))]

    def _accept(self, watched: Watched, told: list[dict[str, Any]]) -> None:
        events = {(str(one.get("lifecycleEvent") or ""), str(one.get("subscriptionId") or "")) for one in told}
        care = [
            SubscriptionWork(watched.organisation, watched.mailbox, event, subscription)
            for event, subscription in sorted(events)
            if event in _LOOKED_AFTER
        ]
        if care:
            self.queues.put_subscriptions(care)
        queued = any(event in _POLLED for event, _ in events) and self._nudge(watched)
        who = mailbox_digest(watched.mailbox)
        log.info("notified", mailbox=who, notifications=len(told), care=len(care), queued=queued)

    def _nudge(self, watched: Watched) -> bool:
        """Queue the mailbox unless that was done just now; a queue that is away takes the nudge back, so that the next one passes."""
        nudges = self.nudges(watched.organisation)
        if not nudges.nudge(watched.mailbox, self.now()):
            return False
        try:
            self.queues.put_mailboxes([MailboxWork(watched.organisation, watched.mailbox, "notification")])
        except (RouterError, ConfigurationError):
            with suppress(RouterError, ConfigurationError):
                nudges.clear(watched.mailbox)
            raise
        return True


def receiver(values: Mapping[str, str]) -> Receiver:
    """Return the receiver of a stack whose settings these are.  Raises ConfigurationError naming the variable that is missing."""
    missing = [name for name in _SETTINGS if not values.get(name)]
    if missing:
        raise ConfigurationError(f"environment variable {missing[0]} is missing: deploy the function with the template")
    secrets = SecretsManagerSecrets(aws.secrets_manager(), "")
    dynamodb, table = aws.dynamodb(), values["ROUTER_TABLE"]
    return Receiver(
        secret=lambda: secrets.get(values["NOTIFICATION_SECRET"]),
        nudges=cache(lambda organisation: DynamoNudges(dynamodb, table, organisation)),
        queues=SqsWorkQueues(aws.sqs(), values["MAILBOX_QUEUE_URL"], "", values["SUBSCRIPTION_QUEUE_URL"]),
    )


def _echo(token: str) -> Answer:
    """Send a validation token back: as plain text, without anything that a browser could take for more, and not endlessly."""
    text = html.escape("".join(one for one in token[:LONGEST_TOKEN] if one.isprintable()))
    headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return {"statusCode": 200, "headers": headers, "body": text}


def _notifications(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the notifications of a body; none where it is not what Graph sends."""
    body = event.get("body") or ""
    try:
        text = base64.b64decode(body) if event.get("isBase64Encoded") else body
        found = json.loads(text)
    except (ValueError, RecursionError):
        log.warning("unreadable notification", size=len(body))
        return []
    value = found.get("value") if isinstance(found, dict) else None
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
