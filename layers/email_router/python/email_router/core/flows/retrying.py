"""Keep a message that failed, try it again when due, and quarantine it when it has been tried enough."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from email_router.core import counters
from email_router.core.errors import MessageRefused, RouterError
from email_router.core.fetched import Fetched, Wrapper
from email_router.core.flows.incoming import Decision, Incoming
from email_router.core.ledger import Outcome, Quarantined, Receipt, Retry, Trace
from email_router.core.mailbox import Mailbox, MailboxKind, Profile
from email_router.core.ports import Lease, MailSource

_HEAD = 64 * 1024
_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^<>\s]{1,998}>)", re.IGNORECASE | re.MULTILINE)
_AS_OF_OLD = Wrapper("", authenticated=True, evidence="the wrapper was judged when the message was first tried")


@dataclass(frozen=True, slots=True)
class Failures:
    """What becomes of messages that fail in one mailbox."""

    incoming: Incoming
    mailbox: Mailbox
    profile: Profile
    lease: Lease

    def postpone(self, decision: Decision, error: RouterError, blob: str, earlier: Retry | None) -> None:
        """Keep the message for another try; its raw bytes lie under `blob`.  At the last attempt it is quarantined instead."""
        attempts = (earlier.attempts if earlier else 0) + 1
        retry = self._retry(decision, error, blob, attempts)
        self.incoming.meters.count(counters.INCOMING_UNDELIVERED)
        if attempts >= self.profile.maximum_attempts:
            self._give_up(decision, error, retry)
            if earlier:
                self.incoming.states.drop_retry(self.lease, earlier)
            return
        self.incoming.states.add_retry(self.lease, retry)
        if earlier and earlier.due != retry.due:
            self.incoming.states.drop_retry(self.lease, earlier)

    def _retry(self, decision: Decision, error: RouterError, blob: str, attempts: int) -> Retry:
        timing = self.incoming.timing
        delay = min(timing.retry_first * 2 ** (attempts - 1), timing.retry_most)
        fetched = decision.draft.fetched
        return Retry(
            key=decision.key,
            mailbox=decision.draft.mailbox.key,
            source_id=fetched.source_id,
            blob=blob,
            size=fetched.size,
            attempts=attempts,
            due=self.incoming.clock.now() + timedelta(seconds=delay),
            error=str(error),
            received=fetched.received,
        )

    def _give_up(self, decision: Decision, error: RouterError, retry: Retry) -> None:
        message = decision.draft.message
        text = f"{error} (attempt {retry.attempts})"
        entry = _entry(retry, "undelivered", text, error.mend, self.incoming.clock.now())
        self.incoming.quarantine.add(replace(entry, message_id=message.message_id, subject=message.subject), self.lease)

    def quarantine_unread(self, source: MailSource, source_id: str, begun: int) -> None:
        """Quarantine a message that ended its worker again and again: its bytes are kept, nothing reads them."""
        now = self.incoming.clock.now()
        blob = f"unread/{hashlib.sha256(f'{self.mailbox.key}/{source_id}'.encode()).hexdigest()}"
        tap = _Tap()
        try:
            size = self.incoming.blobs.put_stream(blob, tap.through(source.stream(source_id)))
        except MessageRefused:  # taken away in the meantime, or the server cannot give it: its place is still listed
            size = 0
            self.incoming.blobs.put(blob, b"")
        key = tap.digest()
        text = (
            f"{self.mailbox.address}: handling this message ended the worker {begun - 1} times; it was set aside unread"
        )
        entry = Quarantined(
            id=f"{key[:16]}-{self.mailbox.key}",
            key=key,
            mailbox=self.mailbox.key,
            source=source.kind,
            source_id=source_id,
            reason="unreadable",
            text=text,
            mend="Send the exported message to the maintainers (`email-router undeliverable export`); the mailbox goes on without it.",
            blob=blob,
            size=size,
            message_id=tap.message_id(),
            subject="",
            at=now,
        )
        self.incoming.quarantine.add(entry, self.lease)
        self.incoming.ledger.record([_unread_rows(entry)], self.lease)
        self.incoming.meters.count(counters.INCOMING_PROCESSED)
        self.incoming.meters.count(counters.INCOMING_CORRUPTED)
        self.incoming.meters.count(counters.INCOMING_UNDELIVERED)

    def fetched(self, retry: Retry) -> Fetched:
        """Return the message of a retry as the source would have yielded it; a forward mailbox's wrapper was judged the first time."""
        raw = self.incoming.blobs.get(retry.blob)
        forward = self.mailbox.kind is MailboxKind.FORWARD
        wrapper = replace(_AS_OF_OLD, sender=retry.mailbox) if forward else None
        return Fetched(source_id=retry.source_id, raw=raw, size=len(raw), received=retry.received, wrapper=wrapper)

    def abandon(self, retry: Retry) -> None:
        """Quarantine a retry that ended its worker again and again, unread."""
        text = f"{retry.mailbox}: handling this message ended the worker again and again; it was set aside unread"
        self.incoming.quarantine.add(_entry(retry, "unreadable", text, "", self.incoming.clock.now()), self.lease)
        self.incoming.states.drop_retry(self.lease, retry)
        self.incoming.meters.count(counters.INCOMING_CORRUPTED)


def _entry(retry: Retry, reason: str, text: str, mend: str, now: datetime) -> Quarantined:
    return Quarantined(
        id=f"{retry.key[:16]}-{retry.mailbox}",
        key=retry.key,
        mailbox=retry.mailbox,
        source=retry.source,
        source_id=retry.source_id,
        reason=reason,
        text=text,
        mend=mend or "When the cause is mended: `email-router undeliverable retry`.",
        blob=retry.blob,
        size=retry.size,
        message_id=None,
        subject="",
        at=now,
    )


def _unread_rows(entry: Quarantined) -> tuple[Receipt, Trace]:
    receipt = Receipt(entry.key, entry.mailbox, Outcome.QUARANTINED, entry.reason, at=entry.at)
    trace = Trace(
        key=entry.key,
        mailbox=entry.mailbox,
        source=entry.source,
        source_id=entry.source_id,
        message_id=entry.message_id,
        subject="",
        outcome=Outcome.QUARANTINED,
        reason=entry.reason,
        rule="unreadable",
        at=entry.at,
        receiving=entry.mailbox,
    )
    return receipt, trace


class _Tap:
    """Look at a stream without holding it: its digest, and the Message-ID in its first 64 KB."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._head = bytearray()

    def through(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._hash.update(piece)
            if len(self._head) < _HEAD:
                self._head += piece[: _HEAD - len(self._head)]
            yield piece

    def digest(self) -> str:
        return self._hash.hexdigest()

    def message_id(self) -> str | None:
        found = _MESSAGE_ID.search(bytes(self._head))
        return found[1].decode("ascii", "replace") if found else None
