"""List the e-mails of Dataverse that the router knows: those that came by it, those that left by it or are to leave.

For operators.  A hundred e-mails take one batch there and one of reads here; the content of attachments is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from email_router.core.grouping import groups
from email_router.core.mailbox import Direction
from email_router.edge.connect.keys import LISTING_SHARDS
from email_router.edge.crm import builtin_records, builtin_rows, dataverse_outgoing
from email_router.edge.crm import dataverse_reading as reading

if TYPE_CHECKING:
    from email_router.core.activity import EmailActivity
    from email_router.core.ports import BlobStore
    from email_router.edge.connect.dataverse import DataverseClient
    from email_router.edge.connect.dynamodb import Table
    from email_router.edge.connect.keys import Keys
    from email_router.edge.connect.values import Item

_PAGE = 100
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def came(table: Table, keys: Keys) -> Iterator[str]:
    """Yield the ids of the e-mails that came by the router."""
    for shard in range(LISTING_SHARDS):
        found = table.query(
            "#lpk = :lpk", {":lpk": keys.emails(shard)}, index=builtin_records.LISTING, fields="#pk, #sk, #lsk"
        )
        yield from (str(item["lsk"]).rpartition("#")[2] for item in found)


def listed(
    client: DataverseClient, table: Table, keys: Keys, blobs: BlobStore, activities: Iterable[str]
) -> list[EmailActivity]:
    """Return these e-mails as far as they are there, oldest first; those of one second in the order of their own dates."""
    found: list[EmailActivity] = []
    for group in groups(dict.fromkeys(one.lower() for one in activities), _PAGE):
        places = [builtin_rows.place_of(keys, one) for one in group]
        ours = {(item["pk"], item["sk"]): item for item in table.get_all([*places, *map(_outgoing, places)])}
        for row in reading.read_all(client, group):
            there = reading.activity_of(row)
            place = builtin_rows.place_of(keys, there.id.lower())
            if there.direction is Direction.OUTGOING:
                found.append(dataverse_outgoing.told(there, ours.get(_outgoing(place), {})))
            else:
                found.append(with_ours(there, ours.get(place), blobs))
    return sorted(found, key=lambda one: (one.created or _LONG_AGO, one.date or one.created or _LONG_AGO))


def with_ours(there: EmailActivity, item: Item | None, blobs: BlobStore) -> EmailActivity:
    """Return an e-mail that came, as our row tells it and with what Dataverse alone knows: state, regarding, the body in HTML."""
    if item is None:
        return there
    ours = builtin_rows.activity_of(item, blobs)
    return replace(ours, status=there.status, regarding=there.regarding, html=there.html if item.get("html") else "")


def _outgoing(place: tuple[str, str]) -> tuple[str, str]:
    return place[0], dataverse_outgoing.OUTGOING
