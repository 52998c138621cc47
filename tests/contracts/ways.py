"""The four ways to a mailbox, each behind a proxy that counts its connections."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from math import ceil

from email_router.core.fetched import Position
from email_router.core.flows.incoming import Timing
from email_router.core.mailbox import AfterDelivery, Direction, Mailbox, Profile, Security
from email_router.core.ports import MailSource, Reach
from email_router.edge.sources.ews import EwsSource
from email_router.edge.sources.graph import GraphSource
from email_router.edge.sources.imap import ImapSource
from email_router.edge.sources.pop3 import Pop3Source
from tests.servers import DovecotServer
from tests.simulators.counting import CountingProxy
from tests.simulators.ews.process import PASSWORD, EwsProcess
from tests.simulators.graph.process import SECRET, GraphProcess

MESSAGES = 1000
_HERE = Reach(loopback=True)
_numbers = itertools.count(1)


@dataclass
class Way:
    """A mailbox behind a proxy that counts; `a_page` tells of a house that deletes when a session ends: one connection a page."""

    put: Callable[[bytes], object]
    open: Callable[[], MailSource]
    proxy: CountingProxy
    a_page: bool = False

    def deleting(self, messages: int) -> int:
        """Return how many connections it takes to read and delete so many messages."""
        return ceil(messages / Timing().page_messages) if self.a_page else 1


def _box() -> Mailbox:
    return Mailbox(address=f"connections{next(_numbers)}@contoso.example")


def dovecot_way(dovecot: DovecotServer, ca_pem: str, server: str) -> Way:
    """A mailbox of Dovecot by "pop3" or "imap".  POP3 deletes with QUIT alone (RFC 1939 6), so each page ends its session."""
    proxy = CountingProxy(dovecot.pop3s if server == "pop3" else dovecot.imaps)
    box = _box()
    profile = Profile(
        name="in",
        direction=Direction.INCOMING,
        server=server,
        host="localhost",
        port=proxy.port,
        security=Security.TLS,
        ca_pem=ca_pem,
    )
    kind: type[Pop3Source | ImapSource] = Pop3Source if server == "pop3" else ImapSource
    return Way(
        put=lambda raw: dovecot.put(box.address, raw),
        open=lambda: kind(profile, box, dovecot.password, _HERE),
        proxy=proxy,
        a_page=server == "pop3",
    )


def graph_way(graph: GraphProcess) -> Way:
    """A mailbox of the simulated Graph; the login host is reached past the proxy, as it is another one in the world."""
    proxy, box = CountingProxy(graph.port), _box()
    graph.mailbox_state(box.address, "ok")
    profile = graph.profile(endpoint=f"https://127.0.0.1:{proxy.port}")
    return Way(
        put=lambda raw: graph.put_message(box.address, raw),
        open=lambda: GraphSource(profile, box, SECRET, _HERE),
        proxy=proxy,
    )


def ews_way(server: EwsProcess) -> Way:
    """A mailbox of the simulated Exchange server, by NTLM and impersonation."""
    proxy, box = CountingProxy(server.port), _box()
    server.control("mailbox", {"address": box.address})
    profile = server.profile(port=proxy.port)
    return Way(
        put=lambda raw: server.put(box.address, raw),
        open=lambda: EwsSource(profile, box, PASSWORD, _HERE),
        proxy=proxy,
    )


def fill(way: Way, messages: int = MESSAGES) -> None:
    """Put small messages there."""
    for number in range(messages):
        way.put(
            b"From: a@example.com\r\nSubject: %d\r\nMessage-ID: <%d@example.com>\r\n\r\nHello\r\n" % (number, number)
        )


def serve(way: Way, how: AfterDelivery) -> int:
    """Read the mailbox as the road does, page by page and group by group; return how many messages came."""
    read, timing = 0, Timing()
    with closing(way.open()) as source:
        if not source.has_news(Position()):
            return 0
        for page in source.pages(Position(), timing.page_messages):
            for start in range(0, len(page.listed), timing.batch_messages):
                fetched = list(source.fetch(page.listed[start : start + timing.batch_messages], 1_000_000))
                read += sum(len(one.raw) > 50 for one in fetched)
                source.dispose([one.source_id for one in fetched], how)
            source.dispose((), how)
    return read
