"""Fetch listed messages from Graph: small ones in batches, the others streamed singly; one that was moved meanwhile is followed."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from email_router.core.errors import RouterError
from email_router.core.fetched import Fetched, Listed
from email_router.edge.connect.graph import MOST_IN_BATCH
from email_router.edge.connect.graph_ids import find_moved, translated
from email_router.edge.connect.graph_mime import Mime, read_mime, read_small

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from email_router.edge.connect.graph import GraphClient
    from email_router.edge.connect.graph_rows import Row

SMALL = 1024 * 1024
"""A message of this size or less comes in a batch: twenty of them are 27 MB of base64, within the 64 MB of an answer that is read."""

_LIGHT = 128 * 1024
_LIGHT_TOGETHER = 2 * 1024 * 1024


class Reader:
    """Reads the messages of one mailbox.

    A batch is filled with the messages that follow on the page that was listed last, also where fewer are asked for: at most nineteen are
    held until their turn comes, so that a page of a hundred takes five batches however it is divided.
    """

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._rows: dict[str, Row] = {}
        self._page: list[Listed] = []
        self._came: dict[str, Mime | RouterError | None] = {}
        self._batches = True

    def listed(self, rows: Iterable[Row]) -> None:
        """Remember what the listing told of a page's messages."""
        self._rows = {row.id: row for row in rows}
        self._page = [Listed(row.id, row.size) for row in self._rows.values()]
        self._came.clear()

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        """Yield each message in order: small ones from batches, the others singly.  What one of a batch met is raised in its turn."""
        for number, one in enumerate(listed):
            if one.source_id not in self._came and self._is_small(one, limit):
                self._read_batch([*listed[number:], *self._behind(listed[-1])], limit)
            mime = self._came.pop(one.source_id, None)
            if isinstance(mime, RouterError):
                raise mime
            if mime is None or len(mime.raw) > limit:
                mime = self._alone(one.source_id, limit)
            yield self._fetched(one, mime)

    def _behind(self, last: Listed) -> list[Listed]:
        """Return what follows on the page."""
        at = next((number for number, one in enumerate(self._page) if one.source_id == last.source_id), len(self._page))
        return self._page[at + 1 :]

    def _read_batch(self, wanted: Iterable[Listed], limit: int) -> None:
        """Ask for the first of these and up to nineteen others that are small, and hold what comes."""
        small = (one for one in wanted if one.source_id not in self._came and self._is_small(one, limit))
        group = list({one.source_id: one for one in islice(small, MOST_IN_BATCH)}.values())
        if len(group) == 1:
            return
        sizes = [_LIGHT if one.size is None else one.size for one in group]
        names = [one.source_id for one in group]
        found = read_small(self._client, names, heavy=sum(sizes) > _LIGHT_TOGETHER)
        self._batches = found is not None
        self._came.update(zip(names, found or (), strict=found is not None))

    def _is_small(self, one: Listed, limit: int) -> bool:
        """Tell by the size that Graph listed; where it lists none, a message without attachments counts as small."""
        if not self._batches:
            return False
        if one.size is not None:
            return one.size <= min(SMALL, limit)
        row = self._rows.get(one.source_id)
        return row is not None and not row.attachments

    def _alone(self, source_id: str, limit: int) -> Mime | None:
        mime = read_mime(self._client, source_id, limit)
        if mime is not None:
            return mime
        row = self._rows.get(source_id)
        if row is None:
            other = translated(self._client, [source_id]).get(source_id)
        else:
            other = None if self._client.immutable else find_moved(self._client, row.message_id)
        return read_mime(self._client, other, limit) if other else None

    def _fetched(self, listed: Listed, mime: Mime | None) -> Fetched:
        row = self._rows.get(listed.source_id)
        received = row.received if row else None
        if mime is None:
            return Fetched(source_id=listed.source_id, raw=b"", size=listed.size or 0, vanished=True, received=received)
        size = len(mime.raw) if mime.complete else max(listed.size or 0, mime.size or 0, len(mime.raw))
        return Fetched(source_id=listed.source_id, raw=mime.raw, size=size, complete=mime.complete, received=received)
