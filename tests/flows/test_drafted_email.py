"""E-mails that a provider drafts first: one draft for ever, whatever becomes of an answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.errors import TryLater
from email_router.core.sending import SendOutcome, SendResult
from tests.fakes import fail
from tests.flows.office import Office
from tests.memory.sender import Lost, MemoryDraftingSender


def drafting(*losing: Lost) -> tuple[Office, MemoryDraftingSender]:
    office = Office("exchange-online")
    office.sender = sender = MemoryDraftingSender()
    sender.losing = list(losing)
    office.write()
    return office, sender


def status(office: Office, name: str = "e1") -> EmailStatus:
    return office.crm.activities[name].status


def test_the_draft_is_kept_before_the_mail_leaves() -> None:
    office, sender = drafting()

    office.send()

    state = office.outgoing.get("e1")
    assert state is not None
    assert state.draft in sender.left
    assert [envelope.draft for envelope, _ in sender.sent] == [state.draft]


@pytest.mark.parametrize("losing", [[Lost.LEFT], [Lost.STAYED], [Lost.STAYED, Lost.STAYED, Lost.LEFT]])
def test_a_lost_answer_is_settled_by_the_draft_and_the_mail_leaves_once(losing: list[Lost]) -> None:
    office, sender = drafting(*losing)

    office.send()
    before = status(office)
    for _ in losing:
        office.clock.advance(2_000)
        office.send()

    assert before is EmailStatus.SENDING
    assert status(office) is EmailStatus.SENT
    assert len(sender.sent) == 1
    assert len(sender.drafts) == 1


def test_it_is_not_asked_before_five_minutes_have_passed() -> None:
    office, sender = drafting(Lost.STAYED)
    office.send()

    office.clock.advance(240)
    office.send()

    assert status(office) is EmailStatus.SENDING
    assert sender.sent == []


def test_after_the_last_attempt_a_lost_answer_stays_unknown_for_a_person() -> None:
    office, sender = drafting(*[Lost.STAYED] * 20)

    for _ in range(14):
        office.send()
        office.clock.advance(4_000)

    state = office.outgoing.get("e1")
    assert state is not None
    assert (state.status, state.attempts) == (EmailStatus.UNKNOWN, 10)
    assert status(office) is EmailStatus.UNKNOWN
    assert sender.sent == []


def cancel_elsewhere(office: Office) -> None:
    """Let the CRM cancel an e-mail that it calls sending, as another CRM than ours may."""
    office.crm.activities["e1"] = replace(office.crm.activities["e1"], status=EmailStatus.CANCELLED)


def test_an_email_that_may_have_left_cannot_be_cancelled_in_our_crm() -> None:
    office, _ = drafting(Lost.LEFT)
    office.send()

    assert office.crm.cancel("e1") is False
    office.clock.advance(2_000)
    office.send()

    assert status(office) is EmailStatus.SENT


@pytest.mark.parametrize(
    ("lost", "ends", "withdrawn"), [(Lost.LEFT, EmailStatus.SENT, 0), (Lost.STAYED, EmailStatus.CANCELLED, 1)]
)
def test_of_a_cancelled_email_the_provider_is_asked_whether_it_left(
    lost: Lost, ends: EmailStatus, withdrawn: int
) -> None:
    office, sender = drafting(lost)
    office.send()
    cancel_elsewhere(office)

    office.send()

    state = office.outgoing.get("e1")
    assert state is not None
    assert state.status is ends
    assert len(sender.withdrawn) == withdrawn


def test_a_cancelled_email_whose_provider_is_away_is_asked_after_again() -> None:
    office, sender = drafting(Lost.LEFT)
    office.send()
    cancel_elsewhere(office)
    fail(sender, "withdraw", TryLater("Exchange Online is away"))
    with pytest.raises(TryLater):
        office.send()

    office.send()

    state = office.outgoing.get("e1")
    assert state is not None
    assert state.status is EmailStatus.SENT


def test_the_draft_of_a_cancelled_email_of_which_nobody_can_tell_leaves_it_unknown() -> None:
    office, sender = drafting(Lost.LEFT)
    office.send()
    cancel_elsewhere(office)
    nowhere = SendResult(outcome=SendOutcome.UNKNOWN, evidence="it is nowhere")
    sender.withdraw = lambda envelope: nowhere  # type: ignore[method-assign]  # a provider that cannot tell

    office.send()

    state = office.outgoing.get("e1")
    assert state is not None
    assert (state.status, state.reason) == (EmailStatus.UNKNOWN, "cancelled, but it is nowhere")


def test_the_draft_of_a_refused_email_is_removed() -> None:
    office, sender = drafting()
    refusal = SendResult(outcome=SendOutcome.REFUSED, evidence="no right to send")
    sender.send = lambda envelope, composed: refusal  # type: ignore[method-assign]  # a provider that refuses

    office.send()

    assert status(office) is EmailStatus.FAILED
    assert len(sender.withdrawn) == 1


def test_the_draft_of_an_email_that_is_given_up_is_removed() -> None:
    office, sender = drafting()
    slow = SendResult(outcome=SendOutcome.DEFERRED, evidence="throttled")
    sender.send = lambda envelope, composed: slow  # type: ignore[method-assign]  # a provider that is always busy

    for _ in range(11):
        office.send()
        office.clock.advance(4_000)

    assert status(office) is EmailStatus.FAILED
    assert len(sender.withdrawn) == 1


def test_a_draft_that_cannot_be_removed_is_told_in_the_reason() -> None:
    office, sender = drafting()
    refusal = SendResult(outcome=SendOutcome.REFUSED, evidence="no right to send")
    sender.send = lambda envelope, composed: refusal  # type: ignore[method-assign]  # a provider that refuses
    fail(sender, "withdraw", TryLater("Exchange Online is away"))

    office.send()

    assert status(office) is EmailStatus.FAILED
    assert "its draft could not be removed: Exchange Online is away" in (office.crm.activities["e1"].reason or "")


def test_seventy_emails_of_one_mailbox_leave_thirty_a_minute() -> None:
    office = Office("exchange-online")
    for number in range(70):
        office.write(f"e{number}")

    first = office.collect()
    at_once = office.collect()
    office.clock.advance(61)
    second = office.collect()
    office.clock.advance(61)
    third = office.collect()

    assert (first, at_once, second, third) == (30, 0, 30, 10)
    assert [len(order.activities) for order in office.queues.outgoing] == [30, 30, 10]


def test_thirty_of_seventy_emails_leave_in_any_minute() -> None:
    office = Office("exchange-online")
    office.sender = sender = MemoryDraftingSender()
    for number in range(70):
        office.write(f"e{number}")
    gone: list[int] = []

    for _ in range(3):
        office.collect()
        for order in office.queues.outgoing[len(gone) :]:
            office.carry_out(order)
        gone.append(len(sender.sent))
        office.clock.advance(61)

    assert gone == [30, 60, 70]


def test_other_providers_take_all_at_once() -> None:
    office = Office("smtp")
    for number in range(70):
        office.write(f"e{number}")

    assert office.collect() == 70
