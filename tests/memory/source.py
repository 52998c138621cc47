"""A mailbox kept in memory: what a source yields, without a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from email_router.core.errors import MessageRefused
from email_router.core.fetched import Fetched, Inventoried, Listed, Page, Position, Wrapper
from email_router.core.mailbox import AfterDelivery
from email_router.edge.connect.message_ids import message_id_in


class MemorySource:
    """Messages in order; the cursor counts those read.  What is disposed of leaves its place empty, so that counting goes on."""

    kind = "memory"

    def __init__(self, *messages: bytes) -> None:
        self.messages: list[bytes | None] = list(messages)
        self.wrappers: dict[int, Wrapper] = {}
        self.received: datetime | None = None
        self.disposed: list[tuple[str, AfterDelivery]] = []
        self.aside: list[str] = []
        self.suspected = False
        self.opened = 0
        self.closed = 0

    def put(self, raw: bytes) -> None:
        """Let a message arrive."""
        self.messages.append(raw)

    def there(self, source_id: str) -> bytes | None:
        """Return a message that still lies in its folder, or None."""
        return None if source_id in self.aside else self.messages[int(source_id)]

    def has_news(self, position: Position) -> bool:
        """Compare the counts."""
        return len(self.messages) > int(position.cursor or b"0")

    def pages(self, position: Position, page_size: int) -> Iterator[Page]:
        """List in order."""
        start, end = int(position.cursor or b"0"), len(self.messages)
        for first in range(start, max(end, start + 1), page_size):
            after = min(first + page_size, end)
            listed = tuple(Listed(str(number), len(self.messages[number] or b"")) for number in range(first, after))
            yield Page(listed, Position(b"%d" % after, str(after)), after >= end)

    def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
        """Yield the bytes; over the limit only the header."""
        for one in listed:
            raw = self.there(one.source_id)
            if raw is None:
                yield Fetched(source_id=one.source_id, raw=b"", size=0, vanished=True)
                continue
            whole = len(raw) <= limit
            yield Fetched(
                source_id=one.source_id,
                raw=raw if whole else raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n",
                size=len(raw),
                complete=whole,
                received=self.received,
                wrapper=self.wrappers.get(int(one.source_id)),
            )

    def stream(self, source_id: str) -> Iterator[bytes]:
        """Yield the whole message in two pieces.  Raises MessageRefused "vanished" when it is gone."""
        raw = self.there(source_id)
        if raw is None:
            raise MessageRefused(f"message {source_id} is no longer in the mailbox", kind="vanished")
        yield raw[: len(raw) // 2]
        yield raw[len(raw) // 2 :]

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        """Note what was asked; deleted messages are gone."""
        self.disposed += [(one, how) for one in source_ids]
        if how is AfterDelivery.DELETE:
            for one in source_ids:
                self.messages[int(one)] = None

    def inventory(self, page_size: int) -> Iterator[Sequence[Inventoried]]:
        """List all that is there; what was set aside is in another folder."""
        there = [(str(number), raw) for number, raw in enumerate(self.messages) if raw is not None]
        rows = [
            Inventoried(name, None if self.wrappers else message_id_in(raw), len(raw), self.received)
            for name, raw in there
            if name not in self.aside
        ]
        for start in range(0, len(rows), page_size):
            yield rows[start : start + page_size]

    def set_aside(self, source_ids: Sequence[str]) -> None:
        """Note once what was moved to the folder "Undeliverable"."""
        self.aside += [one for one in source_ids if one not in self.aside and self.messages[int(one)] is not None]

    def suspects(self) -> bool:
        """Tell what the test says."""
        return self.suspected

    def position(self) -> Position | None:
        """Nothing newer is ever learned."""
        return None

    def close(self) -> None:
        """Count the farewells."""
        self.closed += 1
