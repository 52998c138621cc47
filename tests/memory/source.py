"""A mailbox kept in memory: what a source yields, without a server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from email_router.core.fetched import Fetched, Listed, Page, Position, Wrapper
from email_router.core.mailbox import AfterDelivery


class MemorySource:
    """Messages in order; the cursor counts those read.  What is disposed of leaves its place empty, so that counting goes on."""

    kind = "memory"

    def __init__(self, *messages: bytes) -> None:
        self.messages: list[bytes | None] = list(messages)
        self.wrappers: dict[int, Wrapper] = {}
        self.received: datetime | None = None
        self.disposed: list[tuple[str, AfterDelivery]] = []
        self.opened = 0
        self.closed = 0

    def put(self, raw: bytes) -> None:
        """Let a message arrive."""
        self.messages.append(raw)

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
            raw = self.messages[int(one.source_id)]
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
        """Yield the whole message in two pieces."""
        raw = self.messages[int(source_id)] or b""
        yield raw[: len(raw) // 2]
        yield raw[len(raw) // 2 :]

    def dispose(self, source_ids: Sequence[str], how: AfterDelivery) -> None:
        """Note what was asked; deleted messages are gone."""
        self.disposed += [(one, how) for one in source_ids]
        if how is AfterDelivery.DELETE:
            for one in source_ids:
                self.messages[int(one)] = None

    def position(self) -> Position | None:
        """Nothing newer is ever learned."""
        return None

    def close(self) -> None:
        """Count the farewells."""
        self.closed += 1
