"""Tell from its keys what a row is to a backup, and to the restore that brings it back."""

from __future__ import annotations

from collections.abc import Mapping

from email_router.core.restoring import RowKind
from email_router.edge.connect.keys import Keys

_ANY = "*"
KINDS: Mapping[tuple[str, str], RowKind] = {
    ("", "ORG"): RowKind.POINTER,
    ("", "CONFIGURATION"): RowKind.VERSION,
    ("", "FOLLOWED"): RowKind.FOLLOWED,
    ("", "USERNUMBER"): RowKind.USER_NUMBER,
    ("", "USERNUMBERS"): RowKind.COUNTER,
    ("", "COUNTER"): RowKind.COUNTER,
    ("", "NUDGE"): RowKind.PASSING,
    ("", "COLLECTED"): RowKind.PASSING,
    ("", "CRM_BACK_OFF"): RowKind.PASSING,
    ("", "PASSWORDS"): RowKind.PASSWORD,
    ("CIRCUIT", "STATE"): RowKind.PASSING,
    ("MAILBOX", "STATE"): RowKind.MAILBOX,
    ("MAILBOX", "RETRY"): RowKind.RETRY,
    ("MAILBOX", "NUDGE"): RowKind.PASSING,
    ("MAILBOX", "SUBSCRIPTION"): RowKind.PASSING,
    ("MAILBOX", "PASSWORD"): RowKind.PASSWORD,
    ("MESSAGE", "CLAIM"): RowKind.CLAIM,
    ("MESSAGE", "RECEIPT"): RowKind.RECEIPT,
    ("MESSAGE", "TRACE"): RowKind.TRACE,
    ("MESSAGE", "ATTEMPT"): RowKind.PASSING,
    ("MESSAGEID", "EMAIL"): RowKind.LINK,
    ("TOKEN", "EMAIL"): RowKind.LINK,
    ("THREAD", "EMAIL"): RowKind.LINK,
    ("SUBJECT", _ANY): RowKind.SUBJECT,
    ("OUTGOING", "STATE"): RowKind.OUTGOING,
    ("OUTGOING", "PACKED"): RowKind.COMPOSED,
    ("UNDELIVERABLE", _ANY): RowKind.UNDELIVERABLE,
    ("ALERT", _ANY): RowKind.ALERT,
    ("EMAIL", "EMAIL"): RowKind.EMAIL,
    ("EMAIL", "OUTGOING"): RowKind.SENDING,
    ("EMAIL", "NOTE"): RowKind.NOTE,
    ("RECORD", "RECORD"): RowKind.RECORD,
    ("ADDRESS", "RECORDS"): RowKind.ADDRESS,
    ("ADDRESS", "PERSON"): RowKind.PERSON,
    ("RECORDS", "STATES"): RowKind.STATES,
}
"""By the word after the organisation in the partition key, and the first word of the sort key."""


def kind_of(keys: Keys, pk: str, sk: str) -> RowKind:
    """Return what the row of an organisation at (pk, sk) is; UNKNOWN for one that this version does not know."""
    part = pk.removeprefix(keys.own).removeprefix("#").partition("#")[0]
    return KINDS.get((part, sk.partition("#")[0])) or KINDS.get((part, _ANY), RowKind.UNKNOWN)
