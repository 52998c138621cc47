"""Ask the ledger what became of the messages that lie in a mailbox."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from email_router.core.dedupe import message_key
from email_router.core.errors import MessageRefused
from email_router.core.fetched import Fetched, Inventoried
from email_router.core.flows.incoming import Incoming
from email_router.core.ledger import Found, Outcome, Receipt, Wanted, source_mark
from email_router.core.mailbox import AfterDelivery, Mailbox, MailboxKind, Profile
from email_router.core.message import Message
from email_router.core.ports import MailSource

_RETRIES = 100_000


class Fate(StrEnum):
    """What a message that lies in a mailbox is accounted for as."""

    DELIVERED = "delivered"
    ATTACHED = "attached"
    UNWANTED = "unwanted"
    QUARANTINED = "quarantined"
    RETRYING = "retrying"
    COPY = "copy"
    TOO_OLD = "too old"
    WAITING = "waiting"
    GONE = "gone"
    PICKED_UP = "picked up"


FATES = {
    Outcome.DELIVERED: Fate.DELIVERED,
    Outcome.ATTACHED: Fate.ATTACHED,
    Outcome.IGNORED: Fate.UNWANTED,
    Outcome.QUARANTINED: Fate.QUARANTINED,
    Outcome.FAILED: Fate.RETRYING,
}


class Account:
    """What is known of one mailbox's messages; retries are read once, when a message needs them.

    Only a receipt counts: a row in quarantine without one is what a worker left that died.  `lingering` are messages that were settled since
    the mailbox was last compared (or quarantined at any time), so that their disposal may have failed: they are still there.
    """

    def __init__(self, incoming: Incoming, mailbox: Mailbox, profile: Profile, last: datetime | None) -> None:
        self._in = incoming
        self._mailbox = mailbox
        self._since = profile.process_received_after
        self._last = last
        self.lingering: list[tuple[str, Outcome]] = []

    def fates(self, page: Sequence[Inventoried]) -> dict[str, Fate]:
        """Return what is known of the messages of a page by source id; those that must be looked at are absent.

        A receipt counts for the message at its place in the mailbox, and for no other one that bears its Message-ID.
        """
        keys = {one.source_id: key for one in page if not self._too_old(one) and (key := _key(one))}
        found = self._found(keys)
        fates: dict[str, Fate] = {}
        for one in page:
            fate = Fate.TOO_OLD if self._too_old(one) else self._noted(one.source_id, keys.get(one.source_id), found)
            if fate is None or fate is Fate.RETRYING:
                fate = Fate.RETRYING if one.source_id in self._retries else None
            if fate is not None:
                fates[one.source_id] = fate
        return fates

    def set_aside_unread(self, fetched: Sequence[Fetched], source: MailSource) -> set[str]:
        """Return the source ids of messages that were quarantined unread: nobody reads them now either, whatever became of their rows."""
        digests = {one.source_id: digest for one in fetched if (digest := self._digest(one, source))}
        if not digests:
            return set()
        keys = tuple(dict.fromkeys(digests.values()))
        found = self._in.ledger.find(Wanted(keys=keys, mailboxes=(self._mailbox.key,)))
        known = {key for (key, _), one in found.receipts.items() if one.outcome is Outcome.QUARANTINED}
        aside = {source_id for source_id, digest in digests.items() if digest in known}
        self.lingering += [(source_id, Outcome.QUARANTINED) for source_id in aside]
        return aside

    def _found(self, keys: dict[str, str]) -> Found:
        """Ask for the receipts of a page; for those of copies only where a receipt is of another place in the mailbox."""
        if not keys:
            return Found()
        box = self._mailbox.key
        found = self._in.ledger.find(Wanted(keys=tuple(dict.fromkeys(keys.values())), mailboxes=(box,)))
        marks = {source_id: source_mark(source_id) for source_id in keys}
        copies = tuple(
            (key, box, marks[source_id])
            for source_id, key in keys.items()
            if (key, box) in found.receipts and found.receipts[key, box].source not in {"", marks[source_id]}
        )
        return replace(found, copies=self._in.ledger.find(Wanted(copies=copies)).copies) if copies else found

    def _noted(self, source_id: str, key: str | None, found: Found) -> Fate | None:
        if key is None:
            return None
        mark, box = source_mark(source_id), self._mailbox.key
        receipt = found.receipts.get((key, box))
        if receipt is not None and receipt.source in {"", mark}:
            self._look_after(source_id, receipt)
            return FATES[receipt.outcome]
        return Fate.COPY if (key, box, mark) in found.copies else None

    def _look_after(self, source_id: str, receipt: Receipt) -> None:
        recent = self._last is not None and receipt.at is not None and receipt.at >= self._last
        taken_away = recent and self._mailbox.after_delivery in {AfterDelivery.DELETE, AfterDelivery.MOVE}
        if taken_away or receipt.outcome is Outcome.QUARANTINED:
            self.lingering.append((source_id, receipt.outcome))

    def _too_old(self, one: Inventoried) -> bool:
        if self._since is None or one.received is None:
            return False
        since = self._since if self._since.tzinfo else self._since.replace(tzinfo=one.received.tzinfo)
        return one.received < since

    def _digest(self, fetched: Fetched, source: MailSource) -> str | None:
        """Return the digest of the message as the server gives it, under which it was quarantined if it was not read."""
        if fetched.complete and self._mailbox.kind is not MailboxKind.FORWARD:
            return hashlib.sha256(fetched.raw).hexdigest()
        whole = hashlib.sha256()
        try:
            for piece in source.stream(fetched.source_id):
                whole.update(piece)
        except MessageRefused:
            return None
        return whole.hexdigest()

    @cached_property
    def _retries(self) -> frozenset[str]:
        return frozenset(one.source_id for one in self._in.states.retries(self._mailbox.key, None, _RETRIES))


def _key(one: Inventoried) -> str | None:
    key = message_key(Message(size=0, message_id=one.message_id), "incoming")
    return key.key if key.has_id else None
