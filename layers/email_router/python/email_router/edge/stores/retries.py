"""Keep a mailbox's failed messages as rows in the order in which they are due: `ORG#o#MAILBOX#a | RETRY#due#key`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from email_router.core.errors import StaleWorker
from email_router.core.ledger import Retry
from email_router.core.mailbox_state import Lease
from email_router.edge.connect import transactions
from email_router.edge.connect.compact import expand, micros, sortable, squeeze
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys, digest
from email_router.edge.connect.ledger_rows import STATE, TOKEN_HELD, fence
from email_router.edge.connect.transactions import Action, Cancelled, Place

PREFIX = "RETRY#"
_LAST = "RETRY#~"


def add(table: Table, keys: Keys, lease: Lease, retry: Retry) -> None:
    """Write the row, remove those of the same message, and note in the state when the next one is due: all at once, or StaleWorker."""
    pk = keys.mailbox(lease.mailbox)
    rows = list(table.query("#pk = :pk AND begins_with(#sk, :prefix)", {":pk": pk, ":prefix": PREFIX}, fields="#sk"))
    mine = _place(keys, retry, lease.mailbox)
    old = [row["sk"] for row in rows if row["sk"].endswith(_ending(retry.key)) and row["sk"] != mine[1]]
    first = min([mine[1], *(row["sk"] for row in rows if row["sk"] not in old)])
    soonest = retry.due if first == mine[1] else datetime.fromisoformat(first.removeprefix(PREFIX).partition("#")[0])
    item = {"pk": pk, "sk": mine[1], "retry": squeeze(retry)}
    due = transactions.update(
        table.name, (pk, STATE), "SET #next_retry = :due", {":due": micros(soonest), ":token": lease.token}, TOKEN_HELD
    )
    gone = [transactions.delete(table.name, (pk, sk)) for sk in old]
    _write(table, lease, [due, transactions.put(table.name, item), *gone])


def due(table: Table, keys: Keys, mailbox: str, due_by: datetime | None, limit: int) -> Sequence[Retry]:
    """Return the retries due by then (None: all), soonest first."""
    last = f"{PREFIX}{sortable(due_by)}~" if due_by else _LAST
    values = {":pk": keys.mailbox(mailbox), ":first": PREFIX, ":last": last}
    rows = table.query("#pk = :pk AND #sk BETWEEN :first AND :last", values, limit=limit)
    return [expand(Retry, row["retry"]) for row in rows]


def drop(table: Table, keys: Keys, lease: Lease, retry: Retry) -> None:
    """Remove the row, or raise StaleWorker."""
    place = _place(keys, retry, lease.mailbox)
    _write(table, lease, [fence(table.name, keys, lease), transactions.delete(table.name, place)])


def _place(keys: Keys, retry: Retry, mailbox: str) -> Place:
    return keys.mailbox(mailbox), f"{PREFIX}{sortable(retry.due)}{_ending(retry.key)}"


def _ending(key: str) -> str:
    return f"#{key if key.isalnum() and len(key) <= 64 else digest(key)}"  # noqa: PLR2004 - a SHA-256 in hexadecimal


def _write(table: Table, lease: Lease, actions: Sequence[Action]) -> None:
    try:
        transactions.write(table.client, actions)
    except Cancelled as cancelled:
        raise StaleWorker(f"{lease.mailbox}: token {lease.token} is not the newest any more") from cancelled
