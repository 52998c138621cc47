"""Show that the simulator answers a client that nobody here wrote: exchangelib's own high-level interface."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from exchangelib import DELEGATE, UTC, Account, Build, Configuration, Credentials, FailFast, Message, Version  # type: ignore[import-untyped]
from exchangelib import Mailbox as Recipient
from exchangelib.protocol import BaseProtocol, close_connections  # type: ignore[import-untyped]
from requests.adapters import HTTPAdapter

from email_router.core.mailbox import Mailbox
from email_router.core.ports import Reach
from email_router.edge.rules.ews import EwsInboxRules
from tests.simulators.ews.process import PASSWORD, EwsProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = itertools.count(1)
RAW = b"From: ann@example.org\r\nSubject: hello\r\nMessage-ID: <1@example.org>\r\n\r\nbody\r\n"


@pytest.fixture
def account(server: EwsProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """A mailbox with one message, as exchangelib opens it."""
    address = f"peer{next(_NUMBERS)}@contoso.example"
    server.put(address, RAW)

    class Trusting(HTTPAdapter):
        def cert_verify(self, connection: object, url: str, verify: object, cert: object) -> None:
            super().cert_verify(connection, url, str(server.authority.ca), cert)  # type: ignore[arg-type]

    monkeypatch.setattr(BaseProtocol, "HTTP_ADAPTER_CLS", Trusting)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(server.authority.ca))
    configuration = Configuration(
        service_endpoint=f"{server.root}/EWS/Exchange.asmx",
        credentials=Credentials(address, PASSWORD),
        auth_type="basic",
        version=Version(Build(15, 1)),
        retry_policy=FailFast(),
    )
    yield Account(address, config=configuration, access_type=DELEGATE, default_timezone=UTC)
    close_connections()


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
