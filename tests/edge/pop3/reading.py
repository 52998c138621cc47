"""Open a mailbox of the simulated POP3 server, and read it whole."""

from __future__ import annotations

from contextlib import closing

from email_router.core.fetched import Fetched, Position
from email_router.core.mailbox import Direction, Mailbox, Profile, Security
from email_router.core.ports import Reach
from email_router.edge.sources.pop3 import Pop3Source
from tests.simulators.pop3 import PASSWORD, Pop3Process, Pop3Server

ADDRESS = "sales@contoso.example"
LOCAL = Reach(loopback=True)
LIMIT = 1024 * 1024
NEVER_READ = Position()


def profile(server: Pop3Server | Pop3Process, security: Security = Security.NONE, pem: str = "") -> Profile:
    """A profile that leads to the simulator."""
    port = server.tls_port if security is Security.TLS else server.port
    return Profile(
        name="pop3-in",
        direction=Direction.INCOMING,
        server="pop3",
        host="localhost",
        port=port,
        security=security,
        ca_pem=pem,
    )


def opened(server: Pop3Server | Pop3Process, secret: str = PASSWORD) -> Pop3Source:
    """The mailbox, over a plain line (it is this machine)."""
    return Pop3Source(profile(server), Mailbox(address=ADDRESS), secret, LOCAL)


def a_pass(source: Pop3Source, position: Position = NEVER_READ, limit: int = LIMIT) -> tuple[list[Fetched], Position]:
    """Read everything beyond the position; return it and where that leads."""
    fetched: list[Fetched] = []
    with closing(source):
        for page in source.pages(position, 100):
            fetched += source.fetch(page.listed, limit)
            position = page.position
    return fetched, position
