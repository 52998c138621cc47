"""Answer the matching rules from one batch of the ledger, overlaid by the decisions of the same page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from email_router.core.ledger import Claim, Found, KnownEmail, Link, LinkKind, Receipt, Wanted
from email_router.core.ports import Ledger


class PageLookup:
    """What the store knew before the page, and what the page itself has added: a reply fetched with its parent finds it."""

    def __init__(self, found: Found, by_subject: Callable[[str], Sequence[KnownEmail]]) -> None:
        self._ids = dict(found.message_ids)
        self._tokens = dict(found.tokens)
        self._threads = dict(found.threads)
        self._subjects: dict[str, list[KnownEmail]] = {}
        self._by_subject = by_subject
        self._claims = dict(found.claims)
        self._receipts = dict(found.receipts)

    def by_message_id(self, message_id: str) -> KnownEmail | None:
        """Return the e-mail with this Message-ID."""
        return self._ids.get(message_id)

    def by_token(self, token: str) -> KnownEmail | None:
        """Return the newest e-mail with this token."""
        return self._tokens.get(token)

    def by_thread(self, thread: str) -> KnownEmail | None:
        """Return the newest e-mail of this conversation index."""
        return self._threads.get(thread)

    def by_subject(self, subject_hash: str) -> Sequence[KnownEmail]:
        """Return the e-mails with this subject hash, the page's own first; the store is asked only now."""
        return [*reversed(self._subjects.get(subject_hash, [])), *self._by_subject(subject_hash)]

    def without(self, activity: str) -> OthersOnly:
        """Return a view in which this activity is unknown: a further copy of a message does not continue itself."""
        return OthersOnly(self, activity)

    def claim(self, key: str) -> Claim | None:
        """Return the claim of a message key."""
        return self._claims.get(key)

    def receipt(self, key: str, mailbox: str) -> Receipt | None:
        """Return the mailbox's receipt for a message key."""
        return self._receipts.get((key, mailbox))

    def add(self, claim: Claim, links: Sequence[Link]) -> None:
        """Make a message of this page known to the ones behind it."""
        self._claims.setdefault(claim.key, claim)
        for link in links:
            if link.kind is LinkKind.MESSAGE_ID:
                self._ids.setdefault(link.value, link.email)
            elif link.kind is LinkKind.TOKEN:
                self._tokens[link.value] = link.email
            elif link.kind is LinkKind.THREAD:
                self._threads[link.value] = link.email
            else:
                self._subjects.setdefault(link.value, []).append(link.email)

    def seen(self, receipt: Receipt) -> None:
        """Remember what became of a message of this page in its mailbox."""
        self._receipts[receipt.key, receipt.mailbox] = receipt


class OthersOnly:
    """A lookup that never answers with one activity; `met_itself` tells that it would have."""

    def __init__(self, lookup: PageLookup, activity: str) -> None:
        self._lookup = lookup
        self._activity = activity
        self.met_itself = False

    def by_message_id(self, message_id: str) -> KnownEmail | None:
        """Return the e-mail with this Message-ID."""
        return self._other(self._lookup.by_message_id(message_id))

    def by_token(self, token: str) -> KnownEmail | None:
        """Return the newest e-mail with this token, unless it is the message itself."""
        return self._other(self._lookup.by_token(token))

    def by_thread(self, thread: str) -> KnownEmail | None:
        """Return the newest e-mail of this conversation index, unless it is the message itself."""
        return self._other(self._lookup.by_thread(thread))

    def by_subject(self, subject_hash: str) -> Sequence[KnownEmail]:
        """Return the other e-mails with this subject hash."""
        return [one for one in self._lookup.by_subject(subject_hash) if self._other(one)]

    def _other(self, found: KnownEmail | None) -> KnownEmail | None:
        if found is not None and found.activity == self._activity:
            self.met_itself = True
            return None
        return found


class LedgerToday:
    """Answer single look-ups from what the ledger knows today, each value once.  For asking again; a page asks in batches."""

    def __init__(self, ledger: Ledger, since: datetime) -> None:
        self._ledger = ledger
        self._since = since
        self._known: dict[tuple[LinkKind, str], KnownEmail | None] = {}
        self._subjects: dict[str, Sequence[KnownEmail]] = {}

    def by_message_id(self, message_id: str) -> KnownEmail | None:
        """Return the e-mail with this Message-ID."""
        return self._one(LinkKind.MESSAGE_ID, message_id, Wanted(message_ids=(message_id,)))

    def by_token(self, token: str) -> KnownEmail | None:
        """Return the newest e-mail with this token."""
        return self._one(LinkKind.TOKEN, token, Wanted(tokens=(token,)))

    def by_thread(self, thread: str) -> KnownEmail | None:
        """Return the newest e-mail of this conversation index."""
        return self._one(LinkKind.THREAD, thread, Wanted(threads=(thread,)))

    def by_subject(self, subject_hash: str) -> Sequence[KnownEmail]:
        """Return the e-mails of the last days with this subject hash."""
        if subject_hash not in self._subjects:
            self._subjects[subject_hash] = self._ledger.by_subject(subject_hash, self._since)
        return self._subjects[subject_hash]

    def _one(self, kind: LinkKind, value: str, wanted: Wanted) -> KnownEmail | None:
        if (kind, value) not in self._known:
            found = self._ledger.find(wanted)
            answers = {**found.message_ids, **found.tokens, **found.threads}
            self._known[kind, value] = answers.get(value)
        return self._known[kind, value]
