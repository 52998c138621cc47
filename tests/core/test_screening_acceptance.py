"""Who wants a mail?  The questions after matching."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.core.activity import Record
from email_router.core.ledger import Outcome
from email_router.core.mailbox import Accept
from email_router.core.message import Address, Message
from email_router.core.screening import ACCEPTANCE, screen
from tests.core.cases import ANN, BOB, ROUTER, SALES, accepting, case, mail, people
from tests.core.screened import CONTACT, MATCH, OUT, REPORT, accept


@pytest.mark.parametrize(
    ("option", "matched", "records", "answer"),
    [
        (Accept.ALL, False, (), ("delivered", "accept_all")),
        (Accept.ALL, True, (CONTACT,), ("delivered", "accept_all")),
        (Accept.REPLIES, True, (), ("delivered", "correlation_match")),
        (Accept.REPLIES, False, (CONTACT,), ("ignored", "no_correlation_match")),
        (Accept.CONTACTS, False, (CONTACT,), ("delivered", "sender_match")),
        (Accept.CONTACTS, False, (Record("lead", "l"),), ("delivered", "sender_match")),
        (Accept.CONTACTS, False, (Record("account", "a"),), ("delivered", "sender_match")),
        (Accept.CONTACTS, False, (Record("user", "u"),), ("ignored", "invalid_sender")),
        (Accept.CONTACTS, False, (), ("ignored", "invalid_sender")),
        (Accept.CONTACTS, True, (), ("ignored", "invalid_sender")),
        (Accept.RECORDS, False, (Record("queue", "q"),), ("delivered", "sender_match")),
        (Accept.RECORDS, False, (Record("user", "u"),), ("delivered", "sender_match")),
        (Accept.RECORDS, False, (), ("ignored", "invalid_sender")),
        (Accept.NONE, True, (CONTACT,), ("ignored", "no_recipient_match")),
    ],
)
def test_the_accept_option_decides(
    option: Accept, matched: bool, records: tuple[Record, ...], answer: tuple[str, str]
) -> None:
    one = replace(case(mailbox=accepting(SALES, option)), match=MATCH if matched else None, sender_records=records)

    assert accept(one) == answer


@pytest.mark.parametrize(
    "fields",
    [
        {"to": people(ANN.address, SALES.address)},
        {"to": people(ANN.address), "cc": people("SALES@contoso.example")},
        {"to": people(ANN.address), "bcc": people(SALES.address)},
        {"to": people(ANN.address, "info@contoso.example")},
        {"to": people(ANN.address), "delivered_to": (SALES.address,)},
    ],
)
def test_any_recipient_of_the_organisation_that_accepts_accepts(fields: dict[str, tuple[Address, ...]]) -> None:
    one = case(mail(**fields), mailbox=accepting(ANN, Accept.NONE), boxes=[accepting(SALES, Accept.ALL)])  # type: ignore[arg-type]  # a parametrized TypedDict

    assert accept(one) == ("delivered", "accept_all")


def test_mail_by_bcc_or_list_is_judged_by_the_mailbox_it_came_to() -> None:
    one = case(mail(to=people("list@elsewhere.example")), mailbox=accepting(SALES, Accept.ALL))

    assert accept(one) == ("delivered", "accept_all")


def test_a_recipient_that_is_not_approved_or_a_forward_mailbox_has_no_say() -> None:
    everything = mail(to=people(SALES.address, ROUTER.address))
    unapproved = replace(SALES, accept=Accept.ALL, approved=False)

    one = case(everything, mailbox=accepting(ANN, Accept.NONE), boxes=[unapproved, accepting(ROUTER, Accept.ALL)])

    assert accept(one) == ("ignored", "no_recipient_match")


def test_the_mailbox_that_is_judged_is_named_before_the_others() -> None:
    both = mail(to=people(SALES.address, ANN.address, BOB.address))
    boxes = [accepting(SALES, Accept.ALL), accepting(BOB, Accept.ALL)]

    verdict = screen(case(both, mailbox=accepting(ANN, Accept.ALL), boxes=boxes), ACCEPTANCE).verdict

    assert verdict is not None
    assert verdict.evidence == "ann@contoso.example accepts all mail"


@pytest.mark.parametrize(
    "message",
    [
        mail(subject="Re: CRM:0009999"),
        mail(in_reply_to="<lost@x>"),
        mail(references=("<lost@x>",)),
        mail(in_reply_to="<x@x>", author=None),
    ],
)
@pytest.mark.parametrize("option", [Accept.REPLIES, Accept.CONTACTS, Accept.RECORDS])
def test_a_reply_that_leads_nowhere_tells_more_than_its_sender(message: Message, option: Accept) -> None:
    assert accept(case(message, mailbox=accepting(SALES, option))) == ("ignored", "no_correlation_match")


@pytest.mark.parametrize("option", [Accept.REPLIES, Accept.CONTACTS, Accept.RECORDS])
def test_a_from_in_doubt_is_an_invalid_sender_and_never_a_contact(option: Accept) -> None:
    one = replace(case(mail(author=None), mailbox=accepting(SALES, option)), sender_records=(CONTACT,))

    assert accept(one) == ("ignored", "invalid_sender")


def test_a_from_in_doubt_comes_in_where_everything_does() -> None:
    assert accept(case(mail(author=None), mailbox=accepting(SALES, Accept.ALL))) == ("delivered", "accept_all")


def test_a_report_about_a_known_email_is_a_response_to_it() -> None:
    one = replace(case(mail(delivery_report=REPORT), mailbox=accepting(SALES, Accept.REPLIES)), reported=OUT)

    assert accept(one) == ("delivered", "correlation_match")


@pytest.mark.parametrize(("option", "records"), [(Accept.ALL, ()), (Accept.CONTACTS, (CONTACT,))])
def test_a_mail_over_the_limit_comes_in_as_that(option: Accept, records: tuple[Record, ...]) -> None:
    one = replace(case(mailbox=accepting(SALES, option)), sender_records=records)
    large = replace(one, fetched=replace(one.fetched, complete=False, size=99_000_000))

    verdict = screen(large, ACCEPTANCE).verdict

    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (Outcome.DELIVERED, "over_limit")
    assert "99000000 bytes" in verdict.evidence


def test_a_mail_over_the_limit_that_nobody_wants_stays_out() -> None:
    one = case(mailbox=accepting(SALES, Accept.REPLIES))

    assert accept(replace(one, fetched=replace(one.fetched, complete=False))) == ("ignored", "no_correlation_match")
