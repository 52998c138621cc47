"""Read messages as Graph lists them: by a delta query or by a plain one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
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
        row = Row(str(value["id"]), _moment(value), message_id, _size(value), attachments)
        if since is None or row.received is None or row.received >= since:
            rows[row.id] = row
    return list(rows.values())


def is_taken_away(value: object) -> bool:
    """Tell whether a row of a delta query says that a message left the folder and still lies in the mailbox."""
    removed = value.get("@removed") if isinstance(value, dict) else None
    return isinstance(removed, dict) and removed.get("reason") == "changed"


def age(row: Row) -> tuple[datetime, str]:
    """Order rows by the time of receipt, then by id; those without a time come last."""
    return row.received or datetime.max.replace(tzinfo=UTC), row.id


def as_graph_writes(moment: datetime) -> str:
    """Write an instant as it stands in a filter: whole seconds of UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(value: JsonObject) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value.get("receivedDateTime")))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _size(value: JsonObject) -> int | None:
    for one in value.get("singleValueExtendedProperties") or ():
        try:
            return int(one["value"])
        except (KeyError, TypeError, ValueError):
            continue
    return None
