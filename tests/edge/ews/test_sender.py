"""The EWS sender beside what every sender promises: one draft for ever, and what became of a send that was not answered."""

from __future__ import annotations

import itertools
import tracemalloc
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.mailbox import Direction, Mailbox
from email_router.core.ports import DraftingSender, Reach
from email_router.core.sending import Envelope, SendOutcome
from email_router.edge.connect.drafting import SETTLES_AFTER
from email_router.edge.connect.https import AnswerLost
from email_router.edge.senders.ews import EwsSender
from tests.lying import lying
from tests.simulators.ews.process import PASSWORD, EwsProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS = itertools.count(1)
RECIPIENT = "ann@fabrikam.example"


@pytest.fixture
def address(server: EwsProcess) -> str:
    """A new mailbox that mail is sent from."""
    found = f"sender{next(_NUMBERS)}@contoso.example"
    server.control("mailbox", {"address": found})
    return found


@pytest.fixture
def envelope(address: str) -> Envelope:
    """An e-mail to RECIPIENT."""
    number = next(_NUMBERS)
    return Envelope(
        organisation="contoso",
        activity=f"activity-{number}",
        sender=address,
        recipients=(RECIPIENT,),
        message_id=f"<{number}@contoso.example>",
    )


@pytest.fixture
def sender(server: EwsProcess, address: str) -> Iterator[EwsSender]:
    """The way out of the mailbox."""
    with closing(opened(server, address)) as found:
        yield found


def opened(server: EwsProcess, address: str) -> EwsSender:
    """Open it, as a worker would that knows nothing of another's."""
    profile = server.profile(direction=Direction.OUTGOING)
    return EwsSender(profile, Mailbox(address=address), PASSWORD, Reach(loopback=True))


def mail(envelope: Envelope) -> bytes:
    """A mail of the envelope."""
    head = f"From: {envelope.sender}\r\nTo: {RECIPIENT}\r\nSubject: x\r\nMessage-ID: {envelope.message_id}\r\n"
    return head.encode() + b"\r\nhello\r\n"


def left(server: EwsProcess, envelope: Envelope) -> int:
    """How often the e-mail left."""
    return sum(envelope.message_id.encode() in raw for raw in server.outside(RECIPIENT))


def test_it_is_a_sender_that_drafts(sender: EwsSender) -> None:
    drafting: DraftingSender = sender

    assert callable(drafting.draft)


