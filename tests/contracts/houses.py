"""Every mail source with a server of its kind: one empty mailbox each, how mail comes to it, and what its server can be made to do."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import pytest

from email_router.core.mailbox import AfterDelivery, Authentication, Direction, Mailbox, Profile, Security
from email_router.core.ports import MailSource, Reach
from email_router.edge.sources.ews import EwsSource
from email_router.edge.sources.graph import GraphSource
from email_router.edge.sources.imap import ImapSource
from email_router.edge.sources.pop3 import Pop3Source
from tests.servers import DovecotServer
from tests.simulators import pop3 as simulator
from tests.simulators.ews.process import PASSWORD, EwsProcess
from tests.simulators.graph.process import SECRET, GraphProcess

_NUMBERS = itertools.count(1)


@dataclass(kw_only=True)
class House:
    """A server with one empty mailbox.

    `count` tells how many messages lie in the inbox, `aside` how many in the folder "Undeliverable" (None: there are no folders).  `forget`
    lets the server lose what it remembers of our reading, `throttle` lets it say "not now" to the next listing; what it returns ends that.
    """

    profile: Profile
    box: Mailbox
    kind: Callable[..., MailSource]
    secret: str
    port: int
    put: Callable[[bytes], object]
    count: Callable[[], int]
    aside: Callable[[], int] | None = None
    forget: Callable[[], object] | None = None
    throttle: Callable[[], Callable[[], object]] | None = None
    destroy: Callable[[str], object] | None = None

    def remove(self, source_id: str) -> None:
        """Take a message away for good, as its owner would while nobody looks."""
        if self.destroy is not None:
            self.destroy(source_id)
            return
        with closing(self.open()) as other:
            other.dispose([source_id], AfterDelivery.DELETE)

    def open(self, *, port: int = 0, secret: str = "", **changes: Any) -> MailSource:
        """Open the mailbox; through another port, or with another secret, where they are given."""
        profile = replace(self.profile, **changes)
        if port and self.profile.server == "exchange-online":
            profile = replace(profile, endpoint=f"https://127.0.0.1:{port}")
        elif port:
            profile = replace(profile, port=port)
        return self.kind(profile, self.box, secret or self.secret, Reach(loopback=True))


def _box() -> Mailbox:
    return Mailbox(address=f"box{next(_NUMBERS)}@contoso.example")


def _profile(server: str, port: int, authority_pem: str, security: Security) -> Profile:
    return Profile(
        name="in",
        direction=Direction.INCOMING,
        server=server,
        host="localhost",
        port=port,
        security=security,
        ca_pem=authority_pem,
    )


def _dovecot(request: pytest.FixtureRequest, server: str, security: Security) -> House:
    dovecot: DovecotServer = request.getfixturevalue("dovecot")
    box = _box()
    ports = {
        "pop3": (dovecot.pop3, dovecot.pop3s),
        "imap": (dovecot.imap, dovecot.imaps),
    }
    port = ports[server][security is Security.TLS]
    imap = server == "imap"
    return House(
        profile=_profile(server, port, request.getfixturevalue("authority").pem, security),
        box=box,
        kind=ImapSource if imap else Pop3Source,
        secret=dovecot.password,
        port=port,
        put=lambda raw: dovecot.put(box.address, raw),
        count=lambda: dovecot.count(box.address),
        aside=(lambda: _in_folder(dovecot, box.address, ".Undeliverable")) if imap else None,
        forget=(lambda: _new_validity(dovecot, box.address)) if imap else None,
    )


def _in_folder(dovecot: DovecotServer, address: str, folder: str) -> int:
    place = dovecot.mailbox(address) / folder
    return sum(1 for part in ("new", "cur") if (place / part).exists() for _ in (place / part).iterdir())


def _new_validity(dovecot: DovecotServer, address: str) -> None:
    """Give the inbox another UIDVALIDITY, as after its restoration from a backup."""
    command = ["doveadm", "-c", str(dovecot.folder / "dovecot.conf"), "mailbox", "update", "-u", address]
    subprocess.run([*command, "--uid-validity", str(1_000_000 + next(_NUMBERS)), "INBOX"], check=True, timeout=60)


def _pop3(request: pytest.FixtureRequest, *, pipelining: bool = True, top: bool = True) -> House:
    server: simulator.Pop3Server = request.getfixturevalue("pop3_server")
    faults = simulator.Faults(pipelining=pipelining, top=top)
    server.store.set_faults(faults)
    box = _box()

    def throttle() -> Callable[[], object]:
        server.store.set_faults(replace(faults, answers={"STAT": "-ERR [SYS/TEMP] come back later"}))
        return lambda: server.store.set_faults(faults)

    return House(
        profile=_profile("pop3", server.tls_port, request.getfixturevalue("authority").pem, Security.TLS),
        box=box,
        kind=Pop3Source,
        secret=simulator.PASSWORD,
        port=server.tls_port,
        put=lambda raw: server.put(box.address, raw),
        count=lambda: len(server.messages(box.address)),
        throttle=throttle,
    )


def _ews(request: pytest.FixtureRequest, authentication: Authentication, access: str) -> House:
    server: EwsProcess = request.getfixturevalue("ews_server")
    box = _box()
    server.control("mailbox", {"address": box.address})

    def throttle() -> Callable[[], object]:
        server.fault("SyncFolderItems", "code", code="ErrorServerBusy", values={"BackOffMilliseconds": "7000"})
        return lambda: server.control("clear", {})

    named = {} if access != "own" else {"username": ""}
    return House(
        profile=server.profile(authentication=authentication, access=access, **named),
        box=box,
        kind=EwsSource,
        secret=PASSWORD,
        port=server.port,
        put=lambda raw: server.put(box.address, raw),
        count=lambda: len(server.messages(box.address, "inbox")),
        aside=lambda: len(server.messages(box.address, "Undeliverable")),
        forget=lambda: server.control("settings", {"expire_sync": True}),
        throttle=throttle,
    )


def _graph(request: pytest.FixtureRequest, **changes: Any) -> House:
    server: GraphProcess = request.getfixturevalue("graph_server")
    box = _box()
    server.mailbox_state(box.address, "ok")

    def throttle() -> Callable[[], object]:
        server.fault("/messages/delta", "throttled", retry_after="7")
        return server.clear_faults

    def destroy(source_id: str) -> None:
        """Remove it from Deleted Items too, where a deleted message of Exchange Online lies first."""
        (row,) = (one for one in server.messages(box.address) if source_id in {one["id"], one["immutable_id"]})
        server.remove_message(box.address, row["id"])

    def lying(folder: str) -> int:
        return sum(1 for row in server.messages(box.address) if row["folder"] == folder)

    return House(
        profile=server.profile(**changes),
        box=box,
        kind=GraphSource,
        secret=SECRET,
        port=server.port,
        put=lambda raw: server.put_message(box.address, raw),
        count=lambda: lying("inbox"),
        aside=lambda: lying("Undeliverable"),
        forget=lambda: server.settings(expire_sync=True),
        throttle=throttle,
        destroy=destroy,
    )


HOUSES: dict[str, Callable[[pytest.FixtureRequest], House]] = {
    "ews, NTLM, impersonation": lambda request: _ews(request, Authentication.WINDOWS, "impersonation"),
    "ews, basic, delegate": lambda request: _ews(request, Authentication.CLEAR_TEXT, "delegate"),
    "ews, basic, own": lambda request: _ews(request, Authentication.CLEAR_TEXT, "own"),
    "graph": _graph,
    "graph, immutable ids": lambda request: _graph(request, immutable_ids=True),
    "imap, Dovecot, TLS": lambda request: _dovecot(request, "imap", Security.TLS),
    "imap, Dovecot, STARTTLS": lambda request: _dovecot(request, "imap", Security.STARTTLS),
    "pop3, Dovecot, TLS": lambda request: _dovecot(request, "pop3", Security.TLS),
    "pop3, Dovecot, STARTTLS": lambda request: _dovecot(request, "pop3", Security.STARTTLS),
    "pop3, simulator": _pop3,
    "pop3, simulator without pipelining": lambda request: _pop3(request, pipelining=False),
    "pop3, simulator without TOP": lambda request: _pop3(request, top=False),
}
"""A new source adds a line here, and keeps what every source promises."""

ONE_OF_EACH = ("ews, NTLM, impersonation", "graph", "imap, Dovecot, TLS", "pop3, Dovecot, TLS", "pop3, simulator")
"""The houses whose differences count where a test takes long."""

FORGETFUL = tuple(name for name in HOUSES if not name.startswith("pop3"))
"""Those whose server remembers something of our reading, and so can lose it; POP3's position is a set of messages."""

BUSY = tuple(name for name in HOUSES if "Dovecot" not in name)
"""Those whose server can be made to say "not now"; Dovecot refuses nobody for now."""
