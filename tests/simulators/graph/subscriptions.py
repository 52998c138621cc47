"""Subscriptions to change notifications, as Graph makes, renews and ends them (learn.microsoft.com/graph/api/resources/subscription)."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.simulators.graph.http import GraphFailure, Json, Reply, Request, Route
from tests.simulators.graph.notifying import Notifier, Posted

if TYPE_CHECKING:
    from tests.simulators.graph.world import Mailbox, World

_SHORTEST = timedelta(minutes=45)
_LONGEST_STATE = 128
_RESOURCE = re.compile(
    r"/?users(?:/|\(')([^/')]+)(?:'\))?(?:/mailFolders(?:/|\(')([^/')]+)(?:'\))?)?/messages", re.IGNORECASE
)
_SETTABLE = {
    *("changeType", "notificationUrl", "lifecycleNotificationUrl", "resource", "expirationDateTime"),
    *("clientState", "latestSupportedTlsVersion"),
}


@dataclass
class Subscribed:
    """One subscription.  `folder` is an id, or empty for the whole mailbox; `seen` is how far the change log was told."""

    id: str
    mailbox: str
    folder: str
    asked: Json
    expires: datetime
    immutable: bool
    seen: int

    def shown(self) -> Json:
        """As Graph shows it: never with its clientState."""
        asked = {name: value for name, value in self.asked.items() if name != "clientState"}
        return {
            "id": self.id,
            **asked,
            "expirationDateTime": stamp(self.expires),
            "applicationId": "0d6e7a52-7c35-4d0e-9d0e-6b1f6b5f8c22",
            "creatorId": str(uuid.uuid5(uuid.NAMESPACE_DNS, "creator")),
            "clientState": None,
            "includeResourceData": None,
        }


@dataclass
class Subscriptions:
    """All subscriptions, what their lifetimes are, and who posts for them."""

    longest: timedelta = timedelta(minutes=10_070)
    most: int = 1000
    lose: bool = False
    """Whether notifications are lost on their way."""
    of: dict[str, Subscribed] = field(default_factory=dict)
    notifier: Notifier = field(default_factory=Notifier)

    def living(self) -> list[Subscribed]:
        """Those that have not run out."""
        now = datetime.now(UTC)
        return [one for one in self.of.values() if one.expires > now]


def stamp(at: datetime) -> str:
    """Return an instant as Graph writes it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.0000000Z"


def make(world: World, request: Request) -> Reply:
    """Check what is asked, call the address for the handshake, and make the subscription."""
    asked = request.json()
    unknown = set(asked) - _SETTABLE
    if unknown:
        raise GraphFailure(400, "InvalidRequest", f"The property '{min(unknown)}' can not be set.")
    mailbox, folder = _watched(world, str(asked.get("resource", "")))
    if asked.get("changeType") not in {"created", "created,updated", "updated", "deleted"}:
        raise GraphFailure(400, "InvalidRequest", "changeType is invalid.")
    if len(asked.get("clientState") or "") > _LONGEST_STATE:
        raise GraphFailure(400, "InvalidRequest", "The clientState exceeds 128 characters.")
    expires = _lifetime(world, asked)
    subscriptions = world.subscriptions
    if sum(one.mailbox == mailbox.address for one in subscriptions.living()) >= subscriptions.most:
        raise GraphFailure(403, "ExtensionError", "Operation: Create; Exception: [Reason: Subscription limit reached.]")
    for name in ("notificationUrl", "lifecycleNotificationUrl"):
        if asked.get(name):
            _handshake(subscriptions.notifier, name, str(asked[name]))
    made = Subscribed(str(uuid.uuid4()), mailbox.address, folder, asked, expires, request.immutable, mailbox.clock)
    subscriptions.of[made.id] = made
    return Reply(201, {"@odata.context": f"{request.base}/v1.0/$metadata#subscriptions/$entity", **made.shown()})


def _watched(world: World, resource: str) -> tuple[Mailbox, str]:
    found = _RESOURCE.fullmatch(resource)
    if found is None:
        raise GraphFailure(400, "InvalidRequest", f"The resource '{resource}' can not be subscribed to.")
    mailbox = world.mailbox(found[1])
    return mailbox, mailbox.folder(found[2]).id if found[2] else ""


