"""Make, renew and end the subscription of one mailbox in Microsoft Graph (learn.microsoft.com/graph/api/resources/subscription)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from email_router.core.errors import MailboxBlocked
from email_router.core.subscriptions import MOST_MINUTES, Granted, Terms
from email_router.edge.connect.graph import GraphClient
from email_router.edge.connect.graph_drafts import IMMUTABLE
from email_router.edge.connect.graph_errors import NOT_FOUND, GraphReply
from email_router.edge.connect.graph_reading import strange

if TYPE_CHECKING:
    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach
    from email_router.edge.connect.graph_errors import JsonObject

_BAD_REQUEST = 400
_FORBIDDEN = 403
_PREFER = (IMMUTABLE,)
"""The same with each call, so that what was made with immutable ids stays so; nobody here reads the ids of notifications."""

# "Subscription expiration can only be 10070 minutes in the future." - the limit differs by tenant and year.
_LIMIT = re.compile(r"can only be (\d{1,6}) minutes in the future", re.IGNORECASE)
_UNREACHED = re.compile(r"validation", re.IGNORECASE)
_TOO_MANY = re.compile(r"limit|too many|quota", re.IGNORECASE)


class GraphSubscriptions:
    """The subscriptions of one mailbox.

    A POST is not repeatable: when its answer is lost there may be one subscription more, which nobody renews; it ends by itself.
    """

    def __init__(self, profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> None:
        """Take what is needed to log in; nothing is opened before it is asked for."""
        self._client = GraphClient(profile, mailbox.address, secret, reach)

    def make(self, terms: Terms, now: datetime) -> Granted:
        """Make a subscription to new mail; its lifecycle is told to the same address (settable at creation only)."""
        content = {
            "changeType": "created",
            "notificationUrl": terms.url,
            "lifecycleNotificationUrl": terms.url,
            "resource": terms.resource,
            "clientState": terms.state,
            "latestSupportedTlsVersion": "v1_2",
        }
        reply = self._lasting("POST", "/subscriptions", content, terms.lifetime, now)
        if not reply.done:
            raise self._refused(reply)
        return self._granted(reply)

    def renew(self, subscription_id: str, lifetime: timedelta, now: datetime) -> Granted | None:
        """Move its end; this reauthorises it too."""
        reply = self._lasting("PATCH", _path(subscription_id), {}, lifetime, now)
        if reply.status == NOT_FOUND:
            return None
        if not reply.done:
            raise self._refused(reply)
        return self._granted(reply)

    def remove(self, subscription_id: str) -> None:
        """End it."""
        reply = self._ask("DELETE", _path(subscription_id))
        if not reply.done and reply.status != NOT_FOUND:
            raise self._client.failure(reply)

    def _lasting(self, method: str, target: str, content: JsonObject, lifetime: timedelta, now: datetime) -> GraphReply:
        """Ask for a lifetime, and once more for the one that Graph names when it was too long."""
        reply = self._ask(method, target, {**content, "expirationDateTime": _instant(now + lifetime)})
        limit = _limit_of(reply)
        if limit is None or limit >= lifetime:
            return reply
        return self._ask(method, target, {**content, "expirationDateTime": _instant(now + limit)})

    def _ask(self, method: str, target: str, content: JsonObject | None = None) -> GraphReply:
        """Send one request and return the answer, whatever its status: "ResourceNotFound" means a subscription here, not the mailbox."""
        answer = self._client.open(
            method,
            target,
            body=json.dumps(content).encode() if content else b"",
            content_type="application/json",
            prefer=_PREFER,
            repeatable=method != "POST",
        )
        return GraphReply(answer.status, answer.headers, answer.read(), address=self._client.address)

    def _granted(self, reply: GraphReply) -> Granted:
        answer = reply.json()
        try:
            ends = datetime.fromisoformat(str(answer["expirationDateTime"]))
            return Granted(str(answer["id"]), ends if ends.tzinfo else ends.replace(tzinfo=UTC))
        except (KeyError, ValueError, TypeError) as problem:
            raise strange(self._client.address, "a subscription without id or end") from problem

    def _refused(self, reply: GraphReply) -> Exception:
        seen = f"{self._client.address}: Graph makes no subscription (HTTP {reply.status} {reply.code}: {reply.words})"
        if _UNREACHED.search(f"{reply.code} {reply.words}"):
            return MailboxBlocked(
                seen,
                kind="notification_address",
                mend="Graph must reach the output NotificationUrl of the stack by POST from the internet: see docs/push.md.",
            )
        if reply.status == _FORBIDDEN and _TOO_MANY.search(reply.words):
            return MailboxBlocked(
                seen,
                kind="too_many_subscriptions",
                mend="The mailbox has as many subscriptions as Graph allows (1,000 over all applications): end some, or set push = false.",
            )
        return self._client.failure(reply)


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"


def _path(subscription_id: str) -> str:
    return f"/subscriptions/{quote(subscription_id, safe='')}"


def _limit_of(reply: GraphReply) -> timedelta | None:
    """Return the longest lifetime that a refusal names, or None where it names none."""
    if reply.status not in {_BAD_REQUEST, _FORBIDDEN}:
        return None
    found = _LIMIT.search(reply.words)
    return timedelta(minutes=min(int(found[1]), MOST_MINUTES)) if found else None
