"""What Dynamics 365 is asked: requests for a page of new messages, for a look for e-mails to be sent, and for an e-mail that leaves.

The whole road is run against the simulated Dataverse; a batch counts as one request, and beside it is told how many it held, since the
service protection limits count those.  Counts are exact and asserted in tests too (tests/contracts/test_dataverse_delivery.py).
"""

from __future__ import annotations

import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from moto import mock_aws

from benchmarks.dataverse_memory import measured_peak
from email_router.core.activity import EmailActivity, EmailStatus, Party, Record, Role
from email_router.core.flows.send_group import GROUP
from email_router.core.mailbox import CreateSender, Direction
from email_router.core.write_back import WriteBack
from email_router.edge.connect.https import hang_up
from email_router.edge.crm.dataverse import DataverseCrm
from tests.cloud import Stores, aws_stores, clients, make_place
from tests.contracts.dataverse_rig import Rig
from tests.flows.house import ANN, NOW, SALES, House, mail
from tests.simulators.dataverse.process import DataverseProcess

PAGE = 25
_QUEUE = "5b6f5d0e-3f0a-5a53-8d57-0f5f0a9b2c12"
_LARGE = 24
_EMAIL = "5b6f5d0e-3f0a-5a53-8d57-0f5f0a9b2c20"


@dataclass
class Bench:
    """One organisation in the simulator, with stores of its own, and a mailbox whose mail goes there."""

    rig: Rig
    stores: Stores
    crm: DataverseCrm
    house: House
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10_000)))

    def receive(self, *extras: str, known: bool = False) -> list[int]:
        """Let mails come, one for each text of further headers and body, and serve the mailbox; return their numbers."""
        numbers = [next(self.numbers) for _ in extras]
        for number, extra in zip(numbers, extras, strict=True):
            address = f"p{0 if known else number}@x.example"
            self.house.source.put(mail(number, sender=f"Person {number} <{address}>", extra=extra))
        self.serve()
        return numbers

    def serve(self) -> None:
        """Serve the mailbox once, and see that all its mail is there."""
        self.rig.process.clear_requests()
        self.house.route()
        assert len(self.rig.process.rows("email")) == len(self.house.source.messages), "a message did not arrive"

    def asked(self) -> tuple[int, int]:
        """Return requests since, and how many of them the batches held beside those that stand alone."""
        rows = self.rig.process.requests("/api/data/")
        outer = [row for row in rows if not row["batched"]]
        return len(outer), len(rows) - sum(row["path"].endswith("$batch") for row in outer)


@contextmanager
def bench(rig: Rig) -> Iterator[Bench]:
    """Give a bench with an empty organisation: one queue, one user."""
    rig.process.reset()
    rig.process.put("queue", queueid=_QUEUE, name="Sales", emailaddress=SALES)
    rig.process.put("systemuser", internalemailaddress=ANN, firstname="Ann", lastname="Archer")
    with mock_aws(), clients(None, "KEYS_ONLY") as cloud:
        place = make_place(cloud)
        stores = aws_stores(place)
        crm = DataverseCrm(rig.client, cloud.dynamodb, place.crm, place.router, "contoso", stores.blobs)
        house = House(owner=ANN, create_sender=CreateSender.CONTACT)
        house.states, house.ledger, house.blobs = stores.states, stores.ledger, stores.blobs
        house.crm = crm  # type: ignore[assignment]  # another CRM
        yield Bench(rig, stores, crm, house)


