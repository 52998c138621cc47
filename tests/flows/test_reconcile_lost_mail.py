"""What was lost in a mailbox is picked up once when it is compared, and handled like any message."""

from __future__ import annotations

from dataclasses import replace

from email_router.core.fetched import Wrapper
from email_router.core.flows.accounting import Fate
from email_router.core.flows.reconcile import PickedUp
from email_router.core.flows.route_mailbox import PassOutcome, PassSummary
from email_router.core.ledger import Outcome
from email_router.core.mailbox import Accept, AfterDelivery, Mailbox, MailboxKind
from email_router.core.message import Message
from email_router.core.parse import parse
from email_router.core.work import RECONCILE_NOW
from tests.flows.house import ANN, SALES, House, mail
from tests.flows.reconciling import fates, lose, proof_of, reconciled, with_hole


def test_a_message_that_the_listing_never_told_of_is_picked_up_and_named() -> None:
    house = with_hole(mail(2))
    lose(house, 0, mail(1))
    assert house.route().outcome is PassOutcome.IDLE

    proof = proof_of(house)

    assert proof.picked_up == (PickedUp("0", "<m1@fabrikam.example>", Outcome.DELIVERED),)
    assert {one.message_id for one in house.crm.activities.values()} == {
        "<m1@fabrikam.example>",
        "<m2@fabrikam.example>",
    }
    assert fates(house) == {Fate.DELIVERED: 2}


def test_what_is_picked_up_is_disposed_of_like_any_message() -> None:
    house = House(b"", mail(2), after_delivery=AfterDelivery.DELETE)
    house.source.messages[0] = None
    house.route()
    lose(house, 0, mail(1))

    proof_of(house)

    assert house.source.disposed == [("1", AfterDelivery.DELETE), ("0", AfterDelivery.DELETE)]
    assert proof_of(house).messages == 0


def test_what_was_delivered_since_the_last_time_and_lies_there_still_is_disposed_of_now() -> None:
    house = House(mail(1), after_delivery=AfterDelivery.DELETE)
    house.route()
    house.clock.advance(60)
    house.source.put(mail(2))
    house.route()
    house.source.messages[1] = mail(2)  # the server lost the deletion

    proof_of(house)

    assert house.source.messages == [None, None]


def test_mail_of_the_time_when_it_was_left_in_its_mailbox_is_not_swept_away_by_a_comparison() -> None:
    house = House(mail(1))
    house.route()
    house.clock.advance(60)
    proof_of(house)
    house.configure(after_delivery=AfterDelivery.DELETE)

    proof_of(house)

    assert house.source.disposed == []


def test_a_lost_message_that_nobody_wants_is_picked_up_once_and_is_unwanted_from_then_on() -> None:
    house = with_hole()
    lose(house, 0, mail(1, extra="Auto-Submitted: auto-replied\r\n"))

    assert [one.outcome for one in proof_of(house).picked_up] == [Outcome.IGNORED]
    assert fates(house) == {Fate.UNWANTED: 1}


def test_another_message_at_the_place_of_one_that_is_known_is_picked_up() -> None:
    house = House(mail(1))
    house.route()
    lose(house, 0, mail(2))

    assert [one.message_id for one in proof_of(house).picked_up] == ["<m2@fabrikam.example>"]


def test_another_message_under_a_known_id_is_picked_up_and_afterwards_known() -> None:
    house = with_hole(mail(1))
    lose(house, 0, mail(1, sender="mallory@evil.example", text="Something else"))

    assert [one.outcome for one in proof_of(house).picked_up] == [Outcome.DELIVERED]
    assert len(house.crm.activities) == 2
    again = proof_of(house)
    assert (again.picked_up, again.messages) == ((), 2)


def test_a_message_that_another_mailbox_made_an_activity_is_still_missing_here() -> None:
    house = with_hole()
    both = mail(1, to=f"{SALES}, {ANN}")
    house.configuration = replace(
        house.configuration,
        mailboxes=tuple(replace(box, accept=Accept.ALL) for box in house.configuration.mailboxes),
    )
    house.sources[ANN].put(both)
    house.route(ANN)
    lose(house, 0, both)

    assert [one.outcome for one in proof_of(house).picked_up] == [Outcome.DELIVERED]
    assert len(house.crm.activities) == 1
    assert (next(iter(house.ledger.claims)), SALES) in house.ledger.notes


def test_a_forward_mailbox_is_known_by_the_mails_within() -> None:
    house = House()
    forward = Mailbox(
        address="forward@contoso.example", kind=MailboxKind.FORWARD, incoming="in", after_delivery=AfterDelivery.LEAVE
    )
    trusted = Wrapper(sender=SALES, authenticated=True, evidence="test")
    source = house.add_mailbox(forward, mail(1), mail(2))
    source.wrappers = {0: trusted, 1: trusted}
    source.messages[0] = None
    house.route(forward.address)
    source.messages[0] = mail(1)

    picked_up = proof_of(house, forward.address).picked_up

    assert [one.message_id for one in picked_up] == ["<m1@fabrikam.example>"]
    assert {email.mailbox for email in house.crm.activities.values()} == {SALES}
    assert proof_of(house, forward.address).picked_up == ()


class Deadly(BaseException):
    """The end of a worker."""


def _deadly(raw: bytes) -> Message:
    if b"killer" in raw:
        raise Deadly
    return parse(raw)


def _killed(house: House, reason: str) -> PassSummary | None:
    try:
        return reconciled(house, reason=reason)
    except Deadly:
        house.clock.advance(400)
        return None


def test_a_lost_message_that_ends_its_worker_is_quarantined_unread_and_others_are_picked_up() -> None:
    house = with_hole(mail(3))
    house.source.messages += [None]
    house.route()
    house.parse = _deadly
    lose(house, 0, mail(1, subject="killer"))
    lose(house, 2, mail(2))

    summaries = [_killed(house, RECONCILE_NOW), *(_killed(house, "schedule") for _ in range(4))]

    assert summaries[0] is None
    assert [(one.source_id, one.reason) for one in house.quarantine.entries()] == [("0", "unreadable")]
    assert {one.message_id for one in house.crm.activities.values()} == {
        "<m2@fabrikam.example>",
        "<m3@fabrikam.example>",
    }
    assert fates(house) == {Fate.DELIVERED: 2, Fate.QUARANTINED: 1}


def test_a_message_that_was_quarantined_unread_and_discarded_is_not_read_again() -> None:
    house = House(mail(1, subject="killer"))
    house.parse = _deadly
    for _ in range(5):
        _killed(house, "schedule")
    (entry,) = house.quarantine.entries()
    house.quarantine.remove(entry.id)

    assert fates(house) == {Fate.QUARANTINED: 1}
