"""Open a mailbox of the simulated Exchange server, and read it whole."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from email_router.core.fetched import Position
from email_router.core.mailbox import Mailbox
from email_router.core.ports import Reach
from email_router.edge.sources.ews import EwsSource
from tests.simulators.ews.process import PASSWORD, EwsProcess

RAW = b"From: ann@example.org\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n\r\nbody\r\n"


def source(server: EwsProcess, address: str, secret: str = PASSWORD, /, **changes: Any) -> EwsSource:
    """Open the mailbox."""
    return EwsSource(server.profile(**changes), Mailbox(address=address), secret, Reach(loopback=True))


def read(opened: EwsSource, position: Position) -> tuple[list[bytes], Position]:
    """Read everything beyond the position."""
    raws = []
    with closing(opened):
        for page in opened.pages(position, 10):
            raws += [one.raw for one in opened.fetch(page.listed, 1_000_000)]
            position = page.position
    return raws, position
