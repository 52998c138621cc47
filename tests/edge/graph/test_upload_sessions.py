"""Upload sessions that end, lie or stand still: no e-mail leaves without its attachment, none fails for good for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest

from email_router.core.errors import MessageRefused, RouterError, TryLater
from email_router.core.message import Attachment
from email_router.core.ports import Reach
from email_router.core.sending import SendOutcome
from email_router.edge.connect import graph_drafts, graph_upload
from email_router.edge.connect.graph import GraphClient
from email_router.edge.connect.graph_content import Content
from email_router.edge.connect.graph_parts import Part
from email_router.edge.connect.graph_upload import LARGEST, attach
from tests.edge.graph.outgoing import arrived, envelope, mail, sender
from tests.simulators.graph.process import SECRET, GraphProcess

SIZE = 900_000
PIECE = 320 * 1024


@pytest.fixture
def in_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the true sizes, for speed: a file of 900 KB goes in three pieces, one below 400 KB at once."""
    monkeypatch.setattr(graph_upload, "PIECE", PIECE)
    monkeypatch.setattr(graph_upload, "LARGEST_AT_ONCE", 400_000)
    monkeypatch.setattr(graph_drafts, "LARGEST_MIME", 300_000)


def large(box: str, size: int = SIZE) -> bytes:
    content = bytes(range(250)) * (size // 250)
    return mail(box, Attachment("a.bin", "application/x", content, inline=False, content_id=None))


def pieces(graph: GraphProcess) -> int:
    return len([row for row in graph.requests("/upload/") if row["method"] == "PUT"])


def is_made_again(graph: GraphProcess, box: str, trouble: RouterError) -> bool:
    """The trouble passes, nothing is left of the draft, and the next attempt sends the whole mail once."""
    assert isinstance(trouble, TryLater)
    assert [row["folder"] for row in graph.messages(box)] in (["deleteditems"], [])
    graph.settings(quirks=[])
    opened, again = sender(graph, box), envelope(box, attempt=2)
    draft = opened.draft(again, large(box))
    assert opened.send(envelope(box, attempt=2, draft=draft), large(box)).outcome is SendOutcome.ACCEPTED
    (got,) = arrived(graph, box)
    return len(next(got.iter_attachments()).get_payload(decode=True)) == SIZE


@pytest.mark.usefixtures("in_small")
@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_session_that_refuses_a_piece_has_ended_and_the_draft_is_made_again(
    graph: GraphProcess, box: str, status: int
) -> None:
    graph.fault("PUT /upload/", "status", status=status, code="UploadSessionNotFound", skip=1)

    with pytest.raises(TryLater) as ended:
        sender(graph, box).draft(envelope(box), large(box))

    assert ended.value.kind == "graph_answer"
    assert is_made_again(graph, box, ended.value)


@pytest.mark.usefixtures("in_small")
def test_a_session_whose_time_runs_out_between_two_pieces_is_opened_again(graph: GraphProcess, box: str) -> None:
    graph.settings(quirks=[f"sessions_end_after={PIECE}"])

    with pytest.raises(TryLater) as ended:
        sender(graph, box).draft(envelope(box), large(box))

    assert ended.value.kind == "graph_answer"
    assert is_made_again(graph, box, ended.value)


@pytest.mark.usefixtures("in_small")
@pytest.mark.parametrize(("pattern", "size"), [("createUploadSession$", SIZE), ("/attachments$", 250_000)])
@pytest.mark.parametrize("status", [404, 410])
def test_a_draft_that_is_deleted_while_files_are_attached_is_made_again(
    graph: GraphProcess, box: str, pattern: str, size: int, status: int
) -> None:
    graph.fault(f"POST .*{pattern}", "status", status=status, code="ErrorItemNotFound")

    with pytest.raises(TryLater) as ended:
        sender(graph, box).draft(envelope(box), large(box, size))

    assert ended.value.kind == "graph_answer"
    assert is_made_again(graph, box, ended.value)


@pytest.mark.usefixtures("in_small")
@pytest.mark.parametrize("status", [302, 400, 409, 413, 416, 429, 500, 503])
def test_a_piece_that_is_refused_ends_the_upload(graph: GraphProcess, box: str, status: int) -> None:
    if status < 400:  # no error of Graph's, so it is held to no description of one
        graph.fault("PUT /upload/", "says", status=status, body="{}", skip=1)
    else:
        graph.fault("PUT /upload/", "status", status=status, code="Refused", skip=1)

    with pytest.raises(TryLater) as refused:
        sender(graph, box).draft(envelope(box), large(box))

    assert pieces(graph) == 2
    assert is_made_again(graph, box, refused.value)


@pytest.mark.usefixtures("in_small")
@pytest.mark.parametrize("place", ["0", "0-", "400000-", "900000", "999999999-"])
def test_a_server_that_tells_no_true_place_gets_few_pieces_and_no_mail_leaves_without_its_file(
    graph: GraphProcess, box: str, place: str
) -> None:
    graph.settings(quirks=[f"expects={place}"])

    with pytest.raises(TryLater) as trouble:
        sender(graph, box).draft(envelope(box), large(box))

    assert pieces(graph) <= 3
    assert is_made_again(graph, box, trouble.value)


@pytest.mark.usefixtures("in_small")
@pytest.mark.parametrize("place", ["-5", "x", "", "9" * 40])
def test_a_place_that_is_no_number_says_nothing_and_the_pieces_go_on_in_order(
    graph: GraphProcess, box: str, place: str
) -> None:
    graph.settings(quirks=[f"expects={place}"])

    sender(graph, box).draft(envelope(box), large(box))

    assert pieces(graph) == 3


@pytest.mark.usefixtures("in_small")
def test_a_server_that_took_half_a_piece_gets_the_rest_from_there(graph: GraphProcess, box: str) -> None:
    graph.settings(quirks=["half_first_piece"])
    opened = sender(graph, box)

    opened.send(envelope(box, draft=opened.draft(envelope(box), large(box))), large(box))

    (got,) = arrived(graph, box)
    assert next(got.iter_attachments()).get_payload(decode=True) == bytes(range(250)) * (SIZE // 250)


@pytest.mark.usefixtures("in_small")
def test_a_server_that_never_takes_a_piece_is_asked_three_times(graph: GraphProcess, box: str) -> None:
    graph.settings(quirks=["takes_nothing"])

    with pytest.raises(TryLater) as trouble:
        sender(graph, box).draft(envelope(box), large(box))

    assert pieces(graph) == 3
    assert is_made_again(graph, box, trouble.value)


@dataclass(frozen=True)
class Weighed:
    """Content of which only the size is looked at."""

    size: int


def test_a_file_of_more_than_150_mb_is_refused_before_anything_is_asked(graph: GraphProcess, box: str) -> None:
    client = GraphClient(graph.profile(), box, SECRET, Reach(loopback=True))
    heavy = cast("Content", Weighed(150 * 1024 * 1024 + 1))

    with pytest.raises(MessageRefused) as refused:
        attach(client, "AAMk", Part("a.bin", "application/x", heavy))

    assert refused.value.kind == "attachment_size"
    assert graph.requests() == []
    assert LARGEST == 157_286_400


@pytest.mark.parametrize(("size", "parts"), [(2 * 1024 * 1024, 0), (2 * 1024 * 1024 + 1, 1)])
def test_up_to_two_megabytes_go_as_one_and_what_is_larger_in_parts(
    graph: GraphProcess, box: str, size: int, parts: int
) -> None:
    file = Attachment("a.bin", "application/x", b"y" * 1_530_000, inline=False, content_id=None)
    whole = mail(box, file)
    padding = b"X-Padding: %s\r\n" % (b"p" * (size - len(whole) - len(b"X-Padding: \r\n")))
    whole = padding + whole
    assert len(whole) == size

    sender(graph, box).draft(envelope(box), whole)

    assert len(graph.requests("/attachments")) == parts
