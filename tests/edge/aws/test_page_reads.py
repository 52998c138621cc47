"""Count what the whole incoming road reads from the stores for a page of mail: it does not grow with messages, nor with the history."""

from __future__ import annotations

import base64
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from email_router.core.fetched import Fetched, Wrapper
from email_router.core.flows.decide import Judge
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.mailbox import Accept, Mailbox
from email_router.core.parse import parse
from email_router.core.settings import Tracking
from email_router.core.smart_hash import participants, subject_hash
from tests.aws_meter import billed
from tests.cloud import Place, aws_stores
from tests.flows.house import NOW, House, mail

PAGE = 25
_READS = ("BatchGetItem", "GetItem", "Query")
_OF_THE_PASS = Counter({"GetItem": 1, "Query": 1})
"""The mailbox's state at the beginning, its next retry at the end."""


def reply(number: int, *, apart: bool = False) -> bytes:
    """Return a reply with In-Reply-To, eight References, a tracking token and a Thread-Index; `apart`: In-Reply-To is none of them."""
    references = [f"<m{number}-{one}@contoso.example>" for one in range(8)]
    answered = f"<other{number}@contoso.example>" if apart else references[-1]
    index = base64.b64encode(number.to_bytes(22, "big") + b"reply").decode()
    extra = f"In-Reply-To: {answered}\r\nReferences: {' '.join(references)}\r\nThread-Index: {index}\r\n"
    return mail(number, sender=f"erin{number}@fabrikam.example", subject=f"Re: Order CRM:0001{number:03d}", extra=extra)


def house_in(place: Place, *messages: bytes, tracking: Tracking | None = None) -> House:
    """Return the road over the real stores."""
    house, stores = House(*messages), aws_stores(place)
    for name in ("states", "ledger", "crm", "quarantine", "outgoing", "blobs"):
        setattr(house, name, getattr(stores, name))
    house.configure(tracking=tracking or Tracking())
    return house


def reads_of(house: House, place: Place) -> Counter[str]:
    """Serve the mailbox; return what was read for its messages, by operation."""
    with billed(place.clients.dynamodb) as bill:
        summary = house.route()

    assert (summary.handled, summary.error) == (len(house.source.messages), None)
    return Counter({name: bill.calls[name] for name in _READS}) - _OF_THE_PASS


def sent(number: int, subject: str = "", **fields: Any) -> list[Link]:
    """Return the ways back to an e-mail that reply `number` answers."""
    email = KnownEmail(activity=f"sent{number}", at=NOW - timedelta(days=1), **fields)
    links = [Link(LinkKind.MESSAGE_ID, f"<m{number}-7@contoso.example>", email)]
    return links + [Link(LinkKind.SUBJECT, subject, email)] * bool(subject)


def test_a_page_of_25_replies_takes_five_reads(moto_place: Place) -> None:
    house = house_in(moto_place, *(reply(number) for number in range(PAGE)))
    house.ledger.link([link for number in range(PAGE) for link in sent(number)])

    assert reads_of(house, moto_place) == {"BatchGetItem": 5}

    methods = {email.correlated for email in house.crm.emails()}
    assert methods == {f"sent{number}" for number in range(PAGE)}


def test_an_in_reply_to_that_is_none_of_the_references_costs_a_whole_page_no_read_more(moto_place: Place) -> None:
    house = house_in(moto_place, *(reply(number, apart=True) for number in range(PAGE)))
    house.ledger.link([link for number in range(PAGE) for link in sent(number)])

    assert reads_of(house, moto_place) == {"BatchGetItem": 5}
    assert {email.correlated for email in house.crm.emails()} == {f"sent{number}" for number in range(PAGE)}


def hostile(number: int, *, report: bool = False, mark: bool = True) -> bytes:
    """Return a mail that names all it can: ids, tokens and marks by the hundred, in a message id that another mail has too."""
    ids = " ".join(f"<h{number}-{one}@Evil.example>" for one in range(400))
    ses = " ".join(f"<h{number}-{one}@eu-west-1.AmazonSES.com>" for one in range(400))
    tokens = " ".join(f"CRM:{number:03d}{one:04d} OLD:{number:03d}{one:04d}" for one in range(2_500))
    marks = "".join(f"X-EmailRouter: contoso;h{number}-{one}\r\n" for one in range(100 if mark else 0))
    index = base64.b64encode(number.to_bytes(22, "big") + b"reply").decode()
    extra = f"In-Reply-To: {ses}\r\nReferences: {ids} {ses}\r\nThread-Index: {index}\r\n{marks}"
    sender = "MAILER-DAEMON@evil.example" if report else f"mallory{number}@evil.example"
    crowd = ", ".join(f"<c{number}-{one}@evil.example>" for one in range(100))
    returned = f"Message-ID: <o{number}@eu-west-1.amazonses.com>\nX-EmailRouter: contoso;o{number}\nSubject: {tokens}\n"
    own = f"<h{number // 2}@Evil.example>"
    return mail(
        number, sender=sender, to=crowd, subject=f"Undeliverable: {tokens}", text=returned, extra=extra, message_id=own
    )


