"""News by POP3: unique ids tell which messages are new, also where servers use them twice or have none."""

from __future__ import annotations

from contextlib import closing

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.fetched import Position
from email_router.core.mailbox import AfterDelivery
from tests.edge.pop3.reading import ADDRESS, LIMIT, a_pass, opened
from tests.simulators.pop3 import Faults, Pop3Server

# An idle poll


def test_an_idle_poll_asks_two_questions_on_one_connection_and_reads_no_listing(server: Pop3Server) -> None:
    server.put(ADDRESS, b"Subject: x\r\n\r\n")
    _, position = a_pass(opened(server))
    before = len(server.store.commands())

    with closing(opened(server)) as source:
        assert not source.has_news(position)

    verbs = [line.split()[0] for line in server.store.commands()[before:]]
    assert verbs == ["USER", "PASS", "STAT", "UIDL", "QUIT"]
    assert server.sessions == 2


def test_news_are_read_on_the_connection_that_found_them(server: Pop3Server) -> None:
    for number in range(100):
        server.put(ADDRESS, b"Subject: %d\r\n\r\n" % number)

    source = opened(server)
    assert source.has_news(Position())
    fetched, _ = a_pass(source)

    assert len(fetched) == 100
    assert server.sessions == 1


def test_a_message_replaced_by_one_of_the_same_size_is_news(server: Pop3Server) -> None:
    server.put(ADDRESS, b"Subject: x\r\n\r\n")
    _, position = a_pass(opened(server))
    with closing(opened(server)) as source:
        source.dispose(["uid-1"], AfterDelivery.DELETE)
    server.put(ADDRESS, b"Subject: y\r\n\r\n")

    with closing(opened(server)) as source:
        assert source.has_news(position)
    assert [each.raw for each in a_pass(opened(server), position)[0]] == [b"Subject: y\r\n\r\n"]


def test_the_cursor_forgets_what_the_server_no_longer_lists(server: Pop3Server) -> None:
    for number in range(3):
        server.put(ADDRESS, b"Subject: %d\r\n\r\n" % number)
    _, position = a_pass(opened(server))
    with closing(opened(server)) as source:
        source.dispose(["uid-1", "uid-2"], AfterDelivery.DELETE)

    fetched, later = a_pass(opened(server), position)

    assert fetched == []
    assert (len(position.cursor), len(later.cursor)) == (24, 8)
    with closing(opened(server)) as source:
        assert not source.has_news(later)


# Odd mailboxes


def test_messages_that_share_a_unique_id_are_all_read_once(server: Pop3Server) -> None:
    mails = [b"Subject: %d\r\n\r\n" % number for number in range(4)]
    for raw, unique_id in zip(mails, ("same", "same", "same#2", "same"), strict=True):
        server.put(ADDRESS, raw, unique_id)

    fetched, position = a_pass(opened(server))

    assert [each.raw for each in fetched] == mails
    assert len({each.source_id for each in fetched}) == 4
    assert a_pass(opened(server), position)[0] == []


def test_messages_that_share_a_unique_id_are_deleted_and_read_page_by_page(server: Pop3Server) -> None:
    mails = [b"Subject: %d\r\n\r\n" % number for number in range(5)]
    for raw in mails:
        server.put(ADDRESS, raw, "same")

    raws = []
    with closing(opened(server)) as source:
        for page in source.pages(Position(), 2):
            fetched = list(source.fetch(page.listed, LIMIT))
            raws += [each.raw for each in fetched]
            source.dispose([each.source_id for each in fetched], AfterDelivery.DELETE)

    assert raws == mails
    assert server.messages(ADDRESS) == []


def test_a_unique_id_used_again_for_a_message_of_another_size_is_a_new_message(server: Pop3Server) -> None:
    server.put(ADDRESS, b"Subject: first\r\n\r\n", "again")
    _, position = a_pass(opened(server))
    with closing(opened(server)) as source:
        source.dispose(["again"], AfterDelivery.DELETE)
    server.put(ADDRESS, b"Subject: the second\r\n\r\n", "again")

    assert [each.raw for each in a_pass(opened(server), position)[0]] == [b"Subject: the second\r\n\r\n"]


def test_a_server_without_unique_ids_blocks_the_mailbox_and_says_what_to_do(server: Pop3Server) -> None:
    server.put(ADDRESS, b"Subject: x\r\n\r\n")
    server.store.set_faults(Faults(answers={"UIDL": "-ERR unknown command"}))

    with closing(opened(server)) as source, pytest.raises(MailboxBlocked) as caught:
        list(source.pages(Position(), 10))

    assert caught.value.kind == "uidl_missing"
    assert "UIDL" in caught.value.mend