def _lifetime(world: World, asked: Json) -> datetime:
    try:
        expires = datetime.fromisoformat(str(asked.get("expirationDateTime")))
    except ValueError:
        raise GraphFailure(400, "InvalidRequest", "expirationDateTime is required.") from None
    now = datetime.now(UTC)
    longest = world.subscriptions.longest
    if expires > now + longest + timedelta(seconds=60):
        minutes = int(longest.total_seconds() // 60)
        reason = f"Subscription expiration can only be {minutes} minutes in the future."
        raise GraphFailure(
            400, "ExtensionError", f"Operation: Create; Exception: [Status Code: BadRequest; Reason: {reason}]"
        )
    if expires <= now:
        raise GraphFailure(400, "InvalidRequest", "expirationDateTime must be in the future.")
    return max(expires, now + _SHORTEST)


def _handshake(notifier: Notifier, name: str, url: str) -> None:
    if not url.startswith("https://"):
        raise GraphFailure(400, "InvalidRequest", f"{name} must use the https protocol.")
    trouble = notifier.validate(url)
    if trouble:
        raise GraphFailure(400, "ValidationError", f"Subscription validation request failed. {trouble}")


def _found(world: World, subscription_id: str) -> Subscribed:
    for one in world.subscriptions.living():
        if one.id == subscription_id:
            return one
    raise GraphFailure(404, "ResourceNotFound", "The object was not found.")


def show(world: World, request: Request, subscription_id: str) -> Reply:
    return Reply(200, _found(world, subscription_id).shown())


def show_all(world: World, request: Request) -> Reply:
    rows = [one.shown() for one in world.subscriptions.living()]
    return Reply(200, {"@odata.context": f"{request.base}/v1.0/$metadata#subscriptions", "value": rows})


def renew(world: World, request: Request, subscription_id: str) -> Reply:
    subscription = _found(world, subscription_id)
    asked = request.json()
    if set(asked) - {"expirationDateTime", "notificationUrl"}:
        raise GraphFailure(400, "InvalidRequest", "Only expirationDateTime and notificationUrl can be changed.")
    subscription.expires = _lifetime(world, asked)
    return Reply(
        200, {"@odata.context": f"{request.base}/v1.0/$metadata#subscriptions/$entity", **subscription.shown()}
    )


def remove(world: World, request: Request, subscription_id: str) -> Reply:
    del world.subscriptions.of[_found(world, subscription_id).id]
    return Reply(204)


ROUTES = [
    Route("POST", "/v1.0/subscriptions", make),
    Route("GET", "/v1.0/subscriptions", show_all),
    Route("GET", "/v1.0/subscriptions/{}", show),
    Route("PATCH", "/v1.0/subscriptions/{}", renew),
    Route("DELETE", "/v1.0/subscriptions/{}", remove),
]


def tell(world: World) -> None:
    """Post what has arrived since it was told last: called after each request, under the world's lock."""
    subscriptions = world.subscriptions
    for one in subscriptions.living():
        mailbox = world.mailboxes[one.mailbox.lower()]
        news = [
            item for item in mailbox.items if item.arrived > one.seen and (not one.folder or item.folder == one.folder)
        ]
        one.seen = mailbox.clock
        for item in news if not subscriptions.lose else []:
            shown = item.immutable_id if one.immutable else item.id
            path = f"Users/{mailbox.user}/Messages/{shown}"
            data = {"@odata.type": "#Microsoft.Graph.Message", "@odata.id": path, "id": shown}
            etag = f'W/"{item.changed}"'
            told = {
                "id": str(uuid.uuid4()),
                "subscriptionId": one.id,
                "subscriptionExpirationDateTime": stamp(one.expires),
                "clientState": one.asked.get("clientState"),
                "changeType": "created",
                "resource": path,
                "tenantId": world.tenant,
                "resourceData": {**data, "@odata.etag": etag},
            }
            subscriptions.notifier.post(str(one.asked["notificationUrl"]), [told])


def _lifecycle(world: World, wanted: Json) -> None:
    """Post a lifecycle event for the subscriptions of a mailbox; `subscriptionRemoved` ends them."""
    for one in world.subscriptions.living():
        if one.mailbox.lower() != str(wanted["mailbox"]).lower():
            continue
        if wanted["event"] == "subscriptionRemoved":
            del world.subscriptions.of[one.id]
        told = {
            "subscriptionId": one.id,
            "subscriptionExpirationDateTime": stamp(one.expires),
            "tenantId": world.tenant,
            "clientState": one.asked.get("clientState"),
            "lifecycleEvent": wanted["event"],
        }
        world.subscriptions.notifier.post(str(one.asked["lifecycleNotificationUrl"]), [told])


def steer(world: World, wanted: Json) -> Json:
    """Control: `ca_pem` vouches for receivers; longest (minutes), most, lose; `lifecycle` {mailbox, event}; `forget` ends all silently."""
    subscriptions = world.subscriptions
    subscriptions.notifier.ca_pem = wanted.get("ca_pem", subscriptions.notifier.ca_pem)
    subscriptions.longest = timedelta(minutes=wanted.get("longest", subscriptions.longest.total_seconds() / 60))
    subscriptions.most = wanted.get("most", subscriptions.most)
    subscriptions.lose = wanted.get("lose", subscriptions.lose)
    if wanted.get("lifecycle"):
        _lifecycle(world, wanted["lifecycle"])
    if wanted.get("forget"):
        subscriptions.of.clear()
    posted: list[Posted] = list(subscriptions.notifier.posted)
    rows = [{**one.shown(), "mailbox": one.mailbox} for one in subscriptions.living()]
    return {"posted": [one._asdict() for one in posted], "subscriptions": rows}
