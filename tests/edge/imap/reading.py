"""Make mail, open a mailbox of the simulated IMAP server, and read it whole."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.fetched import Fetched, Position
from email_router.core.mailbox import Direction, Mailbox, Profile, Security
from email_router.core.ports import Reach
from email_router.edge.sources.imap import ImapSource
from tests.simulators.imap import PASSWORD, ImapServer

ADDRESS = "sales@contoso.example"
LOCAL = Reach(loopback=True)
LIMIT = 1024 * 1024


def profile(port: int, security: Security = Security.NONE, pem: str = "") -> Profile:
    return Profile(
        name="imap-in",
        direction=Direction.INCOMING,
        server="imap",
        host="localhost",
        port=port,
        security=security,
        ca_pem=pem,
    )


def opened(server: ImapServer, secret: str = PASSWORD, **changes: Any) -> ImapSource:
    return ImapSource(replace(profile(server.port), **changes), Mailbox(address=ADDRESS), secret, LOCAL)


def mail(number: int, body: bytes = b"") -> bytes:
    return b"Subject: %d\r\n\r\n%bend\r\n" % (number, body)


def a_pass(source: ImapSource, position: Position | None = None, limit: int = LIMIT) -> tuple[list[Fetched], Position]:
    """Read everything beyond the position; return it and where that leads."""
    fetched: list[Fetched] = []
    position = position or Position()
    with closing(source):
        for page in source.pages(position, 100):
            fetched += source.fetch(page.listed, limit)
            position = page.position
    return fetched, position


def blocked(source: ImapSource) -> MailboxBlocked:
    with closing(source), pytest.raises(MailboxBlocked) as caught:
        source.has_news(Position())
    assert caught.value.mend
    assert ADDRESS in str(caught.value)
    return caught.value
