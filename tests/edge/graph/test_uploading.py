"""Large e-mails by Graph: in parts, in pieces, in little memory."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import pytest

from email_router.core.compose import Outgoing, pieces
from email_router.core.enclosed import Kept
from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.core.message import Address, Attachment
from email_router.core.sending import SendOutcome
from email_router.edge.connect.graph_upload import PIECE
from email_router.edge.stores import scratch
from tests.edge.graph.outgoing import NOW, OUTSIDE, arrived, envelope, mail, sender
from tests.shared import PROJECT
from tests.simulators.graph.process import GraphProcess
from tests.simulators.witnessed import watch

MEGABYTE = 1024 * 1024
RECEIPTS = frozenset({"isDeliveryReceiptRequested", "isReadReceiptRequested"})


@pytest.mark.parametrize("size", [2_500_000, 3_200_000, 7_000_000])
def test_a_large_mail_goes_in_parts_and_arrives_whole(graph: GraphProcess, box: str, size: int) -> None:
    opened = sender(graph, box)
    content = bytes(range(256)) * (size // 256)
    logo = Attachment("logo.png", "image/png", b"\x89PNG" + b"x" * 500, inline=True, content_id="logo")
    whole = mail(box, Attachment("Größe.bin", "application/octet-stream", content, inline=False, content_id=None), logo)

    result = opened.send(envelope(box, draft=opened.draft(envelope(box), whole)), whole)

    assert result.outcome is SendOutcome.ACCEPTED
    (got,) = arrived(graph, box)
    files = {part.get_filename(): part for part in got.walk() if part.get_filename()}
    assert files["Größe.bin"].get_payload(decode=True) == content
    assert files["logo.png"]["Content-ID"] == "<logo>"
    assert got["X-EmailRouter"] == "contoso;6f1d"
    assert (got["In-Reply-To"], str(got["References"]).split()[0]) == (
        "<before@fabrikam.example>",
        "<first@fabrikam.example>",
    )
    html = got.get_body(("html",))
    assert html is not None
    assert "ä" in html.get_content()


def test_an_upload_whose_answer_was_lost_goes_on_where_the_server_stands(graph: GraphProcess, box: str) -> None:
    opened = sender(graph, box)
    content = b"y" * 9_000_000
    whole = mail(box, Attachment("a.bin", "application/octet-stream", content, inline=False, content_id=None))
    graph.fault("PUT /upload/", "lose_answer", skip=1)
    graph.fault("PUT /upload/", "close", skip=1)

    opened.send(envelope(box, draft=opened.draft(envelope(box), whole)), whole)

    (got,) = arrived(graph, box)
    assert next(got.iter_attachments()).get_payload(decode=True) == content


def test_an_upload_address_that_leads_elsewhere_is_refused(graph: GraphProcess, box: str) -> None:
    graph.settings(quirks=["foreign_upload"])
    whole = mail(box, Attachment("a.bin", "application/x", b"y" * 4_000_000, inline=False, content_id=None))

    with pytest.raises(MailboxBlocked) as refused:
        sender(graph, box).draft(envelope(box), whole)

    assert refused.value.kind == "foreign_link"


def test_a_draft_whose_attachment_is_refused_is_not_left_behind(graph: GraphProcess, box: str) -> None:
    whole = mail(box, Attachment("a.bin", "application/x", b"y" * 4_000_000, inline=False, content_id=None))
    graph.fault("POST .*/createUploadSession$", "status", status=413, code="ErrorMessageSizeExceeded")

    with pytest.raises(RouterError):
        sender(graph, box).draft(envelope(box), whole)

    assert [row["folder"] for row in graph.messages(box)] == ["deleteditems"]


def test_the_pieces_of_an_upload_come_in_order_and_without_our_token(graph: GraphProcess, box: str) -> None:
    opened = sender(graph, box)
    whole = mail(box, Attachment("a.bin", "application/x", b"y" * 9_000_000, inline=False, content_id=None))

    opened.draft(envelope(box), whole)

    said = [row for row in watch.take() if row[1]["path"].startswith("/upload/")]
    assert [(row["method"], row["status"], row["authorised"]) for _, row in said] == [
        ("PUT", 200, False),
        ("PUT", 200, False),
        ("PUT", 201, False),
    ]
    assert [row["length"] for _, row in said] == [PIECE, PIECE, 9_000_000 - 2 * PIECE]


@pytest.mark.parametrize("lost", ["close", "lose_answer"])
@pytest.mark.parametrize(
    "number", [pytest.param(0, marks=pytest.mark.long), 1, pytest.param(2, marks=pytest.mark.long)]
)
def test_a_piece_that_was_lost_is_sent_again_where_the_session_expects_it(
    graph: GraphProcess, box: str, lost: str, number: int
) -> None:
    content = bytes(range(250)) * 36_000
    whole = mail(box, Attachment("a.bin", "application/x", content, inline=False, content_id=None))
    graph.fault("PUT /upload/", lost, skip=number)
    opened = sender(graph, box)

    if (lost, number) == (
        "lose_answer",
        2,
    ):  # the file is whole and its session gone: the draft goes, and is made again
        with pytest.raises(TryLater):
            opened.draft(envelope(box), whole)
        assert [row["folder"] for row in graph.messages(box)] == ["deleteditems"]
    opened.send(envelope(box, attempt=2, draft=opened.draft(envelope(box, attempt=2), whole)), whole)

    (got,) = arrived(graph, box)
    assert next(got.iter_attachments()).get_payload(decode=True) == content


@pytest.mark.parametrize("size", [100, 2_500_000])
@pytest.mark.parametrize("asked", [frozenset(), RECEIPTS])
def test_receipts_are_asked_for_whether_the_mail_goes_as_one_or_in_parts(
    graph: GraphProcess, box: str, size: int, asked: frozenset[str]
) -> None:
    opened, wanted = sender(graph, box), envelope(box, delivery_receipt=bool(asked))
    file = Attachment("a.bin", "application/x", b"y" * size, inline=False, content_id=None)
    whole = mail(box, file, headers=(("Disposition-Notification-To", box),) if asked else ())

    assert opened.send(replace(wanted, draft=opened.draft(wanted, whole)), whole).outcome is SendOutcome.ACCEPTED

    (sent,) = graph.messages(box)
    assert (sent["folder"], frozenset(sent["asks"])) == ("sentitems", asked)


def test_a_draft_that_cannot_be_made_to_ask_is_not_left_behind(graph: GraphProcess, box: str) -> None:
    opened, wanted = sender(graph, box), envelope(box, delivery_receipt=True)
    graph.fault("PATCH .*/messages/", "status", status=503)

    with pytest.raises(TryLater):
        opened.draft(wanted, mail(box))

    assert [row["folder"] for row in graph.messages(box)] == ["deleteditems"]


def test_an_attachment_that_is_not_held_takes_the_memory_of_a_few_pieces_whatever_its_size(
    graph: GraphProcess, box: str
) -> None:
    megabytes = 12
    piece = hashlib.sha256(b"piece").digest() * (MEGABYTE // 32)
    file = Kept("large.bin", "application/x-large", inline=False, content_id=None, read=lambda: [piece] * megabytes)
    wanted = Outgoing(
        sender=Address("", box),
        to=(Address("", OUTSIDE),),
        date=NOW,
        message_id=envelope(box).message_id,
        text="Hello\n",
        attachments=(file,),
    )
    opened, whole = sender(graph, box), scratch.keep(pieces(wanted))
    opened.draft(envelope(box), mail(box))  # what logging in takes is no matter of the mail's size

    tracemalloc.start()
    try:
        result = opened.send(envelope(box, draft=opened.draft(envelope(box), whole)), whole)
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    print(f"held: {held / megabytes / MEGABYTE:.2f} times the attachment")
    assert result.outcome is SendOutcome.ACCEPTED
    assert held < 4 * PIECE
    (got,) = arrived(graph, box)
    assert next(got.iter_attachments()).get_payload(decode=True) == piece * megabytes


@pytest.mark.long
def test_an_attachment_of_140_mb_is_sent_in_little_memory(graph: GraphProcess, box: str) -> None:
    """Beyond the composed mail itself, which the caller holds."""
    graph.settings(quirks=["digest_uploads"])
    job = [sys.executable, "-m", "tests.edge.graph.large_mail", graph.endpoint, str(graph.authority.ca), box]

    done = subprocess.run(job, cwd=PROJECT, capture_output=True, text=True, check=True)

    told = json.loads(done.stdout)
    print(f"beyond the mail of {told['size']} bytes: {told['beyond']}")
    assert told["outcome"] == "accepted"
    assert told["size"] > 140_000_000
    assert told["beyond"] < 40_000_000
    (got,) = arrived(graph, box)
    assert next(got.iter_attachments()).get_payload(decode=True) == told["digest"].encode()
