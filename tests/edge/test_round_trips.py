"""How often a look, and a message, waits for the server: counted on the wire over TLS, since what waits is billed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from email_router.cli.cost.tables import prices
from email_router.core.fetched import Position
from email_router.core.mailbox import Direction, Mailbox, Profile, Security
from email_router.core.ports import Reach
from email_router.edge.sources.imap import ImapSource
from email_router.edge.sources.pop3 import Pop3Source
from tests.flows.house import SALES, mail
from tests.simulators import imap, pop3
from tests.simulators.certificates import Authority
from tests.simulators.flights import Flights
from tests.simulators.imap import ImapServer
from tests.simulators.pop3 import Pop3Server


class Watched:
    """One mailbox on a server, read by way of a proxy that counts."""

    def __init__(self, kind: str, port: int, put: Callable[[bytes], object], pem: str) -> None:
        self.kind, self.put, self._port, self._pem = kind, put, port, pem
        self.position = Position()

    def read(self) -> tuple[int, Flights]:
        """Look, and read what is new; return how many messages, and the proxy."""
        proxy = Flights(self._port)
        made: type[ImapSource | Pop3Source] = ImapSource if self.kind == "imap" else Pop3Source
        profile = Profile(
            name="in",
            direction=Direction.INCOMING,
            server=self.kind,
            host="localhost",
            port=proxy.port,
            security=Security.TLS,
            ca_pem=self._pem,
        )
        secret = {"imap": imap.PASSWORD, "pop3": pop3.PASSWORD}[self.kind]
        came = 0
        with closing(made(profile, Mailbox(address=SALES), secret, Reach(loopback=True))) as source:
            if source.has_news(self.position):
                for page in source.pages(self.position, 100):
                    came += len(list(source.fetch(page.listed, 1_000_000)))
                    self.position = page.position
        proxy.close()
        return came, proxy


@pytest.fixture(params=["imap", "pop3"])
def box(
    request: pytest.FixtureRequest, tmp_path: Path, certificate: tuple[Path, Path], authority: Authority
) -> Iterator[Watched]:
    server = (
        ImapServer(certificate, tls=True) if request.param == "imap" else Pop3Server(tmp_path, certificate=certificate)
    )
    if isinstance(server, ImapServer):
        yield Watched("imap", server.port, server.inbox.put, authority.pem)
    else:
        yield Watched("pop3", server.tls_port, lambda raw: server.put(SALES, raw), authority.pem)
    server.stop()


def test_a_look_and_a_message_wait_as_often_as_the_bill_says(box: Watched) -> None:
    box.put(mail(1))
    box.read()

    nothing, look = box.read()
    box.put(mail(2))
    one, message = box.read()

    known = prices()
    assert (nothing, one) == (0, 1)
    # The answer to IMAP's farewell, for which nobody waits, may come before the client has gone.
    farewell = {"imap": {0, 1}, "pop3": {0}}[box.kind]
    assert look.waits - known.round_trips[f"idle poll, {box.kind}"] in farewell
    assert message.waits - known.round_trips[f"message, {box.kind}"] in farewell
    assert look.sent + 20 * 52 < known.assumed["bytes_out_of_a_poll"] * 1.25, "with the headers of its packets"