def pages(at: Bench) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield what a page of 25 new messages without attachments takes, in the cases that differ."""
    strangers = at.receive(*[""] * PAGE)
    yield "from people whom nobody knows, the first of a process", at.asked()
    at.receive(*[""] * PAGE, known=True)
    yield "from somebody known", at.asked()
    at.receive(*(f"In-Reply-To: <m{number}@fabrikam.example>\r\n" for number in strangers))
    yield "from people whom nobody knows, each an answer", at.asked()


def with_attachments(at: Bench) -> tuple[int, int]:
    """Return what a page takes whose messages have an attachment of 20 KB each."""
    lines = b64encode(bytes(20_000)).decode()
    body = f"--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\
Content-Transfer-Encoding: base64\r\n\r\n{lines}\r\n--b--\r\n"
    for number in (next(at.numbers) for _ in range(PAGE)):
        raw = mail(number, text=body, extra="Content-Type: multipart/mixed; boundary=b\r\n")
        at.house.source.put(raw.replace(b"Content-Type: text/plain; charset=utf-8\r\n", b""))
    at.serve()
    return at.asked()


def idle(at: Bench) -> tuple[int, int]:
    """Return what a look for e-mails to be sent takes when there are none."""
    at.rig.process.clear_requests()
    assert list(at.crm.pending(NOW, 2000)) == []
    return at.asked()


def leaving(at: Bench) -> tuple[int, int]:
    """Return what an e-mail without attachments takes that waits and leaves: found, read, Sending, Sent."""
    parties = (Party(Role.FROM, SALES, "Sales", Record("queue", _QUEUE)), Party(Role.TO, "p0@x.example"))
    kept = {"status": EmailStatus.PENDING, "subject": "Offer", "text": "Hello"}
    at.crm.create_outgoing(EmailActivity(id=_EMAIL, direction=Direction.OUTGOING, parties=parties, **kept))  # type: ignore[arg-type]  # fields by name
    at.rig.process.clear_requests()
    ((activity, _),) = at.crm.pending(NOW, 2000)
    at.crm.email(activity)
    at.crm.write_back(
        WriteBack(
            activity=activity,
            status=EmailStatus.SENDING,
            subject="Offer CRM:0001001",
            tracking_token="CRM:0001001",
            attempts=1,
        )
    )
    at.crm.write_back(WriteBack(activity=activity, status=EmailStatus.SENT, message_id="<1@contoso.example>", sent=NOW))
    return at.asked()


def leaving_together(at: Bench) -> tuple[int, int]:
    """Return what a group of e-mails without attachments takes that leave together: read, Sending, Sent."""
    parties = (Party(Role.FROM, SALES, "Sales", Record("queue", _QUEUE)), Party(Role.TO, "p0@x.example"))
    kept = {"status": EmailStatus.PENDING, "subject": "Offer", "text": "Hello"}
    names = [str(UUID(int=number)) for number in range(1, GROUP + 1)]
    for name in names:
        at.crm.create_outgoing(EmailActivity(id=name, direction=Direction.OUTGOING, parties=parties, **kept))  # type: ignore[arg-type]  # fields by name
    at.rig.process.clear_requests()
    at.crm.several(names)
    at.crm.write_back_all([WriteBack(activity=one, status=EmailStatus.SENDING, attempts=1) for one in names])
    sent = {"status": EmailStatus.SENT, "subject": "Offer CRM:0001001", "tracking_token": "CRM:0001001"}
    others = at.crm.write_back_all([WriteBack(activity=one, sent=NOW, **sent) for one in names])  # type: ignore[arg-type]  # as above
    if others:
        raise ValueError(f"not written back: {others}")
    return at.asked()


def run() -> None:
    """Print the figures."""
    with DataverseProcess(Path(tempfile.mkdtemp(prefix="bench-"))) as process:
        with bench(Rig(process)) as at:
            for name, (requests, held) in pages(at):
                print(
                    f"dataverse, a page of {PAGE} new messages {name}: {requests} requests that hold {held} (target 6)"
                )
            requests, held = with_attachments(at)
            print(
                f"dataverse, a page of {PAGE} new messages with an attachment of 20 KB: {requests} requests that hold {held}"
            )
            print(f"dataverse, a look for e-mails to be sent, none waits: {idle(at)[0]} request (target 1)")
            requests, held = leaving(at)
            print(f"dataverse, an e-mail that waits and leaves by itself: {requests} requests that hold {held}")
            requests, held = leaving_together(at)
            each = requests / GROUP
            print(
                f"dataverse, {GROUP} e-mails that leave together: {requests} requests that hold {held}, {each:.2f} an e-mail"
            )
            process.reset()
            told = measured_peak(at.rig, _LARGE)
            times = told["grown"] / told["size"]
            print(
                f"dataverse, peak memory of an attachment of {_LARGE} MB that leaves ÷ its size: {times:.2f} (target 1)"
            )
        hang_up()
