"""Download by IMAP: our source against a bare loop of imaplib (50 messages a FETCH), and both at a round trip of 20 ms.

Needs Dovecot and the right to start it; without them it says so and measures nothing.
"""

from __future__ import annotations

import imaplib
import os
import poplib
import random
import selectors
import shutil
import socket
import statistics
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from email_router.core.fetched import Position
from email_router.core.mailbox import Direction, Mailbox, Profile, Security
from email_router.core.ports import Reach
from email_router.edge.sources.imap import ImapSource
from tests.servers import DovecotServer
from tests.simulators.certificates import make_authority

_ROUNDS = 5
_ADDRESS = "bench@contoso.example"
_LIMIT = 100 * 1024 * 1024
_SECONDS = 0.010  # each way: a round trip of 20 ms


def mails(count: int) -> list[bytes]:
    """Return mails of 5 to 30 KB, always the same ones."""
    dice = random.Random(7)
    head = b"From: erin@fabrikam.example\r\nTo: bench@contoso.example\r\nSubject: %d\r\nMessage-ID: <%d@fabrikam.example>\r\n\r\n"
    line = b"invoice meeting account quote delivery contract invoice meeting\r\n"
    return [head % (number, number) + line * dice.randint(80, 460) for number in range(count)]


def source(dovecot: DovecotServer, port: int) -> int:
    """Read the mailbox as the router does; return how many bytes came."""
    profile = Profile(
        name="in", direction=Direction.INCOMING, server="imap", host="127.0.0.1", port=port, security=Security.NONE
    )
    size = 0
    with closing(ImapSource(profile, Mailbox(address=_ADDRESS), dovecot.password, Reach(loopback=True))) as opened:
        for page in opened.pages(Position(), 240):
            size += sum(len(one.raw) for one in opened.fetch(page.listed, _LIMIT))
    return size


def bare_imap(dovecot: DovecotServer, port: int) -> int:
    """Read it with imaplib, 50 messages a FETCH."""
    line = imaplib.IMAP4("127.0.0.1", port)
    line.login(_ADDRESS, dovecot.password)
    line.select(readonly=True)
    uids = line.uid("SEARCH", "ALL")[1][0].split()
    size = 0
    for start in range(0, len(uids), 50):
        _, rows = line.uid("FETCH", b",".join(uids[start : start + 50]).decode(), "(UID BODY.PEEK[])")
        size += sum(len(row[1]) for row in rows if isinstance(row, tuple))
    line.logout()
    return size


def bare_pop3(dovecot: DovecotServer, port: int) -> int:
    """Read it with poplib, message by message."""
    line = poplib.POP3("127.0.0.1", port)
    line.user(_ADDRESS)
    line.pass_(dovecot.password)
    size = sum(len(b"\r\n".join(line.retr(number)[1])) + 2 for number in range(1, line.stat()[0] + 1))
    line.quit()
    return size


def ratio(dovecot: DovecotServer) -> float:
    """Return the median over the rounds of our speed divided by imaplib's, taken in turn."""
    ratios = []
    for _ in range(_ROUNDS):
        bare = _seconds(lambda: bare_imap(dovecot, dovecot.imap))
        ratios.append(bare / _seconds(lambda: source(dovecot, dovecot.imap)))
    return statistics.median(ratios)


def far(dovecot: DovecotServer) -> tuple[float, float]:
    """Return our speed at a round trip of 20 ms divided by that of poplib's loop, and the messages in a second."""
    count = dovecot.count(_ADDRESS)
    with closing(Delay(dovecot.imap)) as imap, closing(Delay(dovecot.pop3)) as pop3:
        ours = _seconds(lambda: source(dovecot, imap.port))
        theirs = _seconds(lambda: bare_pop3(dovecot, pop3.port))
    return theirs / ours, count / ours


def _seconds(read: Callable[[], int]) -> float:
    began = time.perf_counter()
    assert read() > 0
    return time.perf_counter() - began


class Delay:
    """A proxy that hands every byte on 10 ms after it came, either way, without a limit to how much is under way."""

    def __init__(self, target: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._target = target
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        far_end = socket.create_connection(("127.0.0.1", self._target))
        other = {near: far_end, far_end: near}
        chooser = selectors.DefaultSelector()
        for one in other:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            chooser.register(one, selectors.EVENT_READ)
        waiting: deque[tuple[float, socket.socket, bytes]] = deque()
        while True:
            pause = max(0.0, waiting[0][0] - time.perf_counter()) if waiting else None
            for key, _ in chooser.select(pause):
                one = near if key.fileobj is near else far_end
                waiting.append((time.perf_counter() + _SECONDS, other[one], one.recv(1024 * 1024)))
                if not waiting[-1][2]:
                    chooser.unregister(one)
            while waiting and waiting[0][0] <= time.perf_counter():
                _, target, data = waiting.popleft()
                if not data:
                    near.close()
                    far_end.close()
                    return
                target.sendall(data)


def run() -> None:
    """Print the ratios."""
    if not shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin") or os.geteuid() != 0:
        print("imap: Dovecot is not there or cannot be started (it must be started by root); not measured")
        return
    authority = make_authority(Path(tempfile.mkdtemp(prefix="bench-")))
    dovecot = DovecotServer(authority.issue("localhost"))
    try:
        for raw in mails(800):
            dovecot.put(_ADDRESS, raw)
        source(dovecot, dovecot.imap)  # the first reading fills Dovecot's index
        print(f"imap, download: {ratio(dovecot):.2f} of imaplib with 50 messages a FETCH (target 0.85)")
        times, speed = far(dovecot)
        print(f"imap, at a round trip of 20 ms: {times:.0f} times poplib's loop (target 40), {speed:.0f} messages/s")
    finally:
        dovecot.stop()