def test_a_draft_bears_its_email_and_is_sent_into_sent_items(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    draft = sender.draft(envelope, mail(envelope))
    (waiting,) = server.messages(envelope.sender)
    assert (waiting["folder"], waiting["is_draft"]) == ("drafts", True)
    assert waiting["properties"] == {"EmailRouterActivity": f"contoso/{envelope.activity}"}
    assert left(server, envelope) == 0

    result = sender.send(replace(envelope, draft=draft), mail(envelope))

    assert result.outcome is SendOutcome.ACCEPTED
    assert left(server, envelope) == 1
    assert [one["folder"] for one in server.messages(envelope.sender)] == ["sentitems"]


def test_a_delivery_receipt_is_asked_of_exchange_where_the_email_wants_one(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    server.control("clear", {})

    sender.draft(replace(envelope, delivery_receipt=True), mail(envelope))
    sender.draft(replace(envelope, activity="other"), mail(envelope))

    asked = ["<t:IsDeliveryReceiptRequested>true<" in row["request"] for row in server.requests("<m:CreateItem")]
    assert asked == [True, False]


def test_a_mail_that_is_not_held_arrives_whole_in_the_memory_of_a_few_pieces(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    head = mail(envelope)
    large = head + b"a line of a large mail, which is read in pieces\r\n" * 90_000 + b"."
    sender.draft(replace(envelope, activity="small"), head)  # what logging in takes is no matter of the mail's size
    tracemalloc.start()
    try:
        draft = sender.draft(envelope, lying(large))
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    result = sender.send(replace(envelope, draft=draft), lying(large))

    print(f"held: {held / len(large):.2f} times the mail")
    assert result.outcome is SendOutcome.ACCEPTED
    assert large in server.outside(RECIPIENT)
    assert held < 0.5 * len(large)


def test_a_send_without_an_answer_is_found_in_sent_items_and_not_made_twice(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    kept = replace(envelope, draft=sender.draft(envelope, mail(envelope)))
    server.fault("<m:SendItem", "lose_answer")

    unknown = sender.send(kept, mail(envelope))
    settled = opened(server, envelope.sender).send(replace(kept, attempt=2), mail(envelope))

    assert (unknown.outcome, unknown.after) == (SendOutcome.UNKNOWN, SETTLES_AFTER)
    assert settled.outcome is SendOutcome.ACCEPTED
    assert left(server, envelope) == 1


def test_a_draft_that_still_waits_is_sent(server: EwsProcess, sender: EwsSender, envelope: Envelope) -> None:
    kept = replace(envelope, draft=sender.draft(envelope, mail(envelope)))
    server.fault("<m:SendItem", "close")
    assert sender.send(kept, mail(envelope)).outcome is SendOutcome.UNKNOWN
    assert left(server, envelope) == 0

    result = opened(server, envelope.sender).send(replace(kept, attempt=2), mail(envelope))

    assert result.outcome is SendOutcome.ACCEPTED
    assert left(server, envelope) == 1


def sent_before(server: EwsProcess, sender: EwsSender, envelope: Envelope, seconds: int) -> Envelope:
    """Send it, let so many seconds go by, and draft it anew, as after `outgoing retry`."""
    sender.send(replace(envelope, draft=sender.draft(envelope, mail(envelope))), mail(envelope))
    server.control("age", {"mailbox": envelope.sender, "seconds": seconds})
    anew = replace(envelope, attempt=2)
    return replace(anew, draft=sender.draft(anew, mail(envelope)))


def test_what_left_before_it_was_sent_anew_proves_nothing_of_the_new_draft(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    kept = sent_before(server, sender, envelope, 3600)
    server.fault("<m:SendItem", "close")
    assert sender.send(kept, mail(envelope)).outcome is SendOutcome.UNKNOWN
    assert left(server, envelope) == 1

    results = [opened(server, envelope.sender).send(replace(kept, attempt=n), mail(envelope)) for n in (3, 4)]

    assert [one.outcome for one in results] == [SendOutcome.ACCEPTED] * 2
    assert left(server, envelope) == 2


def test_a_copy_about_as_old_as_the_draft_counts_as_sent_and_nothing_goes_twice(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    kept = sent_before(server, sender, envelope, 240)

    result = opened(server, envelope.sender).send(kept, mail(envelope))

    assert (result.outcome, result.evidence) == (SendOutcome.ACCEPTED, "found in Sent Items")
    assert left(server, envelope) == 1


def test_the_new_draft_of_an_e_mail_that_left_before_is_withdrawn(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    kept = sent_before(server, sender, envelope, 3600)

    told = opened(server, envelope.sender).withdraw(kept)

    assert told is None
    assert sorted(one["folder"] for one in server.messages(envelope.sender)) == ["deleteditems", "sentitems"]


def test_a_draft_that_somebody_deleted_is_never_sent_again(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    draft = sender.draft(envelope, mail(envelope))
    server.control("move", {"mailbox": envelope.sender, "id": draft, "folder": "deleteditems"})

    result = opened(server, envelope.sender).send(replace(envelope, draft=draft), mail(envelope))

    assert (result.outcome, result.after) == (SendOutcome.UNKNOWN, 0)
    assert left(server, envelope) == 0


def test_one_that_waits_in_the_outbox_is_asked_after_again_and_not_sent_twice(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    draft = sender.draft(envelope, mail(envelope))
    server.control("move", {"mailbox": envelope.sender, "id": draft, "folder": "outbox"})
    kept = replace(envelope, draft=draft, attempt=2)

    told = [opened(server, envelope.sender).send(kept, mail(envelope)), sender.withdraw(kept)]

    assert [one and (one.outcome, one.after) for one in told] == [(SendOutcome.UNKNOWN, SETTLES_AFTER)] * 2
    assert left(server, envelope) == 0


def test_a_draft_whose_answer_was_lost_is_removed_by_the_next_attempt(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    server.fault("<m:CreateItem", "lose_answer")
    with pytest.raises(AnswerLost):
        sender.draft(envelope, mail(envelope))
    assert len(server.messages(envelope.sender, "drafts")) == 1

    again = replace(envelope, attempt=2)
    result = sender.send(replace(again, draft=sender.draft(again, mail(envelope))), mail(envelope))

    assert result.outcome is SendOutcome.ACCEPTED
    assert left(server, envelope) == 1
    assert server.messages(envelope.sender, "drafts") == []


@pytest.mark.parametrize("code", ["ErrorInvalidRecipients", "ErrorMessageSizeExceeded"])
def test_a_mail_that_the_server_refuses_is_refused(
    server: EwsProcess, sender: EwsSender, envelope: Envelope, code: str
) -> None:
    server.fault("<m:SendItem", "code", code=code)

    result = sender.send(envelope, mail(envelope))

    assert result.outcome is SendOutcome.REFUSED
    assert code in result.evidence


def test_trouble_that_is_certain_to_have_sent_nothing_is_raised(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    server.fault("<m:SendItem", "code", code="ErrorServerBusy", values={"BackOffMilliseconds": "5000"})
    with pytest.raises(TryLater) as later:
        sender.send(envelope, mail(envelope))
    server.fault("<m:SendItem", "code", code="ErrorSendAsDenied")
    with pytest.raises(MailboxBlocked) as blocked:
        sender.send(envelope, mail(envelope))

    assert later.value.after == 5
    assert blocked.value.kind == "access_denied"
    assert left(server, envelope) == 0


def test_an_internal_error_after_a_send_is_no_promise(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    server.fault("<m:SendItem", "status", status=504)

    assert sender.send(envelope, mail(envelope)).outcome is SendOutcome.UNKNOWN


def test_a_draft_that_has_not_left_is_withdrawn_and_again_without_harm(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    kept = replace(envelope, draft=sender.draft(envelope, mail(envelope)))

    told = [opened(server, envelope.sender).withdraw(kept) for _ in range(2)]

    assert told == [None, None]
    assert [one["folder"] for one in server.messages(envelope.sender)] == ["deleteditems"]
    assert left(server, envelope) == 0


def test_one_that_has_left_is_not_withdrawn_wherever_it_lies(
    server: EwsProcess, sender: EwsSender, envelope: Envelope
) -> None:
    kept = replace(envelope, draft=sender.draft(envelope, mail(envelope)))
    server.fault("<m:SendItem", "lose_answer")
    sender.send(kept, mail(envelope))
    in_sent_items = opened(server, envelope.sender).withdraw(kept)
    (sent,) = server.messages(envelope.sender)
    server.control("move", {"mailbox": envelope.sender, "id": sent["id"], "folder": "deleteditems"})

    deleted = opened(server, envelope.sender).withdraw(kept)

    assert in_sent_items is not None
    assert deleted is not None
    assert {in_sent_items.outcome, deleted.outcome} == {SendOutcome.ACCEPTED}


def test_of_a_draft_that_is_nowhere_nobody_can_tell(server: EwsProcess, sender: EwsSender, envelope: Envelope) -> None:
    told = sender.withdraw(replace(envelope, draft="AAMkGone="))

    assert told is not None
    assert (told.outcome, told.after) == (SendOutcome.UNKNOWN, 0)
    assert sender.withdraw(envelope) is None
