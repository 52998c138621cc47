"""E-mails that a provider drafts first: one draft for ever, whatever becomes of an answer."""

from __future__ import annotations

import pytest

from email_router.core.activity import EmailStatus
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

    assert before is EmailStatus.DEFERRED
    assert status(office) is EmailStatus.SENT
    assert len(sender.sent) == 1
    assert len(sender.drafts) == 1


def test_it_is_not_asked_before_five_minutes_have_passed() -> None:
    office, sender = drafting(Lost.STAYED)
    office.send()

    office.clock.advance(240)
    office.send()

    assert status(office) is EmailStatus.DEFERRED
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


def test_other_providers_take_all_at_once() -> None:
    office = Office("smtp")
    for number in range(70):
        office.write(f"e{number}")

    assert office.collect() == 70
