"""Put small mails into a house's mailbox, and read it whole."""

from __future__ import annotations

from email_router.core.fetched import Listed, Page, Position
from email_router.core.ports import MailSource

LIMIT = 1024 * 1024


def mail(number: int, body: bytes = b"") -> bytes:
    """A small mail that is told from its neighbours."""
    head = f"From: ann@example.org\r\nSubject: mail {number}\r\nMessage-ID: <{number}@example.org>\r\n"
    return head.encode() + b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + body + b"end\r\n"


def read(source: MailSource, position: Position, page_size: int = 10) -> tuple[list[bytes], Position, list[Page]]:
    """Read everything beyond the position: the messages, where that leads, and the pages."""
    pages, raws = [], []
    for page in source.pages(position, page_size):
        pages.append(page)
        raws += [fetched.raw for fetched in source.fetch(page.listed, LIMIT)]
        position = page.position
    return raws, position, pages


def listed(source: MailSource) -> list[Listed]:
    """List the whole mailbox as one that was never read."""
    return [each for page in source.pages(Position(), 10) for each in page.listed]
