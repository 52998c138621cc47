"""Turn claims, receipts, traces and links into rows and back: written by the ledger, and by a CRM that keeps its e-mails beside them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from email_router.core.dedupe import message_key
from email_router.core.ledger import Claim, Delivery, KnownEmail, Link, LinkKind, Outcome, Receipt, Trace
from email_router.core.mailbox_state import Lease
from email_router.core.message import Message
from email_router.edge.connect import transactions
from email_router.edge.connect.compact import expand, instant, micros, sortable, squeeze
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.transactions import Action, Place
from email_router.edge.connect.values import Item

CLAIM = "CLAIM"
RECEIPT = "RECEIPT#"
TRACE = "TRACE#"
STATE = "STATE"
LINK = "EMAIL"

_KEPT = timedelta(days=90)
_MICRO = 1_000_000
_HASH = re.compile("[0-9a-f]{16}")
ABSENT = "attribute_not_exists(#pk)"
_UNCLAIMED = "attribute_not_exists(#key)"
_FIRST = "#email = if_not_exists(#email, :email)"
TOKEN_HELD = "#token = :token"  # noqa: S105 - a condition


def fence(table: str, keys: Keys, lease: Lease) -> Action:
    """Return the check that the lease's token is still the newest."""
    return transactions.check(table, (keys.mailbox(lease.mailbox), STATE), TOKEN_HELD, {":token": lease.token})


def claim_place(keys: Keys, key: str) -> Place:
    """Return where the claim of a message stands."""
    return keys.message(key), CLAIM


def receipt_place(keys: Keys, key: str, mailbox: str) -> Place:
    """Return where the receipt of one mailbox stands."""
    return keys.message(key), RECEIPT + mailbox


def claim_action(table: str, keys: Keys, delivery: Delivery) -> Action:
    """Return the action that makes a claim where none stands: in one row with the first mailbox's receipt and the way from the Message-ID.

    Each would be a row of its own otherwise, to be read and written for itself.  A way from the id that stands there already stays.
    """
    fields = {name: value for name, value in _claim_fields(delivery).items() if value is not None}
    own = next((link.email for link in delivery.links if rests_on(delivery.claim.key, link)), None)
    values: Item = {f":{name}": value for name, value in fields.items()}
    setting = [f"#{name} = :{name}" for name in fields]
    if own:
        setting.append(_FIRST)
        values[":email"] = _known(own)
    place = claim_place(keys, delivery.claim.key)
    return transactions.update(table, place, f"SET {', '.join(setting)}", values, _UNCLAIMED)


def is_claim(item: Item) -> bool:
    """Tell whether a claim stands in the row, not only a way from its Message-ID."""
    return "key" in item


def _claim_fields(delivery: Delivery) -> Item:
    claim, receipt = delivery.claim, delivery.receipt
    return {
        "key": claim.key,
        "activity": claim.activity,
        "mailbox": claim.mailbox,
        "identity": claim.identity,
        "content": claim.content,
        "reason": receipt.reason,
        "source": receipt.source or None,
        "at": micros(receipt.at or delivery.trace.at),
    }


def claim_of(item: Item) -> Claim:
    """Read a claim."""
    return Claim(item["key"], item["activity"], item["mailbox"], item["identity"], item["content"])


def first_receipt(item: Item) -> Receipt:
    """Read the receipt of the mailbox that made the claim."""
    at = instant(item["at"])
    source = item.get("source", "")
    return Receipt(
        item["key"], item["mailbox"], Outcome.DELIVERED, item["reason"], item["activity"], at=at, source=source
    )


def receipt_item(keys: Keys, receipt: Receipt) -> Item:
    """Return the row of a receipt."""
    return {
        "pk": keys.message(receipt.key),
        "sk": RECEIPT + seen_in(receipt.mailbox, receipt.copy),
        "key": receipt.key,
        "mailbox": receipt.mailbox,
        "outcome": receipt.outcome.value,
        "reason": receipt.reason,
        "activity": receipt.activity,
        "content_differs": receipt.content_differs or None,
        "at": micros(receipt.at) if receipt.at else None,
        "source": receipt.source or None,
        "copy": receipt.copy or None,
    }


def receipt_of(item: Item) -> Receipt:
    """Read a receipt."""
    return Receipt(
        item["key"],
        item["mailbox"],
        Outcome(item["outcome"]),
        item["reason"],
        item.get("activity"),
        content_differs=item.get("content_differs", False),
        at=instant(item.get("at")),
        source=item.get("source", ""),
        copy=item.get("copy", ""),
    )


def seen_in(mailbox: str, copy: str) -> str:
    """Return where a row of a mailbox stands; further copies of a message in one mailbox have rows of their own."""
    return f"{mailbox}#{copy}" if copy else mailbox


