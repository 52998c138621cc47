"""Which objects of the data bucket a row names."""

from __future__ import annotations

from collections.abc import Callable

from email_router.core.activity import EmailActivity
from email_router.core.flows.retrying import whole_blob
from email_router.core.ledger import Quarantined, Retry
from email_router.core.restoring import RowKind
from email_router.edge.connect.compact import expand
from email_router.edge.connect.outgoing_rows import state_of
from email_router.edge.connect.values import Item


def named_by(kind: RowKind, row: Item, read: Callable[[str], bytes] | None = None) -> tuple[str, ...]:
    """Return the keys of the objects that a row names, each once.

    A long e-mail is itself an object, which names others: those are told too where `read` returns its bytes (KeyError: it is gone).
    """
    if kind is RowKind.MAILBOX:
        found = [row.get("cursor_blob", "")]
    elif kind is RowKind.RETRY:
        retry = expand(Retry, row["retry"])
        found = [retry.blob, whole_blob(retry)]
    elif kind is RowKind.UNDELIVERABLE:
        found = [expand(Quarantined, row["entry"]).blob]
    elif kind is RowKind.OUTGOING:
        state = state_of(row)
        found = ["" if state.beside else state.blob]
    elif kind is RowKind.EMAIL:
        found = _of_email(row, read)
    else:
        found = []
    return tuple(dict.fromkeys(filter(None, found)))


def _of_email(row: Item, read: Callable[[str], bytes] | None) -> list[str]:
    whole = row.get("blob", "")
    if whole and read is None:
        return [whole]
    try:
        data = read(whole) if whole and read else row["data"]
    except KeyError:
        return [whole]
    activity = expand(EmailActivity, data)
    return [whole, activity.raw or "", *(one.blob for one in activity.attachments)]
