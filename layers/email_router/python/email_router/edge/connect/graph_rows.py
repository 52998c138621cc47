"""Read messages as Graph lists them: by a delta query or by a plain one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from email_router.edge.connect.graph_errors import JsonObject

SELECTED = "receivedDateTime,isDraft,internetMessageId,hasAttachments"
SIZE = "singleValueExtendedProperties($filter=id eq 'Integer 0x0E08')"  # PidTagMessageSize


@dataclass(frozen=True, slots=True)
class Row:
    """A message as Graph lists it.  `size` is that of Exchange's store, near to that of the MIME; None where it is not told."""

    id: str
    received: datetime | None
    message_id: str
    size: int | None
    attachments: bool = True


def rows_of(values: Iterable[object], since: datetime | None = None) -> list[Row]:
    """Return the messages worth reading, each once: nothing removed, no drafts, nothing received before `since`."""
    rows: dict[str, Row] = {}
    for value in values:
        if not isinstance(value, dict) or "@removed" in value or value.get("isDraft") or not value.get("id"):
            continue
        message_id, attachments = str(value.get("internetMessageId") or ""), value.get("hasAttachments") is not False
        row = Row(str(value["id"]), moment_of(value), message_id, _size(value), attachments)
        if since is None or row.received is None or row.received >= since:
            rows[row.id] = row
    return list(rows.values())


def taken_away(values: Iterable[object]) -> frozenset[str]:
    """Return the ids of which rows of a delta query say that they left the folder and still lie in the mailbox."""
    return frozenset(str(value.get("id") or "") for value in values if isinstance(value, dict) and _is_away(value))


def _is_away(value: JsonObject) -> bool:
    removed = value.get("@removed")
    return isinstance(removed, dict) and removed.get("reason") == "changed"


def digest(source_id: str) -> str:
    """Return what is kept of an id in a position, to know it again."""
    return blake2b(source_id.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def age(row: Row) -> tuple[datetime, str]:
    """Order rows by the time of receipt, then by id; those without a time come last."""
    return row.received or datetime.max.replace(tzinfo=UTC), row.id


def as_graph_writes(moment: datetime) -> str:
    """Write an instant as it stands in a filter: whole seconds of UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment_of(value: JsonObject) -> datetime | None:
    """Return the time of receipt in UTC, or None where none can be read."""
    try:
        moment = datetime.fromisoformat(str(value.get("receivedDateTime")))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _size(value: JsonObject) -> int | None:
    told = value.get("singleValueExtendedProperties")
    for one in told if isinstance(told, list) else ():
        try:
            size = int(one["value"])
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        return size if size >= 0 else None
    return None