def trace_item(keys: Keys, trace: Trace) -> Item:
    """Return the row of a trace, which DynamoDB removes after 90 days."""
    return {
        "pk": keys.message(trace.key),
        "sk": TRACE + seen_in(trace.mailbox, trace.copy),
        "at": micros(trace.at),
        "trace": squeeze(trace),
        "expires": _seconds(trace.at + _KEPT),
    }


def trace_of(item: Item) -> Trace:
    """Read a trace."""
    return expand(Trace, item["trace"])


def rests_on(key: str, link: Link) -> bool:
    """Tell whether the message key was made from this very Message-ID."""
    return link.kind is LinkKind.MESSAGE_ID and key_of_id(link.value) == key


@lru_cache(maxsize=4096)
def key_of_id(message_id: str) -> str | None:
    """Return the key of an incoming message with this Message-ID, or None where ids of this form make no key."""
    made = message_key(Message(size=0, message_id=message_id), "incoming")
    return made.key if made.has_id else None


def link_place(keys: Keys, kind: LinkKind, value: str) -> Place:
    """Return where the one row of a message id, token or thread stands: of an id that makes a message key, where that one's claim stands."""
    if kind is LinkKind.MESSAGE_ID and (key := key_of_id(value)):
        return claim_place(keys, key)
    pk = {LinkKind.MESSAGE_ID: keys.message_id, LinkKind.TOKEN: keys.token, LinkKind.THREAD: keys.thread}[kind](value)
    return pk, LINK


def link_actions(table: str, keys: Keys, links: Iterable[Link]) -> dict[Place, Action]:
    """Return the actions that write these links, one for each row: the first message id stays, the newest token and thread win.

    The action of a token or thread fails its condition where a newer e-mail stands; it is then left out.
    """
    written: dict[Place, tuple[Link, Action]] = {}
    for link in links:
        place, action = _link_action(table, keys, link)
        before = written.get(place)
        if before is None or (link.kind is not LinkKind.MESSAGE_ID and before[0].email.at <= link.email.at):
            written[place] = (link, action)
    return {place: action for place, (_, action) in written.items()}


def known_of(item: Item) -> KnownEmail:
    """Read the e-mail that a link's row, or a claim, leads to."""
    email = item["email"]
    at = instant(email["at"])
    if at is None:
        raise ValueError("a link's row without its time")
    return KnownEmail(
        activity=email["activity"],
        participants=_hashes(email.get("participants", b"")),
        at=at,
        token=email.get("token"),
        topic=email.get("topic", ""),
        words=_hashes(email.get("words", b"")),
        quick=int(email.get("quick", 0)),
    )


def stripped(email: KnownEmail, participant: str) -> Item:
    """Return the attribute of an e-mail that a way leads to, without one of its participants."""
    return _known(replace(email, participants=email.participants - {participant}))


def subject_since(at: datetime) -> str:
    """Return the sort key from which e-mails of a subject are younger."""
    return sortable(at)


def token_item(keys: Keys, token: str, email: KnownEmail) -> Item:
    """Return the row that reserves a token."""
    pk, sk = link_place(keys, LinkKind.TOKEN, token)
    return {"pk": pk, "sk": sk, "email": _known(email)}


def _link_action(table: str, keys: Keys, link: Link) -> tuple[Place, Action]:
    email = _known(link.email)
    if link.kind is LinkKind.SUBJECT:
        place = keys.subject(link.value), f"{sortable(link.email.at)}#{link.email.activity}"
        item: Item = {"pk": place[0], "sk": place[1], "email": email, "expires": _seconds(link.email.at + _KEPT)}
        return place, transactions.put(table, item)
    place = link_place(keys, link.kind, link.value)
    if link.kind is LinkKind.MESSAGE_ID:
        return place, transactions.update(table, place, f"SET {_FIRST}", {":email": email})
    newer = f"{ABSENT} OR #email.#at <= :at"
    row: Item = {"pk": place[0], "sk": place[1], "email": email}
    return place, transactions.put(table, row, newer, {":at": email["at"]})


def _known(email: KnownEmail) -> Item:
    known: Item = {"activity": email.activity, "at": micros(email.at)}
    if email.participants:
        known["participants"] = _together(email.participants)
    if email.words:
        known["words"] = _together(email.words)
    for name, value in (("token", email.token), ("topic", email.topic), ("quick", email.quick)):
        if value:
            known[name] = value
    return known


def _together(hashes: frozenset[str]) -> bytes | str:
    """Return the hashes as 8 bytes each; hashes of another form as words."""
    if all(_HASH.fullmatch(one) for one in hashes):
        return bytes.fromhex("".join(sorted(hashes)))
    return " ".join(sorted(hashes))


def _hashes(written: bytes | str) -> frozenset[str]:
    if isinstance(written, str):
        return frozenset(written.split(" "))
    return frozenset(written[start : start + 8].hex() for start in range(0, len(written), 8))


def _seconds(at: datetime) -> int:
    return micros(at) // _MICRO
