"""Build the partition keys of one organisation's rows: the only place where they are made, so that none lacks the organisation."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from email_router.core.errors import ConfigurationError

ORGANISATIONS = "ORGS"
"""A partition that belongs to no organisation: their list."""

SES_ACCOUNT = "SES"
"""The other one: how fast the AWS account may send, which all organisations of the stack share."""

SCHEDULE_SHARDS = 16
LISTING_SHARDS = 8

OPEN_CIRCUITS = "CIRCUITS"
"""The scheduler's index partition of the circuits that are open, of all organisations."""

_ORGANISATION = re.compile(r"[^#\s]{1,200}")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one organisation.  Its name holds neither # nor blanks, so no key of one can be read as another's."""

    organisation: str

    def __post_init__(self) -> None:
        """Refuse a name that could reach into another organisation's rows."""
        if not _ORGANISATION.fullmatch(self.organisation):
            raise ConfigurationError(
                f"organisation {self.organisation!r}: expected 1 to 200 characters without # and blanks"
            )

    @property
    def own(self) -> str:
        """The organisation's own rows: configuration, user numbers, counters."""
        return f"ORG#{self.organisation}"

    def mailbox(self, address: str) -> str:
        """A mailbox's state, retries and subscriptions."""
        return f"{self.own}#MAILBOX#{_short(address.casefold())}"

    def message(self, key: str) -> str:
        """A message's claim, receipts and traces."""
        return f"{self.own}#MESSAGE#{_short(key)}"

    def message_id(self, message_id: str) -> str:
        """The e-mail with this Message-ID."""
        return f"{self.own}#MESSAGEID#{digest(message_id)}"

    def token(self, token: str) -> str:
        """The newest e-mail with this tracking token."""
        return f"{self.own}#TOKEN#{_short(token)}"

    def thread(self, thread: str) -> str:
        """The newest e-mail of this thread."""
        return f"{self.own}#THREAD#{_short(thread)}"

    def subject(self, subject_hash: str) -> str:
        """The e-mails whose subject words hash to this."""
        return f"{self.own}#SUBJECT#{_short(subject_hash)}"

    def outgoing(self, activity: str) -> str:
        """The state of an outgoing e-mail."""
        return f"{self.own}#OUTGOING#{_short(activity)}"

    @property
    def outgoing_list(self) -> str:
        """The index partition that lists outgoing e-mails."""
        return f"{self.own}#OUTGOING"

    @property
    def undeliverable(self) -> str:
        """The quarantined messages."""
        return f"{self.own}#UNDELIVERABLE"

    def circuit(self, place: str) -> str:
        """What is known of a host or provider that most of its mailboxes may fail at."""
        return f"{self.own}#CIRCUIT#{_short(place)}"

    @property
    def alerts(self) -> str:
        """What was raised for a person."""
        return f"{self.own}#ALERT"

    def email(self, activity: str) -> str:
        """An e-mail activity of the built-in CRM."""
        return f"{self.own}#EMAIL#{_short(activity)}"

    def emails(self, shard: int) -> str:
        """One index partition of the list of e-mail activities."""
        return f"{self.own}#EMAILS#{shard}"

    @property
    def pending(self) -> str:
        """The index partition of e-mails that wait to be sent."""
        return f"{self.own}#PENDING"

    def record(self, kind: str, record_id: str) -> str:
        """A contact, lead, account, user or queue."""
        return f"{self.own}#RECORD#{kind}#{_short(record_id)}"

    @property
    def records(self) -> str:
        """The index partition that lists records."""
        return f"{self.own}#RECORDS"

    def address(self, address: str) -> str:
        """The records that have this address."""
        return f"{self.own}#ADDRESS#{_short(address.casefold())}"


def organisation_of(key: str) -> str:
    """Return whose row a partition key of Keys is of.  Raises ValueError for one that is no organisation's."""
    start, _, rest = key.partition("#")
    organisation = rest.partition("#")[0]
    if start != "ORG" or not organisation:
        raise ValueError("expected a key of an organisation, ORG#name")
    return organisation


def digest(value: str) -> str:
    """Return 160 bits of the value's SHA-256, hexadecimal: enough that nobody finds two values with one digest."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def shard_of(value: str, shards: int) -> int:
    """Return the shard of a value, the same for ever."""
    return int(digest(value)[:8], 16) % shards


def schedule_shard(shard: int) -> str:
    """Return the scheduler's index partition of this number."""
    return f"SCHEDULE#{shard:02d}"


def _short(value: str) -> str:
    """Return the value where it fits a key, else its digest (a key takes 2,048 bytes)."""
    return value if len(value) <= _LONGEST and value.isascii() else digest(value)
