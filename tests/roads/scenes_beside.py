"""What happens beside the roads: scenes of what hears, tells and looks after subscriptions (scenes.py)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from email_router.core.errors import ConfigurationError, MailboxBlocked, RouterError
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.mailbox import Mailbox
from email_router.core.subscriptions import Watched, client_state
from email_router.core.webhooks import KEY_HEADER, webhook_key
from email_router.edge.connect.keys import Keys
from tests.fakes import fail
from tests.infra.template import ROOT
from tests.roads.stack import NOW, ORGANISATION, Stack
from tests.roads.world import (
    ERIN,
    FAR,
    GUID,
    SALES,
    SECRET,
    STORE,
    TICK,
    begin,
    contoso,
    fabrikam,
    letter,
    sent,
    work,
    write,
)


def record_delivery(stack: Stack) -> None:
    """SES tells of a delivery and of a bounce, with our tags and without them; an e-mail of Dynamics 365 bounces."""
    begin(stack, contoso(), fabrikam())
    write(stack, "e1")
    sent(stack, "e1", ORGANISATION, SALES)
    known = KnownEmail(activity="e1", participants=frozenset(), at=NOW)
    stack.services.ledger(ORGANISATION).link([Link(LinkKind.MESSAGE_ID, "ses-1", known)])
    stack.invoke("record_delivery", told_of("Delivery", "e1", ORGANISATION))
    stack.invoke("record_delivery", told_of("Bounce", "", ""))
    sent(stack, GUID, "fabrikam", FAR)
    stack.invoke("record_delivery", told_of("Bounce", GUID, "fabrikam"))


def told_of(kind: str, activity: str, organisation: str) -> dict[str, Any]:
    """Return an event of SES."""
    tags = {"organisation": [organisation], "activity": [activity]} if activity else {}
    part = {"bounceType": "Permanent", "bouncedRecipients": [{"emailAddress": ERIN, "status": "5.1.1"}]}
    mail = {"messageId": "ses-1", "destination": [ERIN], "tags": tags}
    return {
        "detail": {"eventType": kind, "mail": mail, kind.lower(): part if kind == "Bounce" else {"recipients": [ERIN]}}
    }


def receive_notification(stack: Stack) -> None:
    """Graph tells of mail and of a subscription's end, a CRM of e-mails; in the end a queue is away."""
    begin(stack, contoso())
    watched = Watched(ORGANISATION, SALES, "key")
    told = {"clientState": client_state(SECRET, watched), "subscriptionId": "s1"}
    for more in ({}, {"lifecycleEvent": "subscriptionRemoved"}):
        stack.invoke("receive_notification", posted({"value": [told | more]}, {"mailbox": watched.token}))
    key = {KEY_HEADER: webhook_key(SECRET, ORGANISATION)}
    stack.invoke("receive_notification", posted({}, {}, path=f"/crm/{ORGANISATION}", headers=key))
    stack.services.clients.sqs.delete_queue(QueueUrl=stack.names["MailboxWorkQueue"])
    other = Watched(ORGANISATION, STORE, "key")
    told = {"clientState": client_state(SECRET, other), "subscriptionId": "s2"}
    with suppress(RouterError, ConfigurationError):
        stack.invoke("receive_notification", posted({"value": [told]}, {"mailbox": other.token}))


def posted(body: object, query: Mapping[str, str], *, path: str = "/", **more: Any) -> dict[str, Any]:
    """Return a request of the function URL."""
    plain = {"rawPath": path, "queryStringParameters": dict(query), "body": json.dumps(body)}
    return {"requestContext": {"http": {"method": "POST"}}, **plain, **more}


def renew_subscriptions(stack: Stack) -> None:
    """A tick finds a mailbox without a subscription; making it fails once, then holds; then the mailbox is read by another way."""
    begin(stack, contoso())
    assert stack.invoke("renew_subscriptions", TICK) == {"queued": 1}
    order = json.dumps({"organisation": ORGANISATION, "mailbox": SALES, "event": "reauthorizationRequired"})
    fail(stack.servers.service, "make", MailboxBlocked("no", kind="access_denied"))
    for _ in range(2):
        stack.order("renew_subscriptions", order)
        stack.later(24 * 3600)
    stack.publish(contoso(Mailbox(address=SALES, incoming="imap")))
    stack.loaded.clear()
    stack.order("renew_subscriptions", order)


def publish_events(stack: Stack) -> None:
    """Changes of both tables: a new activity with a long body, whose body is gone the second time, and the events of the examples."""
    begin(stack, contoso())
    stack.servers.box(SALES, "exchange-online").put(letter(1, size=30_000))
    stack.order("route_mailbox", work(SALES))
    row = newest(stack)
    for _ in range(2):
        stack.invoke("publish_events", {"Records": [changed(row)]})
        stack.services.blobs(ORGANISATION).delete(row["blob"]["S"])
    for path in sorted((ROOT / "events" / "publish_events").glob("*.json")):
        stack.invoke("publish_events", json.loads(path.read_text("utf-8")))


def newest(stack: Stack) -> Mapping[str, Any]:
    """Return the row of contoso's latest e-mail, as the table has it."""
    services = stack.services
    *_, email = services.crm(services.configurations.current(ORGANISATION)).emails()  # type: ignore[attr-defined]  # the built-in one
    place = {"pk": {"S": Keys(ORGANISATION).email(email.id)}, "sk": {"S": "EMAIL"}}
    return services.clients.dynamodb.get_item(TableName="CrmTable", Key=place)["Item"]


def changed(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record of the stream that tells of a new row."""
    told = json.loads(json.dumps(row, default=lambda one: base64.b64encode(one).decode()))
    keys = {name: told[name] for name in ("pk", "sk")}
    return {
        "dynamodb": {
            "ApproximateCreationDateTime": NOW.timestamp(),
            "Keys": keys,
            "NewImage": told,
            "SequenceNumber": "1",
        }
    }
