"""State the case of a message: all that the questions of screening may look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from email_router.core.activity import Record
from email_router.core.case import Case
from email_router.core.flows.incoming import Draft, Incoming
from email_router.core.flows.lookup import PageLookup
from email_router.core.flows.robots import quick_of
from email_router.core.flows.sent_mail import Sent
from email_router.core.ledger import Claim, Outcome, Receipt
from email_router.core.mailbox import Mailbox, Profile


@dataclass(frozen=True, slots=True)
class Known:
    """What the stores know of a message before it is judged: the records of its sender, and e-mails of ours that it has to do with."""

    senders: tuple[Record, ...]
    sent: Sent


@dataclass(frozen=True, slots=True)
class Stating:
    """States the cases of one mailbox.  `retrying`: a person has these messages tried again."""

    incoming: Incoming
    receiving: Mailbox
    profile: Profile
    retrying: bool

    def case(
        self,
        draft: Draft,
        lookup: PageLookup,
        key: str,
        claim: Claim | None,
        known: Known,
        now: datetime,
    ) -> Case:
        """Return the case of a message under its effective key."""
        return Case(
            message=draft.message,
            fetched=draft.fetched,
            mailbox=draft.mailbox,
            receiving=self.receiving,
            profile=self.profile,
            configuration=self.incoming.configuration,
            now=now,
            claim=claim,
            receipt=self._receipt(lookup, key, draft.mailbox.key),
            own=known.sent.own,
            reported=known.sent.reported,
            reported_by=known.sent.reported_by,
            sender_records=known.senders,
            identity=draft.key.identity,
            # Whoever has a quarantined message tried again has looked at it.
            quick=0 if self.retrying else quick_of(draft, lookup, self.incoming, now),
            quoted=known.sent.quoted,
        )

    def _receipt(self, lookup: PageLookup, key: str, mailbox: str) -> Receipt | None:
        """The mailbox's receipt; that of a quarantined message does not count when a person lets it be tried again."""
        receipt = lookup.receipt(key, mailbox)
        again = self.retrying and receipt is not None and receipt.outcome is Outcome.QUARANTINED
        return None if again else receipt
