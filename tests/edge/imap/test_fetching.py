"""Fetching by IMAP: messages come whole, in order and unchanged, and one that cannot be had does not stop the others."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import MessageRefused, TryLater
from email_router.core.fetched import Position
from tests.edge.imap.reading import LIMIT, a_pass, mail, opened

if TYPE_CHECKING:
    from tests.simulators.imap import ImapServer


def test_reading_changes_nothing(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    a_pass(opened(server))

    assert server.inbox.kept[0].flags == set()
    assert not [line for line in server.commands if line.startswith(("SELECT", "UID STORE"))]


def test_messages_come_in_order_whatever_the_order_of_the_answers(server: ImapServer) -> None:
    mails = [mail(number) for number in range(120)]
    for raw in mails:
        server.inbox.put(raw)
    server.script.backwards = True

    assert [each.raw for each in a_pass(opened(server))[0]] == mails


def test_messages_of_the_command_ahead_may_come_before_the_answer_to_the_first(server: ImapServer) -> None:
    mails = [mail(number) for number in range(60)]
    for raw in mails:
        server.inbox.put(raw)
    rows = [
        b"* %d FETCH (UID %d BODY[] {%d}\r\n%b)\r\n" % (uid, uid, len(raw), raw) for uid, raw in enumerate(mails, 1)
    ]
    both = b"".join(rows) + b"R7 OK second\r\nR6 OK first\r\n"
    server.script.answers = {"UID FETCH 1:50 (UID BODY": b"* 0 RECENT\r\n", "UID FETCH 51:60 (UID BODY": both}

    fetched, _ = a_pass(opened(server))

    assert [each.raw for each in fetched] == mails
    assert server.sessions == 1
    assert [line for line in server.commands if "BODY" in line] == [
        "UID FETCH 1:50 (UID BODY.PEEK[])",
        "UID FETCH 51:60 (UID BODY.PEEK[])",
    ]


def test_a_message_expunged_between_listing_and_fetching_is_told_as_vanished(server: ImapServer) -> None:
    for number in range(120):
        server.inbox.put(mail(number))
    with closing(opened(server)) as source:
        pages = source.pages(Position(), 200)
        (page,) = pages
        server.inbox.drop({1, 30, 31, 120})
        fetched = list(source.fetch(page.listed, LIMIT))

    assert [one.source_id for one in fetched] == [f"INBOX/7.{uid}" for uid in range(1, 121)]
    assert [one.source_id for one in fetched if one.vanished] == [f"INBOX/7.{uid}" for uid in (1, 30, 31, 120)]
    assert all(one.vanished or one.raw == mail(number) for number, one in enumerate(fetched))


def test_a_message_that_the_server_will_not_give_does_not_stop_the_others(server: ImapServer) -> None:
    for number in range(4):
        server.inbox.put(mail(number))
    refused = b"TAG NO cannot open the file\r\n"
    server.script.answers = {
        "UID FETCH 1:4 (UID BODY": refused,
        "UID FETCH 2 (UID BODY.PEEK[]": refused,
        "UID FETCH 3 (UID BODY": refused,
    }

    fetched, _ = a_pass(opened(server))

    assert [(each.raw, each.complete) for each in fetched] == [
        (mail(0), True),
        (b"Subject: 1\r\n\r\n", False),
        (b"", False),
        (mail(3), True),
    ]


def test_a_server_that_gives_no_message_at_all_means_later(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    server.script.answers = {"UID FETCH 1 (UID BODY": b"TAG NO disk error\r\n", "UID FETCH *": b"TAG NO disk error\r\n"}
    server.script.answers["FETCH 1"] = b"TAG NO disk error\r\n"

    with pytest.raises(TryLater, match="disk error"):
        a_pass(opened(server))


def test_a_body_that_is_shorter_than_its_size_is_asked_for_again(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    server.inbox.put(mail(2))
    server.script.size = 1000

    fetched, _ = a_pass(opened(server))

    assert [(each.raw, each.complete) for each in fetched] == [(mail(1), True), (mail(2), True)]
    assert [line for line in server.commands if "BODY" in line].count("UID FETCH 1 (UID BODY.PEEK[])") >= 1


def test_streaming_a_message_that_is_gone_is_refused(server: ImapServer) -> None:
    for name in ("INBOX/7.9", "INBOX/6.1", "uid-9"):
        with closing(opened(server)) as source, pytest.raises(MessageRefused) as caught:
            list(source.stream(name))
        assert caught.value.kind == "vanished"


def test_streaming_a_message_that_is_not_given_is_told(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    server.script.answers = {"UID FETCH 1 (UID BODY": b"TAG NO broken\r\n"}

    with closing(opened(server)) as source, pytest.raises(MessageRefused) as caught:
        list(source.stream("INBOX/7.1"))

    assert caught.value.kind == "unreadable"


def test_sizes_told_unasked_do_not_disturb_the_judgement_of_one_that_is_not_given(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    row = b'* %d FETCH (UID %d RFC822.SIZE 9 INTERNALDATE "24-Nov-2026 10:00:00 +0000")\r\n'
    server.script.answers = {
        "UID FETCH 1 (UID BODY": b"TAG OK done\r\n",
        "UID FETCH 1 (UID RFC822": b"".join(row % (uid, uid) for uid in (2, 1, 3)) + b"TAG OK done\r\n",
    }

    with closing(opened(server)) as source, pytest.raises(MessageRefused) as caught:
        list(source.stream("INBOX/7.1"))

    assert caught.value.kind == "unreadable"
