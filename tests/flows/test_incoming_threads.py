"""A message that comes in becomes an activity with its parties, tied to the e-mail that it continues."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from email_router.core.activity import CorrelationMethod, Record
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.ledger import KnownEmail, Link, LinkKind, Outcome
from email_router.core.mailbox import Accept, AfterDelivery
from email_router.core.settings import Tracking
from email_router.core.smart_hash import participants
from tests.flows.house import ANN, NOW, SALES, House, mail


def test_a_message_becomes_an_activity_with_its_parties_and_receipt() -> None:
    house = House(mail(1))
    house.crm.add_record("erin@fabrikam.example", Record("contact", "c1", "Erin", ANN))

    summary = house.route()

    (email,) = house.crm.activities.values()
    assert summary.outcome is PassOutcome.ROUTED
    assert email.subject == "An order"
    assert [(party.address, party.record.id if party.record else None) for party in email.parties] == [
        ("erin@fabrikam.example", "c1"),
        (SALES, None),
    ]
    assert [one.outcome for one in house.ledger.receipts(next(iter(house.ledger.claims)))] == [Outcome.DELIVERED]


def test_an_answer_fetched_in_one_page_with_its_parent_finds_it_and_takes_its_regarding() -> None:
    house = House(mail(1), mail(2, extra="In-Reply-To: <m1@fabrikam.example>\r\n"))

    house.route()

    parent, answer = sorted(house.crm.activities.values(), key=lambda one: one.message_id or "")
    assert answer.correlated == parent.id
    assert answer.correlation_method is CorrelationMethod.IN_REPLY_TO


def test_a_reply_takes_over_what_the_matched_e_mail_is_about() -> None:
    house = House(mail(1))
    house.route()
    (parent,) = house.crm.activities.values()
    account = Record("account", "a1", "Fabrikam")
    house.crm.activities[parent.id] = replace(parent, regarding=account)
    house.source.put(mail(2, extra="In-Reply-To: <m1@fabrikam.example>\r\n"))

    house.route()

    answer = next(one for one in house.crm.activities.values() if one.id != parent.id)
    assert answer.regarding == account


def test_a_token_finds_the_thread_after_the_headers_were_lost() -> None:
    house = House(mail(3, subject="Re: Offer CRM:0001001"), accept=Accept.REPLIES)
    known = KnownEmail(
        activity="sent-1", participants=participants(["erin@fabrikam.example", SALES]), at=NOW, token="CRM:0001001"
    )
    house.ledger.link([Link(LinkKind.TOKEN, "CRM:0001001", known)])

    house.route()

    (answer,) = house.crm.activities.values()
    assert (answer.correlation_method, answer.correlated) == (CorrelationMethod.TRACKING_TOKEN, "sent-1")
    assert answer.tracking_token == "CRM:0001001"


def test_smart_matching_finds_an_e_mail_of_the_same_words_and_people() -> None:
    house = House(mail(1, subject="Quarterly figures"), mail(2, subject="AW: quarterly figures"))
    house.configure(tracking=Tracking(smart_matching=True))

    house.route()

    answer = next(one for one in house.crm.activities.values() if one.message_id == "<m2@fabrikam.example>")
    assert answer.correlation_method is CorrelationMethod.SMART_MATCHING


def test_what_nobody_wants_leaves_a_receipt_and_no_activity() -> None:
    house = House(mail(1), accept=Accept.REPLIES, after_delivery=AfterDelivery.DELETE)

    house.route()

    assert house.crm.activities == {}
    ((_, receipt),) = house.ledger.notes.items()
    assert (receipt.outcome, receipt.reason) == (Outcome.IGNORED, "no_correlation_match")
    assert house.source.disposed == []


@pytest.mark.parametrize("boxes", [(SALES, ANN), (ANN, SALES)])
def test_a_further_copy_continues_what_the_first_one_continues_and_not_itself(boxes: tuple[str, str]) -> None:
    people = f"{SALES}, {ANN}"
    index = base64.b64encode(b"\x01" + bytes(range(21))).decode()
    thread = f"Thread-Index: {index}\r\n"
    house = House(mail(1, to=people, subject="Figures", extra=thread))
    house.configure(tracking=Tracking(smart_matching=True))
    house.route(SALES)
    (parent,) = house.crm.activities
    raw = mail(2, to=people, subject="Re: Figures", extra=thread)
    for box in boxes:
        house.sources[box].put(raw)
        house.route(box)

    (key,) = (claim.key for claim in house.ledger.claims.values() if claim.activity != parent)
    traces = house.ledger.traces(key)
    assert [(one.method, one.correlated) for one in traces] == [("conversation_index", parent)] * 2
