"""List every kind of row and blob that is kept, with its time: what docs/privacy.md tells, retention tests, and `erase` walks through.

A row of a kind that stands nowhere here fails the test of retention, and `erase` leaves it and says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FOR_EVER = None


@dataclass(frozen=True, slots=True)
class RowKind:
    """One kind of row: its name, what its keys look like, and after how many days DynamoDB removes it (None: never by itself).

    `pk` is what follows the organisation, without its number or value: "MESSAGE" of ORG#o#MESSAGE#key, empty of ORG#o itself.
    """

    name: str
    pk: str
    sk: str
    days: int | None = FOR_EVER


ROUTER = (
    RowKind("published configuration", "", r"ORG|CONFIGURATION#\d+#\d+"),
    RowKind("settings that are followed", "", "FOLLOWED"),
    RowKind("user numbers", "", "USERNUMBERS"),
    RowKind("user number", "", "(USERNUMBER|COUNTER)#.+"),
    RowKind("mailboxes with a password", "", "PASSWORDS"),
    RowKind("nudge", "", "NUDGE", 1),
    RowKind("pace of collects", "", "COLLECTED", 1),
    RowKind("circuit", "CIRCUIT", "STATE", 30),
    RowKind("mailbox state", "MAILBOX", "STATE"),
    RowKind("mailbox password", "MAILBOX", "PASSWORD"),
    RowKind("retry", "MAILBOX", "RETRY#.+"),
    RowKind("subscription", "MAILBOX", "SUBSCRIPTION#.+"),
    RowKind("nudge", "MAILBOX", "NUDGE", 1),
    RowKind("claim", "MESSAGE", "CLAIM"),
    RowKind("receipt", "MESSAGE", "RECEIPT#.+"),
    RowKind("trace", "MESSAGE", "TRACE#.+", 90),
    RowKind("attempt at Dynamics 365", "MESSAGE", "ATTEMPT", 90),
    RowKind("way back", "MESSAGEID", "EMAIL"),
    RowKind("way back", "TOKEN", "EMAIL"),
    RowKind("way back", "THREAD", "EMAIL"),
    RowKind("smart matching", "SUBJECT", ".+", 90),
    RowKind("outgoing state", "OUTGOING", "STATE"),
    RowKind("composed mail", "OUTGOING", "PACKED", 180),
    RowKind("quarantined message", "UNDELIVERABLE", ".+", 180),
    RowKind("alert", "ALERT", ".+"),
)
CRM = (
    RowKind("e-mail", "EMAIL", "EMAIL"),
    RowKind("e-mail of Dynamics 365 to be sent", "EMAIL", "OUTGOING"),
    RowKind("note", "EMAIL", "NOTE#.+"),
    RowKind("record", "RECORD", "RECORD"),
    RowKind("records of an address", "ADDRESS", "RECORDS"),
    RowKind("person made in Dynamics 365", "ADDRESS", "PERSON"),
    RowKind("records have changed", "RECORDS", "STATES"),
    RowKind("pause of Dynamics 365", "", "CRM_BACK_OFF"),
)
OF_NO_ORGANISATION = (
    RowKind("organisation", "ORGS", ".+"),
    RowKind("pace of Amazon SES", "SES", "ACCOUNT"),
    RowKind("suppressed addresses", "SES", "SUPPRESSED"),
)
BLOBS = {
    "attachment": FOR_EVER,
    "email": FOR_EVER,
    "mailbox": FOR_EVER,
    "raw": 180,
    "unread": 180,
    "quarantine": 180,
    "body": 180,
    "outgoing": 180,
}
"""The first part of a blob's key, and after how many days the bucket removes it."""


def kind_of(pk: str, sk: str) -> RowKind | None:
    """Return the kind of a row of either table, or None for one that is not listed."""
    if not pk.startswith("ORG#"):
        return _found(OF_NO_ORGANISATION, pk, sk)
    what = [*pk.split("#", 3), ""][2]
    return _found((*ROUTER, *CRM), what, sk)


def _found(kinds: tuple[RowKind, ...], pk: str, sk: str) -> RowKind | None:
    return next((one for one in kinds if one.pk == pk and re.fullmatch(one.sk, sk)), None)
