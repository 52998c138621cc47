"""Broken and hostile IMAP servers: no lie about a length and no broken line costs a message, or memory without bound."""

from __future__ import annotations

import contextlib
import tracemalloc
from contextlib import closing

import pytest

from email_router.core.errors import TryLater
from email_router.core.fetched import Position
from email_router.edge.connect.imap_position import Cursor
from tests.edge.imap.reading import LIMIT, a_pass, mail, opened
from tests.simulators.imap import ImapServer, Script


def test_a_body_of_changing_length_is_never_taken_for_whole(server: ImapServer) -> None:
    server.inbox.put(mail(1, b"x" * 100))
    lengths = iter((50, 20, 30))

    def shorten(command: str) -> None:
        if "BODY" in command:
            body = b"y" * next(lengths)
            row = b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%b)\r\nTAG OK\r\n" % (len(body), body)
            server.script.answers["UID FETCH 1 (UID BODY"] = row

    server.script.on_command = shorten

    with pytest.raises(TryLater, match="shorter"):
        a_pass(opened(server))


@pytest.mark.parametrize("claimed", [10**18, 5 * 1024**3])
def test_a_huge_claim_takes_no_memory_and_ends_the_session(server: ImapServer, claimed: int) -> None:
    server.inbox.put(mail(1))
    server.script.answers = {"UID FETCH 1 (UID BODY": b"* 1 FETCH (UID 1 BODY[] {%d}\r\n" % claimed}

    tracemalloc.start()
    with pytest.raises(TryLater, match="announced"):
        a_pass(opened(server))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 8 * LIMIT


def test_a_message_far_over_the_limit_costs_no_more_memory_than_the_limit(server: ImapServer) -> None:
    server.inbox.put(b"Subject: large\r\n\r\n" + b"x" * 30_000_000)
    server.inbox.put(mail(2))
    server.script.size = 100  # a lie

    tracemalloc.start()
    large, small = a_pass(opened(server), limit=LIMIT)[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (large.raw, large.complete) == (b"Subject: large\r\n\r\n", False)
    assert large.size > LIMIT
    assert (small.raw, small.complete) == (mail(2), True)
    assert peak < 6 * LIMIT + 61_000_000  # the simulator's own copies are in this process too


def test_a_literal_of_the_wrong_length_is_never_taken_for_a_message(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    for wrong in (5, len(mail(1)) + 4):
        server.script.answers = {
            "UID FETCH 1 (UID BODY": b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%b)\r\nTAG OK\r\nTAG OK\r\n" % (wrong, mail(1))
        }
        with pytest.raises(TryLater):
            a_pass(opened(server))


@pytest.mark.parametrize(
    "said", [b"R99 OK early\r\n", b"nonsense\r\n", b"* PREAUTH again\r\n", b"+ more?\r\n", b"\r\n"]
)
def test_an_answer_out_of_place_ends_the_session(server: ImapServer, said: bytes) -> None:
    server.inbox.put(mail(1))
    server.script.before = {"UID FETCH": said}

    with pytest.raises(TryLater):
        a_pass(opened(server))


def test_a_flood_of_untagged_answers_is_bounded(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    server.script.before = {"STATUS": (b"* OK " + b"x" * 8_000_000 + b"\r\n") * 9}

    with closing(opened(server)) as source, pytest.raises(TryLater, match="flood"):
        source.has_news(Position())


def test_a_server_that_says_good_bye_in_the_middle_means_later(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    server.script.before = {"UID FETCH": b"* BYE [UNAVAILABLE] restarting\r\n"}

    with pytest.raises(TryLater, match="restarting") as caught:
        a_pass(opened(server))

    assert (caught.value.kind, caught.value.shared) == ("server_trouble", True)


def test_a_line_cut_at_any_byte_loses_nothing_and_shortens_nothing(server: ImapServer) -> None:
    mails = [mail(number, b"x" * 60 + b"\r\n)\r\nR9 OK\r\n") for number in range(3)]
    for raw in mails:
        server.inbox.put(raw)
    a_pass(opened(server))
    whole, outcomes = server.sent, set()

    for cut in range(whole + 100):  # the farewell may not have been counted yet
        server.script = Script(cut_sent=cut)
        got: list[bytes] = []
        position = Position()
        with closing(opened(server)) as source, contextlib.suppress(TryLater):
            for page in source.pages(position, 2):
                got += [each.raw for each in source.fetch(page.listed, LIMIT)]
                position = page.position
        outcomes.add(len(got))
        server.script = Script()
        rest = [each.raw for each in a_pass(opened(server), position)[0]]
        done = 0 if not position.cursor else Cursor.of(position.cursor).folders["INBOX"][1]
        assert got[:done] == mails[:done], cut
        assert rest == mails[done:], cut

    assert {0, 2, 3} <= outcomes
