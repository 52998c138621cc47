"""What sending by SMTP costs: e-mails a second beside a bare smtplib loop, composing, connections, AWS calls, memory of large mails.

Method of ../shared/performance.md: those compared take turns, and the median over the rounds of the ratio of each round counts.  The relay
is Postfix's smtp-sink, without TLS (aiosmtpd, where Postfix is not installed, is itself the slower part).  Nobody is kept to one core, since
both ends work at the same time; so other work on the machine shows more than in other figures.  Connections and calls are counted exactly,
at the socket and at botocore's before-send.  Of memory the peak of a process of its own is told, above what it had when a small e-mail had
passed.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from moto import mock_aws

from benchmarks.file_blobs import FileBlobs
from email_router.core.activity import StoredAttachment
from email_router.core.compose import Outgoing, compose
from email_router.core.flows.outgoing import Outgoing as Ports
from email_router.core.flows.send_group import GROUP
from email_router.core.mailbox import Authentication, Direction, Mailbox, Profile, Security
from email_router.core.message import Address
from email_router.core.ports import Reach
from email_router.core.proof import prove
from email_router.core.sending import Envelope, SendOutcome
from email_router.core.work import OutgoingWork
from email_router.edge.senders.smtp import SmtpSender
from email_router.edge.stores import scratch
from tests.aws_meter import billed
from tests.cloud import aws_stores, clients, make_place
from tests.flows.house import SALES
from tests.flows.office import ERIN, Office
from tests.simulators.counting import CountingProxy

_ROUNDS = 9
_MAILS = 400
_ORDER = 200
"""E-mails in one message of the queue."""

MEGABYTE = 1024 * 1024
LARGE = (25, 100)
TARGETS = {"composed": 0.8, "ready": 2.0, "composing": 0.15, "connections": 5.0, "calls": 3.0, "memory": 1.0}
_WORDS = "The quick brown fox jumps over the lazy dog and on it goes. "
MAIL = Outgoing(
    sender=Address("Sales", SALES),
    to=(Address("Erin", ERIN),),
    subject="Your order of yesterday CRM:0001001",
    date=datetime(2026, 11, 24, 12, tzinfo=UTC),
    message_id="<0@contoso.example>",
    text="".join(f"{_WORDS.strip()}\n" for _ in range(55)),
    html="".join(f"<p>{_WORDS * 2}</p>\n" for _ in range(42)),
    headers=(("Thread-Index", "AQHXabc="), ("X-EmailRouter", "contoso;e1")),
)


@contextmanager
def relay() -> Iterator[tuple[str, int]]:
    """Run a relay that takes everything and keeps nothing; give its name and port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    places = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/postfix", "/usr/lib/postfix/sbin"))
    sink = shutil.which("smtp-sink", path=places)
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    aiosmtpd = [sys.executable, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", "-c", "aiosmtpd.handlers.Sink"]
    process = subprocess.Popen([sink, *user, f"127.0.0.1:{port}", "200"] if sink else aiosmtpd)
    try:
        _await(port)
        yield ("smtp-sink" if sink else "aiosmtpd, for want of smtp-sink"), port
    finally:
        process.terminate()
        process.wait()


def _await(port: int) -> None:
    for _ in range(200):
        with socket.socket() as line:
            if line.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the relay does not listen")


def _sender(port: int) -> SmtpSender:
    return SmtpSender(_profile(port), Mailbox(address=SALES), "", Reach(loopback=True))


def _profile(port: int) -> Profile:
    return Profile(
        name="out",
        direction=Direction.OUTGOING,
        server="smtp",
        host="127.0.0.1",
        port=port,
        security=Security.NONE,
        authentication=Authentication.ANONYMOUS,
    )


class Spent(NamedTuple):
    """What sending took: seconds on the wall, and of this process's CPU."""

    wall: float
    cpu: float


def _spent(work: Callable[[], None]) -> Spent:
    gc.collect()  # nobody pays for what another left behind
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Spent(time.perf_counter() - wall, time.process_time() - cpu)


def _bare(port: int, ready: bytes) -> Spent:
    """Send ready bytes as smtplib does, over one connection."""
    with smtplib.SMTP("127.0.0.1", port) as session:
        session.ehlo()

        def work() -> None:
            for _ in range(_MAILS):
                session.sendmail(SALES, [ERIN], ready)

        return _spent(work)


def _ours(port: int, made: Callable[[int], bytes], *, group: int = GROUP, announced: bool = True) -> Spent:
    """Send what is made, over one connection and as the road does it: the e-mails of a group are made together and then sent one by one.

    Each is announced before the one ahead of it in the group is sent; or none is.  What is ready is one group.
    """
    envelope = Envelope(organisation="contoso", activity="e1", sender=SALES, recipients=(ERIN,))
    with closing(_sender(port)) as sender:
        sender.send(envelope, made(0))

        def work() -> None:
            for start in range(0, _MAILS, group):
                mails = [made(number) for number in range(start, start + group)]
                for ready, following in zip_longest(mails, mails[1:]):
                    if announced and following:
                        sender.announce(envelope, following)
                    if sender.send(envelope, ready).outcome is not SendOutcome.ACCEPTED:
                        raise ValueError("the relay refused an e-mail")

        return _spent(work)


def composed(mail: Outgoing) -> bytes:
    """Compose an e-mail and prove it, as the road does."""
    raw = compose(mail)
    prove(mail, raw)
    return raw


def speeds(port: int) -> dict[str, float]:
    """Return what the bare loop takes divided by what ours takes, on the wall and of CPU, and the e-mails a second of the bare loop."""
    ready = compose(MAIL)
    mails = [replace(MAIL, message_id=f"<{number}@contoso.example>") for number in range(_MAILS)]
    found: dict[str, list[float]] = {}
    for _ in range(_ROUNDS):
        bare = _bare(port, ready)
        for name, made, group, announced in (
            ("ready", lambda _: ready, _MAILS, True),
            ("one by one", lambda _: ready, _MAILS, False),
            ("composed", lambda number: compose(mails[number]), GROUP, True),
            ("proven", lambda number: composed(mails[number]), GROUP, True),
        ):
            ours = _ours(port, made, group=group, announced=announced)
            found.setdefault(name, []).append(bare.wall / ours.wall)
            found.setdefault(f"{name}, CPU", []).append(bare.cpu / ours.cpu)
        found.setdefault("bare", []).append(_MAILS / bare.wall)
    return {name: statistics.median(one) for name, one in found.items()}


def _by_the_library() -> bytes:
    message = EmailMessage(policy=policy.SMTP)
    message["Date"] = MAIL.date
    message["From"] = f"Sales <{SALES}>"
    message["To"] = f"Erin <{ERIN}>"
    message["Subject"] = MAIL.subject
    message["Message-ID"] = MAIL.message_id
    for name, value in MAIL.headers:
        message[name] = value
    message.set_content(MAIL.text)
    message.add_alternative(MAIL.html, subtype="html")
    return message.as_bytes()


def composing() -> dict[str, float]:
    """Return the CPU time of composing, alone and with its proof, as parts of the standard library's."""
    found: dict[str, list[float]] = {"alone": [], "proven": []}
    for _ in range(_ROUNDS):
        base = _cpu(_by_the_library)
        found["alone"].append(_cpu(lambda: compose(MAIL)) / base)
        found["proven"].append(_cpu(lambda: composed(MAIL)) / base)
    return {name: statistics.median(one) for name, one in found.items()}


def _cpu(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.process_time()
    for _ in range(200):
        work()
    return time.process_time() - began


class SmtpOffice(Office):
    """An office that sends by SMTP to a port, with so many e-mails waiting."""

    def __init__(self, port: int, mails: int) -> None:
        super().__init__()
        self.port = port
        self.configuration = replace(self.configuration, profiles=(_profile(port),))
        for number in range(mails):
            self.write(f"e{number}", subject=f"Order {number}")

    def road(self) -> Ports:
        """Return the ports, a line of its own to the relay for each order."""
        return replace(super().road(), open_sender=lambda _, __: _sender(self.port), keep=scratch.keep)


def connections(port: int, mails: int = 1_000) -> int:
    """Send so many e-mails through the road in orders of 200; return the connections to the relay."""
    proxy = CountingProxy(port)
    try:
        made = SmtpOffice(proxy.port, mails)
        for first in range(0, mails, _ORDER):
            names = tuple(f"e{number}" for number in range(first, min(first + _ORDER, mails)))
            done = made.carry_out(OutgoingWork("contoso", "out", SALES, names))
            if [one.status for one in done] != ["sent"] * len(names):
                raise ValueError("an e-mail was not sent")
    finally:
        proxy.close()
    return proxy.connections


def calls(port: int, mails: int = 100) -> dict[str, float]:
    """Send so many new e-mails of the built-in CRM in one order; return the calls an e-mail by operation (moto answers them)."""
    with mock_aws(), clients(None) as made:
        stores = aws_stores(make_place(made))
        here = SmtpOffice(port, 0)
        for name in ("ledger", "crm", "outgoing", "blobs", "queues", "alerts"):
            setattr(here, name, getattr(stores, name))
        for number in range(mails):
            here.write(f"e{number}", subject=f"Order {number}")
        order = OutgoingWork("contoso", "out", SALES, tuple(f"e{number}" for number in range(mails)))
        with billed(made.dynamodb) as rows, billed(made.s3) as blobs:
            done = here.carry_out(order)
        if [one.status for one in done] != ["sent"] * mails:
            raise ValueError("an e-mail was not sent")
    return {name: count / mails for name, count in sorted((rows.calls + blobs.calls).items())}


def peak(port: int, megabytes: int) -> int:
    """Send one e-mail with one attachment of so many megabytes through the road in this process; return by how many bytes its peak grew."""
    with tempfile.TemporaryDirectory() as folder:
        made = SmtpOffice(port, 1)
        made.blobs = FileBlobs(Path(folder))  # type: ignore[assignment]  # as the port has it
        made.send("e0")
        size = megabytes * MEGABYTE
        file = StoredAttachment("large.bin", "application/x-large", size, "", False, None, "raw/large")  # noqa: FBT003 - not shown in the text
        made.blobs.put_stream(file.blob, (bytes(range(256)) * (MEGABYTE // 256) for _ in range(megabytes)))
        made.write("large", attachments=(file,))
        before = _peak_so_far()
        (done,) = made.send("large")
        if done.status != "sent":
            raise ValueError(f"the e-mail was not sent: {done}")
        return _peak_so_far() - before


def measured_peak(port: int, megabytes: int) -> int:
    """Return what `peak` tells in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.sending", str(port), str(megabytes)]
    return int(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def _peak_so_far() -> int:
    """Return the most memory that this process ever held, in bytes; ru_maxrss would begin with that of the process which started it."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def _verdict(what: str, found: float, target: float, *, least: bool = False) -> str:
    reached = found >= target if least else found <= target
    return f"{what}: {found:.2f}, target {'>=' if least else '<='} {target:g}: {'reached' if reached else 'missed'}"


def run() -> None:
    """Print the figures."""
    with relay() as (name, port):
        found, parts = speeds(port), composing()
        print(
            f"sending to {name}, a mail of {len(compose(MAIL))} bytes, {_ROUNDS} rounds; smtplib {found['bare']:.0f} a second"
        )
        print(
            _verdict(
                "composed and sent ÷ smtplib with ready bytes",
                found["composed"],
                TARGETS["composed"],
                least=True,
            )
        )
        print(_verdict("ready bytes ÷ smtplib", found["ready"], TARGETS["ready"], least=True))
        print(f"  the same, none announced: {found['one by one']:.2f}")
        print(f"composed, proven and sent ÷ smtplib with ready bytes: {found['proven']:.2f}")
        print(
            f"  of CPU alone: composed {found['composed, CPU']:.2f}, proven {found['proven, CPU']:.2f}, ready {found['ready, CPU']:.2f}"
        )
        print(_verdict("composing ÷ EmailMessage.as_bytes", parts["alone"], TARGETS["composing"]))
        print(_verdict("composing and proving ÷ the same", parts["proven"], TARGETS["composing"]))
        print(_verdict("connections for 1,000 e-mails", connections(port), TARGETS["connections"]))
        made = calls(port)
        print(_verdict("AWS calls an e-mail", sum(made.values()), TARGETS["calls"]))
        print("  " + ", ".join(f"{name} {count:.2f}" for name, count in made.items()))
        for size in LARGE:
            times = measured_peak(port, size) / (size * MEGABYTE)
            print(_verdict(f"peak memory of sending an attachment of {size} MB ÷ its size", times, TARGETS["memory"]))


if __name__ == "__main__":
    print(json.dumps(peak(int(sys.argv[1]), int(sys.argv[2]))))