@pytest.mark.parametrize("kind", ["plain", "marked", "reports", "some reports"])
def test_a_page_of_25_hostile_mails_is_judged_in_five_reads(moto_place: Place, kind: str) -> None:
    tracking = Tracking(earlier_prefixes=("OLD:",), changed_subject="new")
    mails = [
        hostile(number, report=kind == "reports" or (kind == "some reports" and number % 2 == 0), mark=kind == "marked")
        for number in range(PAGE)
    ]
    house = house_in(moto_place, *mails, tracking=tracking)
    judge = Judge(house.incoming(), house.configuration.mailboxes[0], house.profile)
    drafts = [
        judge.draft(Fetched(source_id=str(at), raw=raw, size=len(raw), received=NOW)) for at, raw in enumerate(mails)
    ]

    with billed(moto_place.clients.dynamodb) as bill:
        decisions = judge.decide(drafts)

    assert len(decisions) == PAGE
    assert sum(bill.calls[name] for name in _READS) <= 5
    assert {bool(one.message.delivery_report) for one in drafts} == {
        "plain": {False},
        "marked": {False},
        "reports": {True},
        "some reports": {False, True},
    }[kind]


def test_what_a_hostile_mail_names_takes_no_room_from_its_neighbours(moto_place: Place) -> None:
    loud = [
        hostile(number, mark=False).replace(b"<h%d@Evil" % (number // 2), b"<x%d@Evil" % number) for number in range(24)
    ]
    quiet = reply(99)
    house = house_in(moto_place, *loud, quiet)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<m99-0@contoso.example>", KnownEmail(activity="first", at=NOW))])

    house.route()

    assert "first" in {email.correlated for email in house.crm.emails()}


def test_a_page_of_a_forward_mailbox_takes_no_more_reads_for_mail_of_many_users(moto_place: Place) -> None:
    users = [Mailbox(address=f"user{number}@contoso.example", accept=Accept.ALL) for number in range(PAGE)]
    house = house_in(moto_place)
    for user in users:
        house.add_mailbox(user)
    judge = Judge(house.incoming(), house.configuration.mailboxes[0], house.profile)
    wrappers = [Wrapper(user.address, authenticated=True, evidence="dmarc=pass") for user in users]
    raws = [reply(number) for number in range(PAGE)]
    fetched = [
        Fetched(source_id=str(number), raw=raw, size=len(raw), received=NOW, wrapper=wrapper)
        for number, (raw, wrapper) in enumerate(zip(raws, wrappers, strict=True))
    ]

    with billed(moto_place.clients.dynamodb) as bill:
        decisions = judge.decide([judge.draft(one) for one in fetched])

    assert {one.draft.mailbox.key for one in decisions} == {user.key for user in users}
    assert bill.calls["BatchGetItem"] == 4


def test_a_page_of_25_mails_that_answer_nothing_takes_two_reads(moto_place: Place) -> None:
    house = house_in(moto_place, *(mail(number) for number in range(PAGE)))

    assert reads_of(house, moto_place) == {"BatchGetItem": 2}


def test_recipients_beyond_ten_are_asked_for_once_more_when_their_mail_is_delivered(moto_place: Place) -> None:
    crowd = ", ".join(f"c{number}@fabrikam.example" for number in range(11))
    house = house_in(moto_place, *(mail(number, to=f"sales@contoso.example, {crowd}") for number in range(PAGE)))

    assert reads_of(house, moto_place) == {"BatchGetItem": 3}


def test_two_messages_of_one_page_under_one_id_cost_no_read_more(moto_place: Place) -> None:
    one, other = mail(1), mail(2, sender="mallory@elsewhere.example", message_id="<m1@fabrikam.example>")
    house = house_in(moto_place, one, other)

    assert reads_of(house, moto_place) == {"BatchGetItem": 2}
    assert len(list(house.crm.emails())) == 2


def test_a_message_under_the_id_of_one_that_came_before_costs_one_read_more(moto_place: Place) -> None:
    house = house_in(moto_place, mail(1))
    house.route()
    house.source.put(mail(2, sender="mallory@elsewhere.example", message_id="<m1@fabrikam.example>"))

    with billed(moto_place.clients.dynamodb) as bill:
        house.route()

    assert bill.calls["BatchGetItem"] == 3
    assert len(list(house.crm.emails())) == 2


@pytest.mark.parametrize("history", [0, 300])
def test_smart_matching_takes_one_query_a_message_that_reaches_it_however_long_the_history(
    moto_place: Place, history: int
) -> None:
    tracking = Tracking(smart_matching=True)
    words = ["alpha", "bravo", "charlie", "delta", "echo"]
    asking = [mail(number, subject=f"{words[number]} shipment") for number in range(5)]
    house = house_in(moto_place, *asking, *(reply(number) for number in range(5, 10)), tracking=tracking)
    house.ledger.link([link for number in range(5, 10) for link in sent(number)])
    hashed = subject_hash("alpha shipment", tracking)
    people = participants(parse(asking[0]))
    for number in range(history):
        email = KnownEmail(activity=f"old{number}", at=NOW - timedelta(minutes=number + 1), participants=people)
        house.ledger.link([Link(LinkKind.SUBJECT, hashed or "", email)])

    reads = reads_of(house, moto_place)

    assert reads["Query"] == 5
    assert reads["BatchGetItem"] <= 5
    if history:
        assert "old0" in {email.correlated for email in house.crm.emails()}
