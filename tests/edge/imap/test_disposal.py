"""Disposal by IMAP: delivered mail is marked, deleted or moved as asked, and nobody else's is touched."""

from __future__ import annotations

import contextlib
from contextlib import closing

import pytest

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.mailbox import AfterDelivery
from tests.edge.imap.reading import mail, opened
from tests.simulators.imap import CAPABILITIES, Box, ImapServer


@pytest.fixture
def three(server: ImapServer) -> ImapServer:
    for number in range(3):
        server.inbox.put(mail(number))
    return server


def dispose(server: ImapServer, how: AfterDelivery, *uids: int) -> None:
    for _ in range(2):  # repeatable
        with closing(opened(server)) as source:
            source.dispose([f"INBOX/7.{uid}" for uid in uids], how)


def test_mark_read_sets_the_flag_and_nothing_else(three: ImapServer) -> None:
    dispose(three, AfterDelivery.MARK_READ, 1, 3)

    assert [one.flags for one in three.inbox.kept] == [{"\\Seen"}, set(), {"\\Seen"}]


def test_deleting_expunges_ours_and_never_what_others_have_marked(three: ImapServer) -> None:
    three.inbox.kept[0].flags.add("\\Deleted")  # by a person who may think again

    dispose(three, AfterDelivery.DELETE, 2)

    assert [one.uid for one in three.inbox.kept] == [1, 3]


def test_without_uidplus_ours_are_marked_and_nothing_is_expunged(three: ImapServer) -> None:
    three.script.capabilities = "IMAP4rev1 AUTH=PLAIN"
    three.inbox.kept[0].flags.add("\\Deleted")

    dispose(three, AfterDelivery.DELETE, 2)

    assert [one.flags for one in three.inbox.kept] == [{"\\Deleted"}, {"\\Deleted"}, set()]
    assert not [line for line in three.commands if "EXPUNGE" in line or line == "CLOSE"]


@pytest.mark.parametrize("capabilities", [CAPABILITIES, CAPABILITIES.replace(" MOVE", "")])
def test_moving_makes_the_folder_where_it_is_missing(three: ImapServer, capabilities: str) -> None:
    three.script.capabilities = capabilities
    three.inbox.kept[0].flags.add("\\Deleted")

    dispose(three, AfterDelivery.MOVE, 2, 3)

    assert [one.uid for one in three.inbox.kept] == [1]
    assert [one.raw for one in three.folders["Archive"].kept] == [mail(1), mail(2)]


def test_a_move_that_was_broken_off_after_the_copy_makes_no_second_copy(three: ImapServer) -> None:
    three.script.capabilities = CAPABILITIES.replace(" MOVE", "")
    three.script.answers = {"UID EXPUNGE": b""}
    with closing(opened(three)) as source, contextlib.suppress(TryLater):
        source.dispose(["INBOX/7.1"], AfterDelivery.MOVE)
    three.script.answers = {}

    dispose(three, AfterDelivery.MOVE, 1)

    assert [one.raw for one in three.folders["Archive"].kept] == [mail(0)]
    assert [one.uid for one in three.inbox.kept] == [2, 3]


def test_what_lies_in_the_archive_is_not_moved_into_it_again(server: ImapServer) -> None:
    server.folders["Archive"] = Box()
    server.folders["Archive"].put(mail(1))

    with closing(opened(server, folders=("Archive",))) as source:
        source.dispose(["Archive/7.1"], AfterDelivery.MOVE)

    assert [one.uid for one in server.folders["Archive"].kept] == [1]


def test_gmail_archives_into_all_mail_and_deletes_into_the_trash(three: ImapServer) -> None:
    three.script.capabilities = CAPABILITIES + " X-GM-EXT-1"
    rows = [b'* LIST (\\HasNoChildren \\All) "/" "[Gmail]/All Mail"', b'* LIST (\\Trash) "/" "[Gmail]/Trash"']
    three.script.answers = {"LIST (SPECIAL-USE)": b"\r\n".join(rows) + b"\r\nTAG OK\r\n"}
    three.folders["[Gmail]/All Mail"], three.folders["[Gmail]/Trash"] = Box(), Box()

    dispose(three, AfterDelivery.MOVE, 1)
    dispose(three, AfterDelivery.DELETE, 2)

    assert [one.raw for one in three.folders["[Gmail]/All Mail"].kept] == [mail(0)]
    assert [one.raw for one in three.folders["[Gmail]/Trash"].kept] == [mail(1)]


def test_the_account_s_own_prefix_begins_the_name_of_a_new_folder(three: ImapServer) -> None:
    three.script.answers = {"NAMESPACE": b'* NAMESPACE (("INBOX." ".")) NIL NIL\r\nTAG OK\r\n'}

    with closing(opened(three)) as source:
        source.set_aside(["INBOX/7.2"])
        source.set_aside(["INBOX/7.2"])

    assert [one.raw for one in three.folders["INBOX.Undeliverable"].kept] == [mail(1)]
    assert [one.uid for one in three.inbox.kept] == [1, 3]


def test_a_folder_that_can_only_be_read_is_told_when_something_is_to_be_changed(three: ImapServer) -> None:
    three.script.answers = {"SELECT": b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7]\r\nTAG OK [READ-ONLY] only\r\n"}

    with closing(opened(three)) as source, pytest.raises(MailboxBlocked) as caught:
        source.dispose(["INBOX/7.1"], AfterDelivery.DELETE)

    assert caught.value.kind == "access_denied"


def test_a_full_mailbox_is_told_as_that(three: ImapServer) -> None:
    three.script.answers = {"UID MOVE": b"TAG NO [OVERQUOTA] full\r\n"}

    with closing(opened(three)) as source, pytest.raises(MailboxBlocked) as caught:
        source.dispose(["INBOX/7.1"], AfterDelivery.MOVE)

    assert caught.value.kind == "mailbox_full"
