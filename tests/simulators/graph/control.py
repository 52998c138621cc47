"""Steer the simulator from outside: paths under /_control, no token needed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from tests.simulators.controls import COMMON, register
from tests.simulators.graph import rules, subscriptions
from tests.simulators.graph.http import GraphFailure, Json, Reply, Request
from tests.simulators.graph.service import Service
from tests.simulators.graph.world import Item, World


def control(service: Service, request: Request) -> Reply:
    """Answer one control call."""
    name = f"{request.method} {request.path.removeprefix('/_control/')}"
    call = CALLS.get(name)
    if call is None:
        return GraphFailure(404, "NoSuchControl", name).reply
    with service.world.lock:
        try:
            reply = Reply(200, call(service, request))
            subscriptions.tell(service.world)
            return reply
        except GraphFailure as failure:
            return failure.reply


def put_message(world: World, wanted: Json) -> Item:
    """Put a raw message (base64 in `raw`) into a folder of a mailbox."""
    moment = wanted.get("received")
    mailbox = world.open(wanted["mailbox"])
    item = mailbox.add(
        base64.b64decode(wanted["raw"]),
        wanted.get("folder", "inbox"),
        datetime.fromisoformat(moment) if moment else None,
        is_read=bool(wanted.get("is_read")),
        is_draft=bool(wanted.get("is_draft")),
    )
    if str(wanted.get("folder", "inbox")).lower() == "inbox":
        rules.arrive(world, mailbox, item)
    return item


def seed(world: World, wanted: Json) -> None:
    """Fill the world: tenant, token_seconds, applications, mailboxes with messages (raw as base64, or a file's path)."""
    world.tenant = wanted.get("tenant", world.tenant)
    world.token_seconds = wanted.get("token_seconds", world.token_seconds)
    for one in wanted.get("applications", []):
        register(world, one)
    for one in wanted.get("mailboxes", []):
        world.open(one["address"]).state = one.get("state", "ok")
        for message in one.get("messages", []):
            put_message(world, {"mailbox": one["address"], **message})


def _row(service: Service, mailbox: str, item: Item) -> Json:
    box = service.world.open(mailbox)
    folder = box.folder(item.folder)
    return {
        "id": item.id,
        "immutable_id": item.immutable_id,
        "folder": folder.well_known or folder.name,
        "is_read": item.is_read,
        "is_draft": item.is_draft,
        "asks": sorted(item.asks),
        "internet_message_id": str(item.message.get("message-id", "")),
        "subject": str(item.message.get("subject", "")),
        "raw": base64.b64encode(item.raw).decode(),
    }


def _put(service: Service, request: Request) -> Json:
    wanted = request.json()
    return _row(service, wanted["mailbox"], put_message(service.world, wanted))


def _list(service: Service, request: Request) -> Json:
    address = request.query["mailbox"]
    return {"messages": [_row(service, address, item) for item in service.world.open(address).items]}


def _remove(service: Service, request: Request) -> Json:
    mailbox = service.world.open(request.query["mailbox"])
    mailbox.remove(mailbox.item(request.query["id"]))
    return {}


def _move(service: Service, request: Request) -> Json:
    wanted = request.json()
    mailbox = service.world.open(wanted["mailbox"])
    item = mailbox.item(wanted["id"])
    mailbox.move(item, wanted["folder"])
    return _row(service, wanted["mailbox"], item)


def _mailbox(service: Service, request: Request) -> Json:
    wanted = request.json()
    service.world.open(wanted["address"]).state = wanted.get("state", "ok")
    return {}


def _folder(service: Service, request: Request) -> Json:
    wanted = request.json()
    mailbox = service.world.open(wanted["mailbox"])
    folder = mailbox.folder(wanted["folder"])
    mailbox.folders.remove(folder)
    if wanted.get("as_plain"):
        mailbox.folders.append(replace(folder, well_known=""))
    return {}


def _register(service: Service, request: Request) -> Json:
    register(service.world, request.json())
    return {}


def _settings(service: Service, request: Request) -> Json:
    world, wanted = service.world, request.json()
    world.filter_limit = wanted.get("filter_limit", world.filter_limit)
    world.token_seconds = wanted.get("token_seconds", world.token_seconds)
    world.sends_a_minute = wanted.get("sends_a_minute", world.sends_a_minute)
    if "sends_a_minute" in wanted:
        world.sends.clear()
    service.rate.most = wanted.get("most_in_ten_minutes", service.rate.most)
    world.quirks = set(wanted.get("quirks", world.quirks))
    if wanted.get("revoke_tokens"):
        world.tokens.clear()
    if wanted.get("expire_sync"):
        world.sync_round += 1
        world.sync_floor = world.sync_round
    return {}


def _outside(service: Service, request: Request) -> Json:
    to, named = request.query["to"], request.query.get("header", "").encode()
    left = [raw for address, raw in service.world.outside if address == to]
    return {"mails": [base64.b64encode(raw).decode() for raw in left if named in raw.partition(b"\r\n\r\n")[0]]}


def _notifications(service: Service, request: Request) -> Json:
    return subscriptions.steer(service.world, request.json())


def _witness(service: Service, request: Request) -> Json:
    """Return what was said since the last call; the first call wakes the witness."""
    service.witness.awake = True
    return {"said": service.witness.drain()}


def _flight(service: Service, request: Request) -> Json:
    return {"most": service.flight.most[request.query["mailbox"].lower()]}


def _ready(service: Service, request: Request) -> Json:
    return {"tenant": service.world.tenant}


def _spoil_rule(service: Service, request: Request) -> Json:
    """Change a rule behind the API's back: `name` says which, `changes` what."""
    wanted = request.json()
    changed = [one for one in service.world.open(wanted["mailbox"]).rules if one["displayName"] == wanted["name"]]
    for one in changed:
        one.update(wanted["changes"])
    return {"changed": len(changed)}


def _rules(service: Service, request: Request) -> Json:
    return {"rules": service.world.open(request.query["mailbox"]).rules}


CALLS: dict[str, Callable[[Service, Request], Json]] = {
    **COMMON,
    "GET ready": _ready,
    "GET rules": _rules,
    "POST rules": _spoil_rule,
    "GET flight": _flight,
    "POST witness": _witness,
    "POST notifications": _notifications,
    "POST messages": _put,
    "GET messages": _list,
    "DELETE messages": _remove,
    "POST move": _move,
    "POST mailboxes": _mailbox,
    "POST folders": _folder,
    "POST applications": _register,
    "POST settings": _settings,
    "GET outside": _outside,
}
