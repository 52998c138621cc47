"""No row outgrows DynamoDB's 400 KB, and no transaction its 4 MB, whatever a mail, a server or a person puts into it.

What can grow is made as large as the router lets it become, out of letters that hardly compress.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from email_router.core.activity import EmailStatus, Note, Party, Role
from email_router.core.alerts import Alert
from email_router.core.fetched import Position
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.mailbox import AfterDelivery, Mailbox
from email_router.core.outgoing_states import Prepared
from email_router.core.sending import MOST_HISTORY, OutgoingState, RecipientResult, SendOutcome, SendResult
from email_router.core.settings import Configuration
from email_router.core.subscriptions import Subscription
from email_router.core.write_back import WriteBack
from email_router.edge.connect.values import size_of
from tests.cloud import Place, Stores, aws_stores
from tests.contracts.stores.contents import entry, record, retry, trace
from tests.deliveries import NOW, SALES, delivery, later, outgoing
from tests.flows.house import House, mail
from tests.flows.office import Office

ROW = 400 * 1024
TRANSACTION = 4 * 1024 * 1024
WIDE = "".join(map(chr, range(0x4E00, 0x9000)))
ANY = random.Random(7)


def words(count: int, letters: str = string.ascii_letters + string.digits) -> str:
    return "".join(ANY.choices(letters, k=count))


def addresses(count: int, length: int = 60) -> list[str]:
    return [f"{words(length - 24)}@{words(19)}.com" for _ in range(count)]


@contextmanager
def transactions(place: Place) -> Iterator[list[int]]:
    """Yield the size of each transaction that is written."""
    sizes: list[int] = []
    events: Any = place.clients.dynamodb.meta.events

    def look(request: Any, **_: Any) -> None:
        sizes.append(len(request.body) * 3 // 4)  # bytes travel as base64, four letters for three
        assert len(json.loads(request.body)["TransactItems"]) <= 100

    events.register("before-send.dynamodb.TransactWriteItems", look)
    try:
        yield sizes
    finally:
        events.unregister("before-send.dynamodb.TransactWriteItems", look)


def largest(place: Place) -> tuple[int, str]:
    """Return the size and sort key of the largest row that stands."""
    pages = (
        page
        for table in (place.router, place.crm)
        for page in place.clients.dynamodb.get_paginator("scan").paginate(TableName=table)
    )
    return max((size_of(item), item["sk"]["S"]) for page in pages for item in page["Items"])


def in_aws(parts: Any, stores: Stores) -> Any:
    """Give a road the real stores."""
    for name in ("states", "ledger", "crm", "quarantine", "outgoing", "blobs", "alerts"):
        setattr(parts, name, getattr(stores, name))
    return parts


@pytest.fixture
def contoso(moto_place: Place) -> Stores:
    return aws_stores(moto_place)


def giant(number: int = 1, letters: str = string.ascii_letters) -> bytes:
    """Return a mail whose header is as large as one that is read whole may be."""
    fields = "".join(f"X-{name}: {words(1_200, letters)}\r\n" for name in range(100 if letters is WIDE else 150))
    many = ", ".join(addresses(700))
    ids = " ".join(f"<{words(40)}@{words(20)}>" for _ in range(300))
    return mail(number, subject=words(15_000), extra=f"Cc: {many}\r\nReferences: {ids}\r\n{fields}"[:250_000] + "\r\n")


@pytest.mark.parametrize("letters", [string.ascii_letters, WIDE[:80]], ids=["ascii", "wide"])
def test_mails_with_giant_headers_are_activities_many_at_a_time(
    moto_place: Place, contoso: Stores, letters: str
) -> None:
    house = in_aws(House(*(giant(number, letters) for number in range(1, 13))), contoso)

    with transactions(moto_place) as sizes:
        summary = house.route()

    assert (summary.handled, summary.error) == (12, None)
    assert len(list(contoso.crm.emails())) == 12
    assert largest(moto_place)[0] <= ROW
    assert max(sizes) <= TRANSACTION


def test_deliveries_and_verdicts_of_one_page_are_cut_into_transactions_by_their_size(
    moto_place: Place, contoso: Stores
) -> None:
    lease = contoso.states.lease(SALES, NOW, later(330))
    big = tuple((f"x-{number}", words(2_000)) for number in range(120))
    mails = [replace(one, trace=replace(one.trace, headers=big)) for one in map(delivery, range(24))]
    verdicts = [(replace(delivery(n).receipt, key=f"v{n}"), trace(f"v{n}", headers=big)) for n in range(24)]

    with transactions(moto_place) as sizes:
        answers = contoso.crm.deliver(mails, lease)
        contoso.ledger.record(verdicts, lease)

    assert all(one.created for one in answers)
    assert len(sizes) >= 4
    assert max(sizes) <= TRANSACTION
    assert largest(moto_place)[0] <= ROW


@pytest.mark.parametrize("letters", [string.ascii_letters, WIDE], ids=["ascii", "wide"])
def test_an_e_mail_to_a_thousand_recipients_is_tried_again_and_again_and_its_end_is_told(
    moto_place: Place, contoso: Stores, letters: str
) -> None:
    """Every other recipient is put off at each attempt, with words of its own; the last attempt gives them up."""
    office, people = in_aws(Office(), contoso), addresses(1_000, 150)
    office.write(parties=(Party(Role.FROM, SALES), *(Party(Role.TO, one) for one in people)))
    ended = EmailStatus.PENDING
    for _ in range(12):
        each = tuple(
            RecipientResult(one, SendOutcome.DEFERRED if number % 2 else SendOutcome.ACCEPTED, words(400, letters))
            for number, one in enumerate(people)
        )
        office.sender.answers = [
            SendResult(outcome=SendOutcome.DEFERRED, evidence=words(9_000, letters), recipients=each)
        ]
        office.send()
        assert largest(moto_place)[0] <= ROW
        office.clock.advance(2 * 24 * 3600)
        ended = office.crm.email("e1").status

    state = contoso.outgoing.get("e1")
    assert (state.status, ended) == (EmailStatus.SENT, EmailStatus.SENT)
    assert [one.address for one in state.results] == people
    assert sum(one.outcome is SendOutcome.REFUSED for one in state.results) == 500


def test_an_e_mail_to_more_addresses_than_a_row_holds_is_refused_with_the_reason(contoso: Stores) -> None:
    office = in_aws(Office(), contoso)
    office.write("e1", parties=(Party(Role.FROM, SALES), *(Party(Role.TO, one) for one in addresses(1_000, 161))))
    office.write("e2")

    sent = office.send("e1", "e2")

    assert [one.status for one in sent] == [EmailStatus.FAILED, EmailStatus.SENT]
    assert "Send it to fewer at a time" in sent[0].evidence


def test_a_group_of_e_mails_to_very_many_is_prepared_in_several_transactions(
    moto_place: Place, contoso: Stores
) -> None:
    people = tuple(addresses(1_000, 159))
    known = KnownEmail(activity="e", at=NOW, participants=frozenset(f"{n:016x}" for n in range(1_000)))
    group = [
        Prepared(
            state=OutgoingState(
                activity=f"e{number}", status=EmailStatus.PENDING, sender=SALES, changed=NOW, recipients=people
            ),
            packed=words(40_000).encode(),
            links=tuple(Link(LinkKind.SUBJECT, f"{number}-{kind}", known) for kind in range(2)),
        )
        for number in range(25)
    ]

    with transactions(moto_place) as sizes:
        assert len(contoso.outgoing.prepare_all(group)) == 25

    assert max(sizes) <= TRANSACTION
    assert largest(moto_place)[0] <= ROW


def test_a_history_of_many_attempts_by_people_and_servers_stays_small(moto_place: Place, contoso: Stores) -> None:
    contoso.outgoing.prepare(OutgoingState(activity="e1", status=EmailStatus.PENDING, sender=SALES, changed=NOW))
    for turn in range(60):
        now = NOW + timedelta(hours=turn)
        claimed = contoso.outgoing.claim("e1", now, f"request-{turn}")
        assert contoso.outgoing.settle(claimed, EmailStatus.DEFERRED, now, evidence=words(5_000, WIDE), due=now)

    assert len(contoso.outgoing.get("e1").history) <= MOST_HISTORY + 1
    assert largest(moto_place)[0] <= 100_000


@pytest.mark.parametrize("size", [390, 400, 410, 900])
def test_what_is_written_back_and_noted_of_an_e_mail_fits_however_long_the_reason(
    moto_place: Place, contoso: Stores, size: int
) -> None:
    reason = words(size * 1024, WIDE)
    contoso.crm.create_outgoing(outgoing("e1"))

    contoso.crm.write_back(WriteBack(activity="e1", status=EmailStatus.FAILED, reason=reason))
    contoso.crm.note("e1", "failed-1", Note(NOW, SALES, reason))

    assert reason.startswith(contoso.crm.email("e1").reason)
    assert reason.startswith(contoso.crm.notes("e1")[0].text)
    assert largest(moto_place)[0] <= ROW


@pytest.mark.parametrize("size", [390, 400, 410])
def test_bodies_and_positions_over_a_row_lie_in_the_blob_store(moto_place: Place, contoso: Stores, size: int) -> None:
    text, cursor, mark = words(size * 1024), words(size * 1024).encode(), words(size * 1024)
    lease = contoso.states.lease(SALES, NOW, later(330))

    contoso.crm.create_outgoing(outgoing("e1", text=text, subject=words(size * 1024, WIDE)))
    contoso.states.advance(lease, Position(cursor, mark), NOW)

    assert contoso.crm.email("e1").text == text
    found = contoso.states.load(contoso.states.read(SALES)).position
    assert found.cursor == cursor
    assert found.mark in {"", mark}  # without its mark a mailbox always has news
    assert largest(moto_place)[0] <= ROW


def test_the_marks_of_a_pass_after_a_crash_do_not_gather_over_its_pages(moto_place: Place, contoso: Stores) -> None:
    """One message a page, each marked: what is done with is forgotten with the next mark."""
    house = in_aws(House(*(mail(number) for number in range(1, 31)), after_delivery=AfterDelivery.LEAVE), contoso)
    contoso.states.lease(SALES, house.clock.now(), house.clock.now())
    marked: list[int] = []
    begin = contoso.states.begin

    def counted(*given: Any) -> int:
        begun: int = begin(*given)
        marked.append(len(contoso.states.read(SALES).attempts))
        return begun

    contoso.states.begin = counted
    summary = house.route()

    assert (summary.handled, len(marked)) == (30, 30)
    assert max(marked) <= 2


def test_what_operators_are_told_and_what_is_published_fits_its_rows(moto_place: Place, contoso: Stores) -> None:
    lease = contoso.states.lease(SALES, NOW, later(330))
    boxes = tuple(Mailbox(address=one) for one in addresses(20_000))
    long = words(60_000, WIDE)

    contoso.configurations.publish(Configuration(organisation="contoso", mailboxes=boxes))
    contoso.quarantine.add(replace(entry("q1"), subject=long, text=long), lease)
    contoso.states.add_retry(lease, replace(retry(), error=long))
    contoso.subscriptions.save(Subscription(mailbox=SALES))
    for number in range(90):
        names = (f"{number}-{words(900)}",)
        contoso.alerts.raise_alert(Alert(kind="k", about="a", text=long, mend="m", at=NOW, messages=names))
    contoso.states.release(lease, record(error_kind="k", error_text=long, error_mend=long))

    assert contoso.configurations.current("contoso").mailboxes == boxes
    assert largest(moto_place)[0] <= ROW
