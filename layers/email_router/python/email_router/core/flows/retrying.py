"""Keep a message that failed, try it again when due, and quarantine it when it has been tried enough."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from email_router.core import counters
from email_router.core.dedupe import message_key
from email_router.core.errors import MessageRefused, RouterError
from email_router.core.fetched import Fetched, Wrapper
from email_router.core.flows import activities
from email_router.core.flows.incoming import Decision, Incoming, undelivered
from email_router.core.forward import unwrap
from email_router.core.ledger import Outcome, Quarantined, Receipt, Retry, Trace, Wanted, source_mark
from email_router.core.mailbox import Mailbox, MailboxKind, Profile
from email_router.core.mailbox_state import Lease
from email_router.core.message import Message
from email_router.core.ports import MailSource

_HEAD = 64 * 1024
_UNREAD = "unread/"
_MESSAGE_ID = re.compile(rb"^message-id:\s*(<[^<>\s]{1,998}>)", re.IGNORECASE | re.MULTILINE)
_AS_OF_OLD = Wrapper("", authenticated=True, evidence="the wrapper was judged when the message was first tried")
_HEADER_ONLY = "/head"
_ENDED = "handling this message ended the worker again and again; it was set aside unread"
_GONE = "the raw bytes of this message are no longer kept, so it cannot be tried again"
_MEND_GONE = "Look for it in the mailbox and send it on by hand, then discard the entry."


def retry_key(key: str, mailbox: str, source_id: str) -> str:
    """Return the key of a retry: each message of a mailbox has its own, also when another one bears the same id."""
    return f"{key}-{source_mark(f'{mailbox} {source_id}')}"


def entries_of(retry: Retry, receiving: str) -> set[str]:
    """Return the ids under which the message of a retry may stand in quarantine."""
    key = _message_key(retry)
    return {activities.entry_id(key, mailbox, retry.source_id) for mailbox in (retry.mailbox, receiving)}


def whole_blob(retry: Retry) -> str:
    """Return the blob that holds the whole message, also where only its header is tried again."""
    return retry.blob.removesuffix(_HEADER_ONLY)


@dataclass(frozen=True, slots=True)
class Failures:
    """What becomes of messages that fail in one mailbox."""

    incoming: Incoming
    mailbox: Mailbox
    profile: Profile
    lease: Lease
    source: str

    def postpone(self, decision: Decision, error: RouterError, blob: str, earlier: Retry | None) -> bool:
        """Keep the message for another try; its raw bytes lie under `blob`.  At the last attempt it is quarantined instead: False.

        The row of an earlier attempt then stays until the message is disposed of: if we die in between, it is given up again.
        """
        attempts = (earlier.attempts if earlier else 0) + 1
        retry = self._retry(decision, error, self._to_try(decision, blob) if earlier is None else blob, attempts)
        again = attempts < self.profile.maximum_attempts
        self.incoming.meters.count(counters.INCOMING_UNDELIVERED)
        if again:
            self.incoming.states.add_retry(self.lease, retry)
        else:
            self._give_up(decision, error, retry)
        self._note(undelivered(decision, Outcome.FAILED if again else Outcome.QUARANTINED, str(error)))
        if earlier and again and (earlier.key, earlier.due) != (retry.key, retry.due):
            self.incoming.states.drop_retry(self.lease, earlier)
        return again

    def _to_try(self, decision: Decision, blob: str) -> str:
        """What is tried again of a message over the limit: its header, which lies beside the whole."""
        fetched = decision.draft.fetched
        if fetched.complete:
            return blob
        self.incoming.blobs.put(blob + _HEADER_ONLY, fetched.raw)
        return blob + _HEADER_ONLY

    def _note(self, decision: Decision) -> None:
        now = self.incoming.clock.now()
        trace = activities.make_trace(decision, self.source, self.lease.mailbox, None, now)
        self.incoming.ledger.record([(activities.make_receipt(decision, now), trace)], self.lease)

    def _retry(self, decision: Decision, error: RouterError, blob: str, attempts: int) -> Retry:
        timing = self.incoming.timing
        delay = min(timing.retry_first * 2 ** (attempts - 1), timing.retry_most)
        fetched = decision.draft.fetched
        return Retry(
            key=retry_key(decision.key, decision.draft.mailbox.key, fetched.source_id),
            mailbox=decision.draft.mailbox.key,
            source_id=fetched.source_id,
            blob=blob,
            size=fetched.size,
            attempts=attempts,
            due=self.incoming.clock.now() + timedelta(seconds=delay),
            error=str(error),
            source=self.source,
            received=fetched.received,
        )

    def _give_up(self, decision: Decision, error: RouterError, retry: Retry) -> None:
        message = decision.draft.message
        text = f"{error} (attempt {retry.attempts})"
        entry = self._entry(retry, "undelivered", text, error.mend)
        self.incoming.quarantine.add(replace(entry, message_id=message.message_id, subject=message.subject), self.lease)

    def quarantine_unread(self, source: MailSource, source_id: str, begun: int) -> Outcome | None:
        """Quarantine a message that ended its worker again and again: its bytes are kept, nothing reads them.

        Returns what it has come to: quarantined, or what it was before when its workers died only afterwards; None when nothing is kept
        because the message is gone, or the server does not give it.
        """
        now = self.incoming.clock.now()
        blob = f"{_UNREAD}{hashlib.sha256(f'{self.mailbox.key}/{source_id}'.encode()).hexdigest()}"
        tap = _Tap()
        try:
            size = self.incoming.blobs.put_stream(blob, tap.through(source.stream(source_id)))
        except MessageRefused as refusal:
            if refusal.kind == "vanished":  # taken away, by a person or by the worker that died after it had settled it
                return None
            size = 0  # the server lists it and cannot give it
            self.incoming.blobs.put(blob, b"")
        if before := self._settled_before(tap.message_id(), source_id):
            return before
        key = tap.digest()
        text = (
            f"{self.mailbox.address}: handling this message ended the worker {begun - 1} times; it was set aside unread"
        )
        entry = Quarantined(
            id=activities.entry_id(key, self.mailbox.key, source_id),
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
        self.incoming.ledger.record([_unread_rows(entry, self.lease)], self.lease)
        self.incoming.meters.count(counters.INCOMING_PROCESSED)
        self.incoming.meters.count(counters.INCOMING_CORRUPTED)
        self.incoming.meters.count(counters.INCOMING_UNDELIVERED)
        return Outcome.QUARANTINED if size else None

    def _settled_before(self, message_id: str | None, source_id: str) -> Outcome | None:
        """What the mailbox's receipt for this very message says, as far as the Message-ID leads to it."""
        key = message_key(Message(size=0, message_id=message_id), "incoming")
        if not key.has_id:
            return None
        receipt = self.incoming.ledger.find(Wanted(keys=(key.key,), mailboxes=(self.mailbox.key,))).receipts.get(
            (key.key, self.mailbox.key)
        )
        known = receipt is not None and receipt.source == source_mark(source_id)
        return receipt.outcome if receipt and known and receipt.outcome is not Outcome.FAILED else None

    def fetched(self, retry: Retry) -> Fetched | None:
        """Return the message of a retry as the source would have yielded it, or None when its bytes are no longer kept.

        A forward mailbox's wrapper was judged the first time, or a person vouches for it now.
        """
        try:
            raw = self.incoming.blobs.get(retry.blob)
        except KeyError:
            return None
        whole, wrapper = retry.blob == whole_blob(retry), None
        if self.mailbox.kind is MailboxKind.FORWARD:
            raw, wrapper = self._unwrapped(raw, retry)
        size = len(raw) if whole else retry.size
        return Fetched(
            source_id=retry.source_id, raw=raw, size=size, complete=whole, received=retry.received, wrapper=wrapper
        )

    def _unwrapped(self, raw: bytes, retry: Retry) -> tuple[bytes, Wrapper]:
        if not retry.blob.startswith(_UNREAD) and not retry.blob.endswith("/wrapped"):
            return raw, replace(_AS_OF_OLD, sender=retry.mailbox)
        inner, wrapper = unwrap(raw, self.incoming.parse, self.profile)
        return inner or raw, replace(wrapper, authenticated=True)

    def abandon(self, retry: Retry) -> None:
        """Quarantine a retry that ended its worker again and again, unread; its row stays until the message is disposed of."""
        self._set_aside(self._entry(retry, "unreadable", f"{retry.mailbox}: {_ENDED}"))
        self.incoming.meters.count(counters.INCOMING_CORRUPTED)

    def bury(self, retry: Retry) -> None:
        """Quarantine a retry whose bytes are gone: there is nothing to try, but somebody must know."""
        self._set_aside(self._entry(retry, "undelivered", f"{retry.mailbox}: {_GONE}", _MEND_GONE))
        self.incoming.states.drop_retry(self.lease, retry)

    def _set_aside(self, entry: Quarantined) -> None:
        self.incoming.quarantine.add(entry, self.lease)
        self.incoming.ledger.record([_unread_rows(entry, self.lease)], self.lease)

    def _entry(self, retry: Retry, reason: str, text: str, mend: str = "") -> Quarantined:
        key = _message_key(retry)
        return Quarantined(
            id=activities.entry_id(key, retry.mailbox, retry.source_id),
            key=key,
            mailbox=retry.mailbox,
            source=retry.source,
            source_id=retry.source_id,
            reason=reason,
            text=text,
            mend=mend or "When the cause is mended: `email-router undeliverable retry`.",
            blob=whole_blob(retry),
            size=retry.size,
            message_id=None,
            subject="",
            at=self.incoming.clock.now(),
            complete=retry.blob == whole_blob(retry),
            receiving=self.lease.mailbox,
        )


def _message_key(retry: Retry) -> str:
    return retry.key.partition("-")[0]


def _unread_rows(entry: Quarantined, lease: Lease) -> tuple[Receipt, Trace]:
    receipt = Receipt(
        entry.key,
        entry.mailbox,
        Outcome.QUARANTINED,
        entry.reason,
        at=entry.at,
        source=source_mark(entry.source_id),
    )
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
        receiving=lease.mailbox,
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
