"""Mail servers of every kind kept in memory, opened by the registry as the real ones are: what they cost AWS is what theirs would."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from email_router.core.fetched import Page, Position
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.ports import Reach
from email_router.wiring import registry
from tests.memory.sender import MemorySender
from tests.memory.source import MemorySource
from tests.memory.subscriptions import MemoryService

POSITIONS: Mapping[str, int] = {"exchange-online": 600, "exchange": 1_500, "imap": 40, "pop3": 800}
"""Bytes of a position: a delta link, a synchronisation state, UIDVALIDITY and UIDNEXT, digests of a hundred messages that were left."""


class Box(MemorySource):
    """A mailbox whose position is as long as those of its kind of server; `breaking` cuts the stream of a large message."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.breaking = False

    def has_news(self, position: Position) -> bool:
        """Compare the counts; a long position is not loaded for that, so its mark tells."""
        return len(self.messages) > int(position.mark or 0)

    def pages(self, position: Position, page_size: int) -> Iterator[Page]:
        """List in order."""
        for page in super().pages(_counted(position), page_size):
            long = page.position.cursor.ljust(POSITIONS[self.kind])
            yield replace(page, position=replace(page.position, cursor=long))

    def stream(self, source_id: str) -> Iterator[bytes]:
        """Yield the whole message, or break off in its middle."""
        for number, piece in enumerate(super().stream(source_id)):
            if self.breaking and number:
                raise ConnectionResetError
            yield piece


class Servers:
    """All mailboxes and ways out of a test, each by its mailbox's key."""

    def __init__(self) -> None:
        self.boxes: dict[str, Box] = {}
        self.out: dict[str, MemorySender] = defaultdict(MemorySender)
        self.service = MemoryService()

    def clear(self) -> None:
        """Begin afresh, at the place that the registry's strings lead to."""
        self.boxes.clear()
        self.out.clear()
        self.service = MemoryService()

    def box(self, address: str, kind: str) -> Box:
        """Return the mailbox at this address, on a server of this kind."""
        return self.boxes.setdefault(address.casefold(), Box(kind))

    def put(self, address: str, raw: bytes) -> None:
        """Let a message arrive in a mailbox that is there."""
        self.boxes[address.casefold()].put(raw)


STANDING = Servers()


def open_source(profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> Box:
    """Open a mailbox (as registry.SOURCES are)."""
    del secret, reach
    return STANDING.box(mailbox.key, profile.server)


def open_sender(profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> MemorySender:
    """Open a way out (as registry.SENDERS are)."""
    del profile, secret, reach
    return STANDING.out[mailbox.key]


def open_service(profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> MemoryService:
    """Open who makes subscriptions (as registry.SUBSCRIPTIONS are)."""
    del profile, mailbox, secret, reach
    return STANDING.service


def stand_in(patch: pytest.MonkeyPatch) -> Servers:
    """Put these servers in the place of the real ones; SES stays, it is AWS."""
    STANDING.clear()
    for kind in POSITIONS:
        patch.setitem(registry.SOURCES, kind, f"{__name__}:open_source")
    for kind in ("smtp", "exchange-online", "exchange"):
        patch.setitem(registry.SENDERS, kind, f"{__name__}:open_sender")
    patch.setitem(registry.SUBSCRIPTIONS, "exchange-online", f"{__name__}:open_service")
    return STANDING


def _counted(position: Position) -> Position:
    return replace(position, cursor=position.cursor.rstrip())
