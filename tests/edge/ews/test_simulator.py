"""Show that the simulator answers a client that nobody here wrote: exchangelib's own high-level interface."""

from __future__ import annotations

from exchangelib import Account, Message  # type: ignore[import-untyped]
from exchangelib import Mailbox as Recipient

from email_router.core.mailbox import Mailbox
from email_router.core.ports import Reach
from email_router.edge.rules.ews import EwsInboxRules
from tests.edge.ews.reading import RAW
from tests.simulators.ews.process import PASSWORD, EwsProcess


def test_exchangelib_reads_and_disposes_of_messages(account: Account) -> None:
    (message,) = account.inbox.all().only("subject", "mime_content", "is_read", "size")
    assert (message.subject, message.mime_content, message.size) == ("hello", RAW, len(RAW))

    message.is_read = True
    message.save(update_fields=["is_read"])
    assert next(iter(account.inbox.all().only("is_read"))).is_read
    message.move(account.trash)

    assert account.inbox.all().count() == 0


def test_exchangelib_syncs_a_folder(account: Account) -> None:
    ((kind, item),) = list(account.inbox.sync_items(only_fields=["subject"]))

    assert (kind, item.subject) == ("create", "hello")
    state = account.inbox.item_sync_state
    assert list(account.inbox.sync_items(sync_state=state, only_fields=["subject"])) == []


def test_exchangelib_sends_a_message(server: EwsProcess, account: Account) -> None:
    to = [Recipient(email_address="bob@fabrikam.example")]
    Message(account=account, folder=account.sent, subject="from a peer", body="x", to_recipients=to).send_and_save()

    assert any(b"Subject: from a peer" in raw for raw in server.outside("bob@fabrikam.example"))
    assert len(server.messages(account.primary_smtp_address, "sentitems")) == 1


def test_exchangelib_reads_the_inbox_rule_that_the_router_made_and_deletes_it(
    server: EwsProcess, account: Account
) -> None:
    address = account.primary_smtp_address
    rules = EwsInboxRules(server.profile(), Mailbox(address=address), PASSWORD, Reach(loopback=True))
    rules.make("E-mail Router: contoso", "forward@contoso.example")

    (found,) = account.rules
    assert (found.display_name, found.priority, found.is_enabled) == ("E-mail Router: contoso", 1, True)
    (forwarded,) = found.actions.forward_as_attachment_to_recipients
    assert forwarded.email_address == "forward@contoso.example"

    account.delete_rule(found)
    assert rules.all().rules == ()
    rules.close()
