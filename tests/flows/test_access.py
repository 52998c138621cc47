"""What a test of access sees, and that it changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.fetched import Fetched, Listed
from email_router.core.flows.access import SUBJECT, read, send_to_itself
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.ledger import Outcome
from email_router.core.mailbox import AutomaticMail
from email_router.core.parse import parse
from tests.flows.house import NOW, SALES, House, mail
from tests.memory.sender import MemorySender
from tests.memory.source import MemorySource


@pytest.mark.parametrize(
    ("count", "seen"),
    [
        (0, "logged in; no message in the folder"),
        (1, "logged in; 1 message, the first can be read"),
        (3, "logged in; 3 messages, the first can be read"),
        (30, "logged in; 25 or more messages, the first can be read"),
    ],
)
def test_what_lies_in_the_folder_is_told(count: int, seen: str) -> None:
    source = MemorySource(*(mail(number) for number in range(count)))

    assert read(source) == seen
    assert (source.disposed, source.aside) == ([], [])


def test_a_message_that_cannot_be_read_is_the_mailboxs_error() -> None:
    class Unreadable(MemorySource):
        def fetch(self, listed: Sequence[Listed], limit: int) -> Iterator[Fetched]:
            raise MailboxBlocked("no right to read", kind="access_denied")

    with pytest.raises(MailboxBlocked, match="no right to read"):
        read(Unreadable(mail()))


def test_the_test_mail_goes_from_the_mailbox_to_itself() -> None:
    sender = MemorySender()

    send_to_itself(sender, "contoso", SALES, "test-1", NOW)

    ((envelope, composed),) = sender.sent
    assert (envelope.sender, envelope.recipients) == (SALES, (SALES,))
    message = parse(composed)
    assert (message.subject, message.message_id) == (SUBJECT, f"<test-1@{SALES.partition('@')[2]}>")
    assert message.author is not None
    assert message.author.address == SALES


@pytest.mark.parametrize("auto_reply", list(AutomaticMail))
def test_no_activity_is_made_of_the_test_mail_when_it_is_fetched(auto_reply: AutomaticMail) -> None:
    sender = MemorySender()
    send_to_itself(sender, "contoso", SALES, "test-1", NOW)
    house = House(sender.sent[0][1], auto_reply=auto_reply)

    assert house.route().outcome is PassOutcome.ROUTED
    assert house.crm.activities == {}
    (trace,) = house.ledger.traces_since(NOW.replace(year=2000))
    assert trace.outcome is Outcome.IGNORED
