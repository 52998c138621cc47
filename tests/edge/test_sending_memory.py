"""A large attachment leaves in less memory than its own size, whichever way: it is coded, proven, stored and sent piece by piece.

What is counted is what Python holds beyond what it held before (tracemalloc); servers run in other processes or keep nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import sending
from benchmarks.file_blobs import FileBlobs
from email_router.core import compose
from email_router.core.activity import StoredAttachment
from email_router.core.enclosed import Kept
from email_router.core.message import Address
from email_router.core.octets import LongOctets, Octets
from email_router.core.sending import Envelope, SendOutcome
from email_router.edge.stores import scratch
from tests.edge.test_ses_sender import Answer
from tests.edge.test_ses_sender import sender as ses_sender
from tests.flows.house import SALES
from tests.flows.office import ERIN
from tests.lying import lying

MEGABYTE = 1024 * 1024
LARGE = 24
PIECE = hashlib.sha256(b"piece").digest() * (MEGABYTE // 32)


@dataclass
class Held:
    """Bytes that were held at the peak beyond those before."""

    most: int = 0


@contextmanager
def counted() -> Iterator[Held]:
    """Count what is held meanwhile."""
    held = Held()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        yield held
        held.most = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.fixture
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the SDK sign."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def content(megabytes: int) -> Iterator[bytes]:
    """Yield an attachment."""
    for number in range(megabytes):
        yield bytes([number]) + PIECE[1:]


def composed(sender: str, to: str, megabytes: int = LARGE) -> Octets:
    """Return a mail with one attachment, as the road holds it."""
    attachment = Kept("large.bin", "application/x-large", False, None, lambda: content(megabytes))
    wanted = replace(
        sending.MAIL,
        sender=Address("Sales", sender),
        to=(Address("Erin", to),),
        message_id=f"<large@{sender.partition('@')[0]}.example>",
        attachments=(attachment,),
    )
    mail = scratch.keep(compose.pieces(wanted))
    assert isinstance(mail, LongOctets)
    return mail


def test_the_whole_road_by_smtp_takes_less_than_the_attachment_at_each_attempt(tmp_path: Path) -> None:
    with sending.relay() as (_, port):
        made = sending.SmtpOffice(port, 1)
        made.blobs = FileBlobs(tmp_path)  # type: ignore[assignment]  # as the port has it
        made.send("e0")
        file = StoredAttachment("large.bin", "application/x-large", LARGE * MEGABYTE, "", False, None, "raw/large")
        made.blobs.put_stream(file.blob, content(LARGE))
        made.write("large", attachments=(file,))
        made.port = 1  # nobody listens there

        with counted() as first:
            made.send("large")
        deferred = made.outgoing.get("large")
        made.port = port
        made.clock.advance(3_600)
        with counted() as second:
            (done,) = made.send("large")

    assert deferred is not None
    assert (deferred.status.value, done.status) == ("deferred", "sent")
    print(f"held: {first.most / LARGE / MEGABYTE:.2f} and {second.most / LARGE / MEGABYTE:.2f} times the attachment")
    assert first.most < 0.5 * LARGE * MEGABYTE
    assert second.most < 0.5 * LARGE * MEGABYTE


def test_by_ses_too(aws_credentials: None) -> None:
    mail = composed(SALES, ERIN)
    answer = Answer(lambda: (200, "", "0100018-000000"))
    opened = ses_sender(answer)
    envelope = Envelope(organisation="contoso", activity="1", sender=SALES, recipients=(ERIN,))
    opened.send(envelope, b"Subject: x\r\n\r\nHello\r\n")  # what the SDK loads is no matter of the mail's size

    with counted() as held:
        result = opened.send(envelope, mail)
        body: Any = answer.requests[-1].body
        size = sum(len(piece) for piece in iter(lambda: body.read(65536), b""))

    print(f"held: {held.most / LARGE / MEGABYTE:.2f} times the attachment")
    assert result.outcome is SendOutcome.ACCEPTED
    assert size > len(mail) * 4 / 3
    assert held.most < 0.5 * LARGE * MEGABYTE


def test_the_request_to_ses_is_the_same_whether_the_mail_is_held_or_not(aws_credentials: None) -> None:
    mail = compose.compose(sending.MAIL)
    bodies = []
    for one in (mail, lying(mail)):
        answer = Answer(lambda: (200, "", "0100018-000000"))
        ses_sender(answer).send(Envelope(organisation="contoso", activity="1", sender=SALES, recipients=(ERIN,)), one)
        (request,) = answer.requests
        body: Any = request.body
        bodies.append(body if isinstance(body, bytes) else body.read())
        assert int(request.headers["Content-Length"]) == len(bodies[-1])

    assert bodies[0] == bodies[1]
    assert base64.b64decode(json.loads(bodies[0])["Content"]["Raw"]["Data"]) == mail
