"""What the CRM asks of an e-mail beyond its text: when it leaves, how important it is, what its sender is to be told."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes

from email_router.core.activity import EmailStatus
from email_router.core.sending import SendOutcome, SendResult
from tests.flows.house import NOW, SALES
from tests.flows.office import Office

THROTTLED = SendResult(
    outcome=SendOutcome.DEFERRED, evidence="Daily message quota exceeded", after=3600, uncounted=True
)


def test_an_e_mail_for_later_leaves_when_it_is_due_and_not_before() -> None:
    office = Office()
    office.write(due=NOW + timedelta(hours=8))
    office.clock.advance(8 * 3600 - 1)
    early = office.collect()
    office.clock.advance(1)

    due = office.collect()
    office.send()

    assert (early, due) == (0, 1)
    assert office.crm.activities["e1"].status is EmailStatus.SENT


def test_an_e_mail_for_later_that_is_cancelled_meanwhile_never_leaves() -> None:
    office = Office()
    office.write(due=NOW + timedelta(hours=8))
    office.crm.cancel("e1")
    office.clock.advance(9 * 3600)

    assert office.collect() == 0
    assert office.sender.sent == []


def test_importance_and_receipts_are_asked_for_and_by_nobody_else() -> None:
    office = Office()
    office.write(importance="high", read_receipt=True, delivery_receipt=True)
    office.write("e2")

    office.send("e1", "e2")

    (envelope, raw), (plain_envelope, plain) = office.sender.sent
    asked, not_asked = message_from_bytes(raw), message_from_bytes(plain)
    assert (asked["Importance"], asked["Disposition-Notification-To"]) == ("high", SALES)
    assert (not_asked["Importance"], not_asked["Disposition-Notification-To"]) == (None, None)
    assert (envelope.delivery_receipt, plain_envelope.delivery_receipt) == (True, False)


def test_what_the_provider_throttles_waits_as_long_as_it_takes_and_counts_as_no_attempt() -> None:
    office = Office(server="ses")
    office.write()
    office.sender.answers = [THROTTLED] * 30

    for _ in range(31):
        office.collect()
        orders, office.queues.outgoing = office.queues.outgoing, []
        for order in orders:
            office.carry_out(order)
        office.clock.advance(3700)

    state = office.outgoing.get("e1")
    assert state is not None
    assert (state.status, state.attempts) == (EmailStatus.SENT, 1)
    assert len(office.sender.sent) == 31
    assert len(state.history) <= 51
