"""The ports of the CRM: what every one does, and what only some do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from email_router.core.activity import About, EmailActivity, EmailStatus, NewPerson, Note, Record
from email_router.core.crm_rulings import Offer, Ruling
from email_router.core.ledger import (
    Delivered,
    Delivery,
)
from email_router.core.mailbox_state import Lease
from email_router.core.write_back import WriteBack


class Crm(Protocol):
    """Where one organisation keeps its e-mail activities and the records they are about."""

    def resolve(self, addresses: Sequence[str]) -> Mapping[str, tuple[Record, ...]]:
        """Return the active records of each address (case folded), in the documented order; unknown addresses are absent.

        Records that were deactivated or merged into others are not among them (ResolveForInactiveEntities is false).  Of an address that
        more than 100 have, at least 101 are returned: they stand for nobody.
        """

    def about(self, activities: Sequence[str]) -> Mapping[str, About]:
        """Return what each of these e-mails is about and who owns it; an e-mail that no longer exists is absent.

        A record that was merged into another is answered by that one; one that is inactive is answered and said to be so.
        """

    def create_people(self, people: Sequence[NewPerson]) -> Mapping[str, tuple[Record, ...]]:
        """Make a record for each address (case folded) that no record has, active or not; return the active records of all of them.

        Exactly once however often and by however many it is called: the first makes the record, the others find it, also within one
        call.  An address is absent when it has inactive records only, or when the CRM makes none.  Raises TryLater (shared) when the
        store is away.
        """

    def deliver(self, deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        """Create the activities, each exactly once with its claim, receipt, links and trace; answer in the same order.

        A delivery whose claim stands already leaves a receipt and the trace instead.  Raises TryLater (shared) when the store is away;
        what was written before stays written, and the same call may simply be made again.
        """

    def email(self, activity: str) -> EmailActivity | None:
        """Return one e-mail activity with its bodies, or None."""

    def several(self, activities: Sequence[str]) -> Mapping[str, EmailActivity]:
        """Return these e-mail activities with their bodies, read together; one that is gone is absent.

        Of those whose attachments must be fetched first some may be absent, too, so that it takes no longer than what leaves is worth: the
        first of those that are there never is.  Raises MessageRefused when one of them cannot be read as it is: `email` tells which.
        """

    def pending(self, now: datetime, limit: int) -> Iterator[tuple[str, str]]:
        """Yield (activity, sender address) of e-mails that are due: pending, deferred, or sending for too long.

        Where the CRM does not tell by itself that a user has cancelled one that was collected before, that one comes up, too.
        """

    def postpone(self, activities: Sequence[str], until: datetime) -> None:
        """Keep these pending e-mails from being collected again before then."""

    def write_back(self, told: WriteBack) -> bool:
        """Tell the CRM where an outgoing e-mail stands; False when it is cancelled or gone."""

    def write_back_all(self, told: Sequence[WriteBack]) -> Mapping[str, EmailStatus | None]:
        """Tell the CRM where several e-mails stand, together; each replaces only what REPLACED allows (core/write_back.py).

        Returns those that were not written, with what the CRM says of them; None: gone.  Repeatable: what was written before an error
        stays written.
        """


class NotingCrm(Protocol):
    """A CRM that keeps notes on e-mails.  One that has none tells all in the e-mail's reason."""

    def note(self, activity: str, key: str, note: Note) -> None:
        """Keep the note on the e-mail; one of the same key is written over.  Repeatable."""

    def notes(self, activity: str) -> Sequence[Note]:
        """Return the notes of an e-mail, oldest first."""


class TokenGivingCrm(Protocol):
    """A CRM that gives tracking tokens of its own."""

    def new_tokens(self, subjects: Sequence[str]) -> Sequence[str]:
        """Return a new token for each subject, in order; an empty one where the CRM uses none.  Each is given once, used or not."""


class DecidingCrm(Protocol):
    """A CRM that decides by itself which mail it wants, matches it by itself, and gives its e-mails ids of its own.

    The activities of the deliveries that it gets bear provisional ids; its answers name the real ones.
    """

    def rule_on(self, offers: Sequence[Offer]) -> Sequence[Ruling]:
        """Say of each offer, in order, whether it is wanted; only reads.  One that cannot be asked about is wanted, reason "unknown"."""
