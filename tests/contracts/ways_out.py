"""The ways out by a line of our own, each behind a proxy that counts its connections."""

from __future__ import annotations

import base64
import itertools
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from email_router.core.mailbox import Authentication, Direction, Mailbox, Profile, Security
from email_router.core.ports import DraftingSender, MailSender, Reach
from email_router.core.sending import Envelope, SendOutcome
from email_router.edge.senders.ews import EwsSender
from email_router.edge.senders.graph import GraphSender
from email_router.edge.senders.smtp import SmtpSender
from tests.simulators import smtp
from tests.simulators.counting import CountingProxy
from tests.simulators.ews.process import PASSWORD, EwsProcess
from tests.simulators.graph.process import SECRET, GraphProcess

_HERE = Reach(loopback=True)
_OUTSIDE = "kim@fabrikam.example"
_numbers = itertools.count(1)


@dataclass
class WayOut:
    """A mailbox that sends behind a proxy that counts."""

    open: Callable[[], MailSender | DraftingSender]
    proxy: CountingProxy
    address: str


def _box() -> Mailbox:
    return Mailbox(address=f"leaving{next(_numbers)}@contoso.example")


def graph_way_out(graph: GraphProcess) -> WayOut:
    """The simulated Graph, which takes any number a minute here; the login host is reached past the proxy."""
    proxy, box = CountingProxy(graph.port), _box()
    graph.mailbox_state(box.address, "ok")
    graph.settings(sends_a_minute=100_000)
    endpoint = f"https://127.0.0.1:{proxy.port}"
    profile = graph.profile(direction=Direction.OUTGOING, endpoint=endpoint)
    return WayOut(lambda: GraphSender(profile, box, SECRET, _HERE), proxy, box.address)


def ews_way_out(server: EwsProcess) -> WayOut:
    """The simulated Exchange server."""
    proxy, box = CountingProxy(server.port), _box()
    server.control("mailbox", {"address": box.address})
    profile = server.profile(direction=Direction.OUTGOING, port=proxy.port)
    return WayOut(lambda: EwsSender(profile, box, PASSWORD, _HERE), proxy, box.address)


def smtp_way_out(server: smtp.SmtpProcess, ca_pem: str) -> WayOut:
    """The simulated mail server, with a login."""
    proxy, box = CountingProxy(server.port), _box()
    profile = Profile(
        name="smtp-out",
        direction=Direction.OUTGOING,
        server="smtp",
        host="localhost",
        port=proxy.port,
        security=Security.STARTTLS,
        ca_pem=ca_pem,
        authentication=Authentication.CLEAR_TEXT,
        username=smtp.USER,
    )
    return WayOut(lambda: SmtpSender(profile, box, smtp.PASSWORD, _HERE), proxy, box.address)


def large_mail(size: int) -> bytes:
    """The rest of a mail with an attachment of so many bytes."""
    head = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n'
    head += b"--b\r\nContent-Type: application/x-large\r\nContent-Disposition: attachment; filename=a.bin\r\n"
    line = base64.b64encode(b"y" * 57) + b"\r\n"
    return head + b"Content-Transfer-Encoding: base64\r\n\r\n" + line * (size // 57) + b"--b--\r\n"


def send(way: WayOut, count: int, rest: bytes = b"\r\nHello\r\n") -> Counter[SendOutcome]:
    """Send so many e-mails as an order does, drafted first where the way out drafts; return what became of them."""
    became: Counter[SendOutcome] = Counter()
    with closing(way.open()) as sender:
        for _ in range(count):
            name = f"leaving-{next(_numbers)}"
            head = f"From: {way.address}\r\nTo: {_OUTSIDE}\r\nSubject: x\r\nMessage-ID: <{name}@contoso.example>\r\n"
            mail = head.encode() + rest
            envelope = Envelope(
                organisation="contoso",
                activity=name,
                sender=way.address,
                recipients=(_OUTSIDE,),
                message_id=f"<{name}@contoso.example>",
            )
            became[sender.send(envelope, mail).outcome] += 1
    return became
