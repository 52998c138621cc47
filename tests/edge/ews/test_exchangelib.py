"""The simulated Exchange answers exchangelib's high-level interface, all that a client of a mailbox does with it."""

from __future__ import annotations

from email import message_from_bytes

import pytest
from exchangelib import Account, FileAttachment, Message  # type: ignore[import-untyped]
from exchangelib import Mailbox as Recipient
from exchangelib.errors import ErrorInvalidSyncStateData, ErrorItemNotFound  # type: ignore[import-untyped]
from exchangelib.folders import Folder  # type: ignore[import-untyped]
from exchangelib.properties import Actions, Address, Conditions, Rule  # type: ignore[import-untyped]

from tests.edge.ews.reading import RAW
from tests.simulators.ews.process import EwsProcess


def test_exchangelib_finds_by_subject_and_reads_one_by_its_id(account: Account) -> None:
    found = list(account.inbox.filter(subject="hello").only("subject"))

    assert [one.subject for one in found] == ["hello"]
    assert list(account.inbox.filter(subject="nothing of the kind")) == []
    (whole,) = account.fetch([(found[0].id, found[0].changekey)], only_fields=["mime_content", "message_id"])
    assert (whole.mime_content, whole.message_id) == (RAW, "<1@example.org>")


def test_exchangelib_syncs_what_came_was_read_and_went(server: EwsProcess, account: Account) -> None:
    list(account.inbox.sync_items(only_fields=["subject"]))
    first = account.inbox.item_sync_state
    server.put(account.primary_smtp_address, RAW.replace(b"hello", b"second"))
    (old,) = account.inbox.filter(subject="hello").only("is_read")
    old.is_read = True
    old.save(update_fields=["is_read"])

    changes = [kind for kind, _ in account.inbox.sync_items(sync_state=first, only_fields=["subject"])]
    second = account.inbox.item_sync_state
    old.delete()
    gone = list(account.inbox.sync_items(sync_state=second, only_fields=["subject"]))

    assert sorted(changes) == ["create", "read_flag_change"]
    assert [kind for kind, _ in gone] == ["delete"]


def test_exchangelib_is_told_that_a_sync_state_has_expired(server: EwsProcess, account: Account) -> None:
    list(account.inbox.sync_items(only_fields=["subject"]))
    server.control("settings", {"expire_sync": True})

    with pytest.raises(ErrorInvalidSyncStateData):
        list(account.inbox.sync_items(sync_state=account.inbox.item_sync_state, only_fields=["subject"]))


def test_exchangelib_moves_a_message_which_gets_a_new_id(account: Account) -> None:
    (message,) = account.inbox.all().only("subject")
    before = message.id

    message.move(account.junk)

    assert message.id != before
    assert [one.id for one in account.junk.all().only("subject")] == [message.id]
    with pytest.raises(ErrorItemNotFound):
        account.inbox.get(id=before)


def test_exchangelib_deletes_for_good_and_into_deleted_items(server: EwsProcess, account: Account) -> None:
    server.put(account.primary_smtp_address, RAW.replace(b"hello", b"second"))
    first, second = account.inbox.all().only("subject")

    first.move_to_trash()
    second.delete()

    assert [row["folder"] for row in server.messages(account.primary_smtp_address)] == ["deleteditems"]


def test_exchangelib_makes_a_folder_and_finds_it(account: Account) -> None:
    made = Folder(parent=account.msg_folder_root, name="Undeliverable")
    made.save()

    assert made.id
    (found,) = account.msg_folder_root.glob("Undeliverable")
    assert (found.id, found.name) == (made.id, "Undeliverable")


def test_exchangelib_saves_a_draft_and_sends_it_into_sent_items(server: EwsProcess, account: Account) -> None:
    to = [Recipient(email_address="bob2@fabrikam.example")]
    draft = Message(account=account, folder=account.drafts, subject="drafted", body="x", to_recipients=to)
    draft.save()
    assert [row["is_draft"] for row in server.messages(account.primary_smtp_address, "drafts")] == [True]

    draft.send(copy_to_folder=account.sent)

    assert len(server.outside("bob2@fabrikam.example")) == 1
    assert server.messages(account.primary_smtp_address, "drafts") == []
    (sent,) = server.messages(account.primary_smtp_address, "sentitems")
    assert sent["is_draft"] is False


def test_exchangelib_attaches_a_file_to_a_draft(server: EwsProcess, account: Account) -> None:
    to = [Recipient(email_address="bob3@fabrikam.example")]
    draft = Message(account=account, folder=account.drafts, subject="with a file", body="x", to_recipients=to)
    draft.save()
    draft.attach(FileAttachment(name="a.bin", content=bytes(range(256)), content_type="application/octet-stream"))

    draft.send(copy_to_folder=account.sent)

    (raw,) = server.outside("bob3@fabrikam.example")
    (part,) = [one for one in message_from_bytes(raw).walk() if one.get_filename() == "a.bin"]
    assert part.get_payload(decode=True) == bytes(range(256))


def test_exchangelib_makes_and_deletes_many_at_once(server: EwsProcess, account: Account) -> None:
    many = [Message(subject=f"bulk {number}", body="x") for number in range(5)]

    ids = account.bulk_create(folder=account.drafts, items=many)

    assert len({one.id for one in ids}) == 5
    assert all(one is True for one in account.bulk_delete(ids, delete_type="HardDelete"))
    assert server.messages(account.primary_smtp_address, "drafts") == []


def test_exchangelib_makes_and_deletes_an_inbox_rule(account: Account) -> None:
    forward = Actions(forward_as_attachment_to_recipients=[Address(email_address="forward@contoso.example")])
    rule = Rule(account=account, display_name="E-mail Router", priority=1, is_enabled=True, actions=forward)
    rule.conditions = Conditions(has_attachments=True)
    account.create_rule(rule)

    (made,) = account.rules
    assert (made.display_name, made.is_enabled) == ("E-mail Router", True)
    account.delete_rule(made)
    assert list(account.rules) == []
