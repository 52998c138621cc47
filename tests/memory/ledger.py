"""Remember claims, receipts, traces, links and quarantined messages in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from email_router.core.ledger import (
    Claim,
    Counted,
    Delivery,
    Found,
    KnownEmail,
    Link,
    LinkKind,
    Outcome,
    Quarantined,
    Receipt,
    Trace,
    Wanted,
)
from email_router.core.mailbox_state import Lease
from tests.memory.states import MemoryStates


class MemoryLedger:
    """What one organisation remembers of messages.  Its `states` tell whether a lease is still good."""

    def __init__(self, states: MemoryStates | None = None) -> None:
        self.states = states or MemoryStates()
        self.claims: dict[str, Claim] = {}
        self.notes: dict[tuple[str, str], Receipt] = {}
        self.copies: dict[tuple[str, str, str], Receipt] = {}
        self._traces: dict[tuple[str, str], Trace] = {}
        self._links: dict[tuple[LinkKind, str], KnownEmail] = {}
        self._subjects: dict[str, dict[str, KnownEmail]] = {}
        self._numbers: dict[str, int] = {}
        self._counts: dict[str, int] = {}
        self._digits: dict[str, int] = {}

    def find(self, wanted: Wanted) -> Found:
        """Answer all questions of a page."""
        pairs = [*((key, mailbox) for key in wanted.keys for mailbox in wanted.mailboxes), *wanted.pairs]
        return Found(
            claims={key: self.claims[key] for key in wanted.keys if key in self.claims},
            receipts={pair: self.notes[pair] for pair in pairs if pair in self.notes},
            message_ids=self._linked(LinkKind.MESSAGE_ID, wanted.message_ids),
            tokens=self._linked(LinkKind.TOKEN, wanted.tokens),
            threads=self._linked(LinkKind.THREAD, wanted.threads),
            copies={one: self.copies[one] for one in wanted.copies if one in self.copies},
        )

    def by_subject(self, subject_hash: str, since: datetime, limit: int = 100) -> Sequence[KnownEmail]:
        """Return the e-mails whose subject words hash to this, newest first."""
        known = [email for email in self._subjects.get(subject_hash, {}).values() if email.at >= since]
        return sorted(known, key=lambda email: email.at, reverse=True)[:limit]

    def record(self, receipts: Sequence[tuple[Receipt, Trace]], lease: Lease) -> None:
        """Write receipts and traces."""
        self.states.fenced(lease)
        for receipt, trace in receipts:
            self.note(receipt, trace)

    def link(self, links: Sequence[Link]) -> None:
        """Write ways back to an e-mail: the first message id stays, the newest token and thread win."""
        for link in links:
            place = (link.kind, link.value)
            if link.kind is LinkKind.SUBJECT:
                self._subjects.setdefault(link.value, {})[link.email.activity] = link.email
            elif link.kind is LinkKind.MESSAGE_ID:
                self._links.setdefault(place, link.email)
            elif place not in self._links or self._links[place].at <= link.email.at:
                self._links[place] = link.email

    def reserve_token(self, token: str, email: KnownEmail, live_since: datetime) -> bool:
        """Write the token's row unless a live conversation has it."""
        held = self._links.get((LinkKind.TOKEN, token))
        if held is not None and held.at >= live_since and held.activity != email.activity:
            return False
        self._links[LinkKind.TOKEN, token] = email
        return True

    def reserve_tokens(self, emails: Sequence[KnownEmail], live_since: datetime) -> list[bool]:
        """Reserve the token of each, one after the other."""
        had: set[str | None] = set()
        answers = []
        for one in emails:
            free = one.token not in had and self.reserve_token(str(one.token), one, live_since)
            had.add(one.token)
            answers.append(free)
        return answers

    def user_number(self, user: str) -> int:
        """Return the user's number."""
        return self._numbers.setdefault(user.casefold(), len(self._numbers) + 1)

    def next_counts(self, user: str, count: int) -> Counted:
        """Add to the user's counter; return its value before, and its digits."""
        before = self._counts.get(user.casefold(), 0)
        self._counts[user.casefold()] = before + count
        return Counted(before, self._digits.get(user.casefold(), 0))

    def grow_digits(self, user: str, digits: int) -> None:
        """Let the user's counter have so many digits from now on."""
        self._digits[user.casefold()] = max(digits, self._digits.get(user.casefold(), 0))

    def claim(self, key: str) -> Claim | None:
        """Return the claim of a message key."""
        return self.claims.get(key)

    def receipts(self, key: str) -> Sequence[Receipt]:
        """Return the receipts of a message key."""
        return [receipt for place, receipt in sorted(self.notes.items()) if place[0] == key]

    def traces(self, key: str) -> Sequence[Trace]:
        """Return the traces of a message key."""
        return [trace for place, trace in sorted(self._traces.items()) if place[0] == key]

    def traces_since(self, at: datetime) -> Sequence[Trace]:
        """Return all traces written since then."""
        return sorted((trace for trace in self._traces.values() if trace.at >= at), key=lambda trace: trace.at)

    def note(self, receipt: Receipt, trace: Trace) -> None:
        """Keep a receipt and a trace; what the claim's own mailbox received stands."""
        self._traces[trace.key, f"{trace.mailbox}#{trace.copy}" if trace.copy else trace.mailbox] = trace
        if receipt.copy:
            self.copies[receipt.key, receipt.mailbox, receipt.copy] = receipt
            return
        claim = self.claims.get(receipt.key)
        if claim is None or claim.mailbox != receipt.mailbox or receipt.outcome is Outcome.DELIVERED:
            self.notes[receipt.key, receipt.mailbox] = receipt

    def settle(self, delivery: Delivery) -> None:
        """Keep everything that a new activity writes."""
        self.claims[delivery.claim.key] = delivery.claim
        self.note(delivery.receipt, delivery.trace)
        self.link(delivery.links)

    def _linked(self, kind: LinkKind, values: Sequence[str]) -> dict[str, KnownEmail]:
        return {value: self._links[kind, value] for value in values if (kind, value) in self._links}


class MemoryQuarantine:
    """Messages that a person must look at."""

    def __init__(self, states: MemoryStates | None = None) -> None:
        self._states = states or MemoryStates()
        self._entries: dict[str, Quarantined] = {}

    def add(self, message: Quarantined, lease: Lease | None) -> None:
        """Write the row."""
        if lease is not None:
            self._states.fenced(lease)
        self._entries[message.id] = message

    def entries(self) -> Sequence[Quarantined]:
        """Return all, newest first."""
        return sorted(self._entries.values(), key=lambda entry: entry.at, reverse=True)

    def get(self, entry_id: str) -> Quarantined | None:
        """Return one, or None."""
        return self._entries.get(entry_id)

    def remove(self, entry_id: str) -> None:
        """Remove one."""
        self._entries.pop(entry_id, None)
