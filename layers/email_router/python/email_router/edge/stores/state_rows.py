"""Turn a mailbox's state into attributes of its row and back."""

from __future__ import annotations

from email_router.core.fetched import Position
from email_router.core.mailbox_state import MailboxState, PassRecord
from email_router.edge.connect.compact import instant, micros
from email_router.edge.connect.values import Item, Value

PARKED = b"\0blob:"
"""A cursor that begins so stands for the one in the blob store under the key that follows."""

_LONGEST_TEXT = 1000


def state_of(mailbox: str, item: Item) -> MailboxState:
    """Read a state; an empty item is a mailbox never seen."""
    parked = item.get("cursor_blob")
    cursor = PARKED + parked.encode() if parked else item.get("cursor", b"")
    return MailboxState(
        mailbox=mailbox,
        position=Position(cursor, item.get("mark", "")),
        token=item.get("token", 0),
        lease_until=instant(item.get("lease_until")),
        again=item.get("again", False),
        attempts=item.get("attempts", {}),
        last_mail=instant(item.get("last_mail")),
        last_pass=instant(item.get("last_pass")),
        position_saved=instant(item.get("position_saved")),
        next_retry=instant(item.get("next_retry")),
        reconciled=instant(item.get("reconciled")),
        suspected=item.get("suspected", False),
        failures=item.get("failures", 0),
        blocked_until=instant(item.get("blocked_until")),
        disabled=instant(item.get("disabled")),
        error_kind=item.get("error_kind", ""),
        error_text=item.get("error_text", ""),
        error_mend=item.get("error_mend", ""),
    )


def record_fields(record: PassRecord) -> dict[str, Value]:
    """Return what a finished pass changes; what the pass does not know (when mail came last, ...) stays as it is."""
    fields: dict[str, Value] = {
        "last_pass": micros(record.at),
        "next_retry": micros(record.next_retry) if record.next_retry else None,
        "failures": record.failures or None,
        "blocked_until": micros(record.blocked_until) if record.blocked_until else None,
        "disabled": micros(record.disabled) if record.disabled else None,
        "error_kind": record.error_kind or None,
        "error_text": record.error_text[:_LONGEST_TEXT] or None,
        "error_mend": record.error_mend[:_LONGEST_TEXT] or None,
    }
    known: dict[str, Value] = {}
    if record.last_mail:
        known["last_mail"] = micros(record.last_mail)
    if record.reconciled:
        known["reconciled"] = micros(record.reconciled)
    if record.suspected is not None:
        known["suspected"] = record.suspected or None
    return fields | known
