"""Read a mail as everything in the router does, from its bytes to the rows it becomes, and say what it cost."""

from __future__ import annotations

import json
import time
import traceback
from dataclasses import dataclass

from email_router.core import dedupe, html, smart_hash
from email_router.core.activity import EmailActivity, Record
from email_router.core.forward import unwrap
from email_router.core.inspect import reading
from email_router.core.mailbox import Accept, Profile
from email_router.core.message import Message
from email_router.core.parse import parse
from email_router.core.settings import Tracking
from email_router.core.tracking_token import find_tokens
from email_router.edge.connect.compact import squeeze
from email_router.edge.connect.keys import Keys
from email_router.edge.crm import builtin_rows
from tests.fakes import MemoryBlobs
from tests.flows.house import House

_TRACKING = Tracking(smart_matching=True)
_LARGEST_ROW = 400_000  # DynamoDB's bound for one item


@dataclass(frozen=True, slots=True)
class Outcome:
    """What reading one mail cost in CPU seconds, and what went wrong: an exception with its place, or empty."""

    seconds: float
    wrong: str = ""


def outcome(raw: bytes) -> Outcome:
    """Read the mail; an exception that the parser caught at its outermost boundary counts as one."""
    began = time.process_time()
    try:
        wrong = everything(raw)
    except Exception:  # noqa: BLE001 - whatever it is, it is what this run looks for
        wrong = traceback.format_exc(limit=-4)
    return Outcome(time.process_time() - began, wrong)


def everything(raw: bytes) -> str:
    """Read the mail, then let everybody look at it who does so in production; return what is wrong without being raised."""
    message = parse(raw)
    failed = [defect for defect in message.defects if defect.startswith("not read")]
    if failed:
        return failed[0]
    told = reading(message, "x.eml", find_tokens(message.subject, _TRACKING))
    json.dumps(told, ensure_ascii=False).encode("utf-8")
    dedupe.message_key(message, "outgoing")
    smart_hash.subject_hash(message.subject, _TRACKING)
    smart_hash.participants(message)
    unwrap(raw, lambda _: message, Profile(name="in", direction=_house().profile.direction, server="exchange-online"))
    return _shown(message) or _routed(raw, message)


def _shown(message: Message) -> str:
    """Tell what is wrong with the html: it is sanitized, so sanitizing it again must find nothing left to remove."""
    lowered = message.html.lower()
    if "<script" in lowered or "<style" in lowered or "<iframe" in lowered:
        return "html with a script, style or frame"
    html.to_text(message.html)
    return ""


def _routed(raw: bytes, message: Message) -> str:
    """Carry the mail over the whole incoming road in memory, and write what became of it as the built-in CRM does."""
    house = _house()
    house.source.put(raw)
    house.parse = lambda _: message
    summary = house.route()
    if summary.error or not summary.handled:
        return f"the road ended with {summary.outcome}: {summary.error}"
    notes = [squeeze(note) for note in house.ledger.notes.values()]
    activities = list(house.crm.activities.values())
    if not notes and not activities and not house.quarantine.entries():
        return "the mail became nothing at all"
    return next((wrong for one in activities if (wrong := _written(one))), "")


def _written(activity: EmailActivity) -> str:
    row = builtin_rows.written(Keys("contoso"), activity)
    if sum(len(str(value)) for value in row.item.values()) > _LARGEST_ROW:
        return "a row larger than the store takes"
    blobs = MemoryBlobs()
    if row.blob:
        blobs.put(*row.blob)
    kept = {name: value for name, value in row.item.items() if value is not None}
    return (
        "" if builtin_rows.activity_of(kept, blobs) == activity else "the activity is not read back as it was written"
    )


def _house() -> House:
    house = House(accept=Accept.ALL)
    house.configure(tracking=_TRACKING)
    house.crm.add_record("erin@fabrikam.example", Record("contact", "7", "Erin"))
    return house
