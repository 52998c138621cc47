"""Read what the messages of a page need to be judged: at most five reads, whatever the page holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from email_router.core.activity import Record
from email_router.core.flows.incoming import Draft, Incoming
from email_router.core.flows.lookup import PageLookup
from email_router.core.flows.ruling import decides
from email_router.core.ledger import Found, KnownEmail, Wanted
from email_router.core.own_mail import marked_activity
from email_router.core.ways import wanted

_FULL = 25
"""How many messages a full page has: a smaller one has the same room."""

_ROWS = 12
"""How many rows of the ledger a message of a full page may ask for: 300 in all, which are three reads."""

_RECIPIENTS = 10
"""How many addresses beyond the senders' a page's first read asks for; more are asked for when the messages are delivered."""


@dataclass(frozen=True, slots=True)
class PageReading:
    """Reads for one organisation."""

    incoming: Incoming

    def lookup(self, drafts: Sequence[Draft], now: datetime) -> PageLookup:
        """Return what the ledger knows for the page; smart matching asks for itself."""
        return PageLookup(self._found(drafts), self._older_by_subject(now))

    def people(self, drafts: Sequence[Draft]) -> dict[str, tuple[Record, ...]]:
        """The records of all senders, and of the first recipients: those of an everyday page are known by one read, whatever is delivered.

        A CRM that decides by itself resolves them itself: none is asked for.
        """
        if decides(self.incoming.crm):
            return {}
        senders = dict.fromkeys(d.message.author.key for d in drafts if d.message.author)
        others = dict.fromkeys(one.key for d in drafts for one in d.message.recipients if one.key not in senders)
        asked = (*senders, *islice(others, _RECIPIENTS))
        found = self.incoming.crm.resolve(asked) if asked else {}
        return {address: found.get(address, ()) for address in asked}

    def _found(self, drafts: Sequence[Draft]) -> Found:
        """Ask the ledger for the page; once more only where an id is another message's than the draft's and nothing told so before."""
        asked = self._wanted(drafts)
        found = self.incoming.ledger.find(asked)
        identities = {key: {claim.identity} for key, claim in found.claims.items()}
        for draft in drafts:
            identities.setdefault(draft.key.key, set()).add(draft.key.identity)
        collided = [one for one in drafts if len(identities[one.key.key]) > 1 and one.collision not in asked.keys]
        if not collided:
            return found
        keys, pairs = _places([(one.collision, one.mailbox.key) for one in collided])
        more = self.incoming.ledger.find(Wanted(keys=keys, pairs=pairs))
        return replace(found, claims=found.claims | more.claims, receipts=found.receipts | more.receipts)

    def _wanted(self, drafts: Sequence[Draft]) -> Wanted:
        """What the page asks in three reads at most.

        Where it will ask yet another store what was sent, it leaves nothing for a further read: the places of collisions are asked for too.
        """
        configuration = self.incoming.configuration
        asked = [(one.key.key, one.mailbox.key) for one in drafts]
        if _asks_more(drafts, configuration.organisation):
            asked += [(one.collision, one.mailbox.key) for one in drafts]
        keys, pairs = _places(asked)
        room = _ROWS * max(len(drafts), _FULL) - len(keys) - len(pairs)
        return replace(wanted([one.message for one in drafts], configuration.tracking, room), keys=keys, pairs=pairs)

    def _older_by_subject(self, now: datetime) -> Callable[[str], Sequence[KnownEmail]]:
        since = now - timedelta(days=self.incoming.configuration.tracking.smart_window_days)
        return lambda subject: self.incoming.ledger.by_subject(subject, since)


def _places(asked: Sequence[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Return the message keys, and the keys with their mailboxes, each once."""
    return tuple(dict.fromkeys(key for key, _ in asked)), tuple(dict.fromkeys(asked))


def _asks_more(drafts: Sequence[Draft], organisation: str) -> bool:
    """Tell whether the page will ask which e-mails the router has sent, or holds two messages under one id."""
    named = any(one.message.delivery_report or marked_activity(one.message, organisation) for one in drafts)
    return named or len({(one.key.key, one.key.identity) for one in drafts}) > len({one.key.key for one in drafts})
