"""Folders by IMAP: each is read from its own position, an idle poll finds no news, and names may be of any script."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.fetched import Listed, Position
from email_router.core.mailbox import AfterDelivery, Mailbox, Security
from email_router.edge.connect.imap_names import folder_name
from email_router.edge.connect.imap_position import Cursor
from email_router.edge.sources.imap import ImapSource
from tests.edge.imap.reading import LIMIT, LOCAL, a_pass, blocked, mail, opened, profile
from tests.simulators.imap import Box, ImapServer

if TYPE_CHECKING:
    from tests.servers import DovecotServer
    from tests.simulators.certificates import Authority

# An idle poll, and positions


def test_an_idle_poll_is_one_question_for_all_folders_on_one_connection(server: ImapServer) -> None:
    server.folders["Orders"] = Box()
    server.inbox.put(mail(1))
    _, position = a_pass(opened(server, folders=("INBOX", "Orders")))
    before = len(server.commands)

    with closing(opened(server, folders=("INBOX", "Orders"))) as source:
        assert not source.has_news(position)

    said = [
        line for line in server.commands[before:] if line != "LOGOUT"
    ]  # the pass before may still be taking its leave
    assert [line.split()[0] for line in said][:4] == [
        "CAPABILITY",
        "AUTHENTICATE",
        "STATUS",
        "STATUS",
    ]
    assert server.sessions == 2


def test_several_folders_are_read_each_from_its_own_position(server: ImapServer) -> None:
    server.folders["Orders"] = Box(validity=9)
    server.inbox.put(mail(1))
    server.folders["Orders"].put(mail(2))
    fetched, position = a_pass(opened(server, folders=("inbox", "Orders")))
    server.folders["Orders"].put(mail(3))
    server.inbox.put(mail(4))

    later, _ = a_pass(opened(server, folders=("INBOX", "Orders")), position)

    assert [each.raw for each in fetched] == [mail(1), mail(2)]
    assert [each.source_id for each in fetched] == ["INBOX/7.1", "Orders/9.1"]
    assert [each.raw for each in later] == [mail(4), mail(3)]


def test_a_folder_made_anew_is_read_from_its_beginning(server: ImapServer) -> None:
    for number in range(3):
        server.inbox.put(mail(number))
    _, position = a_pass(opened(server))
    server.folders["INBOX"] = Box(validity=8)
    server.inbox.put(mail(9))

    with closing(opened(server)) as source:
        assert source.has_news(position)
        old = list(source.fetch([Listed("INBOX/7.1", 10)], LIMIT))
        source.dispose(["INBOX/7.1"], AfterDelivery.DELETE)
    fetched, later = a_pass(opened(server), position)

    assert [each.vanished for each in old] == [True]
    assert [each.raw for each in fetched] == [mail(9)]
    assert Cursor.of(later.cursor).folders == {"INBOX": (8, 1)}


@pytest.mark.parametrize("cursor", [b"\x00\x01binary", b"[]", b'{"INBOX": 5}', b'{"INBOX": ["x", 1]}'])
def test_the_position_of_another_kind_of_source_means_never_read(server: ImapServer, cursor: bytes) -> None:
    server.inbox.put(mail(1))

    assert [each.raw for each in a_pass(opened(server), Position(cursor, "5 100 uid"))[0]] == [mail(1)]


def test_a_gap_in_the_uids_is_no_news(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    server.inbox.put(mail(2))
    server.inbox.drop({2})
    _, position = a_pass(opened(server))

    with closing(opened(server)) as source:
        assert not source.has_news(position)


def test_the_last_message_that_a_search_names_beyond_its_end_is_not_read_again(server: ImapServer) -> None:
    server.inbox.put(mail(1))
    _, position = a_pass(opened(server))
    server.inbox.next += 5
    server.commands.clear()

    fetched, _ = a_pass(opened(server), position)

    assert fetched == []
    assert any(command.startswith("UID SEARCH UID 2:*") for command in server.commands)


def test_mail_from_before_the_day_is_not_even_asked_for(server: ImapServer) -> None:
    server.inbox.put(mail(1))

    fetched, _ = a_pass(opened(server, process_received_after=datetime(2026, 11, 3, 1, tzinfo=UTC)))

    assert "UID SEARCH UID 1:* SINCE 2-Nov-2026" in server.commands
    assert not [line for line in server.commands if "CHARSET" in line]
    assert fetched[0].received == datetime(2026, 11, 24, 10, tzinfo=UTC)


def test_a_missing_folder_blocks_the_mailbox_by_its_name(server: ImapServer) -> None:
    refused = blocked(opened(server, folders=("Nowhere",)))

    assert (refused.kind, "Nowhere" in str(refused)) == ("folder_missing", True)


# A real server


def test_dovecot_keeps_folders_with_names_of_any_script_and_its_archive(
    dovecot: DovecotServer, authority: Authority
) -> None:
    box = Mailbox(address="folders@contoso.example")
    settings = replace(profile(dovecot.imaps, Security.TLS, authority.pem), folders=("INBOX", "Grüße & 見積"))
    for number in range(3):
        dovecot.put(box.address, mail(number))
    with (
        closing(ImapSource(settings, box, dovecot.password, LOCAL)) as source,
        pytest.raises(MailboxBlocked, match="Grüße"),
    ):
        source.has_news(Position())
    with closing(ImapSource(replace(settings, folders=()), box, dovecot.password, LOCAL)) as source:
        (page,) = source.pages(Position(), 10)
        ids = [one.source_id for one in page.listed]
        source.dispose(ids[:1], AfterDelivery.MARK_READ)
        source.dispose(ids[1:2], AfterDelivery.MOVE)
        source.set_aside(ids[2:])
        source._box.session().ask(b"CREATE " + folder_name("Grüße & 見積", "test"))

    fetched, _ = a_pass(ImapSource(settings, box, dovecot.password, LOCAL))
    moved, _ = a_pass(ImapSource(replace(settings, folders=("Archive", "Undeliverable")), box, dovecot.password, LOCAL))

    assert [one.raw for one in fetched] == [mail(0)]
    assert [one.raw for one in moved] == [mail(1), mail(2)]
    assert [path.name.rpartition(",")[2] for path in dovecot.files(box.address)] == ["S"]
