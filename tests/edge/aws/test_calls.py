"""Count what a page of mail costs: AWS calls exactly, write units as DynamoDB counts them."""

from __future__ import annotations

import random
import zlib

import pytest

from email_router.core.activity import Record
from email_router.core.fetched import Position
from email_router.core.ledger import Delivery, Link, LinkKind, Wanted
from email_router.core.mailbox_state import PassRecord
from email_router.edge.crm.builtin_records import AddressedRecord
from tests.aws_meter import billed
from tests.cloud import Place, Stores, aws_stores
from tests.deliveries import ANN, NOW, SALES, delivery, later


def small(number: int, *kinds: LinkKind) -> Delivery:
    """Return a small mail of 2.3 KB text and 8 KB html, with links of these kinds beside its Message-ID."""
    chance = random.Random(number)
    known = ["".join(chance.choices("etaoinshrdlucmfwypvbgk", k=chance.randint(2, 11))) for _ in range(250)]
    words = [chance.choice(known) for _ in range(340)]
    text = " ".join(words)
    style = '<div style="font-family:Calibri,sans-serif;font-size:11pt;color:rgb(0,0,0)">'
    html = "".join(f"{style}{' '.join(words[start : start + 12])}</div>" for start in range(0, 340, 6))
    made = delivery(number, text=text, html=html)
    assert 1500 < len(zlib.compress((text + html).encode())) < 2700
    more = tuple(Link(kind, f"{kind}{number}", made.links[0].email) for kind in kinds)
    return delivery(number, text=text, html=html, links=(*made.links, *more))


def handle(stores: Stores, page: list[Delivery]) -> None:
    """Do what the flow does with a page: ask the ledger, resolve, ask what parents are about, deliver."""
    lease = stores.states.lease(SALES, NOW, later(330))
    asked = [(f"<parent{number}@contoso.example>", f"<m{number}@fabrikam.example>") for number in range(len(page))]
    ids = tuple(one for pair in asked for one in pair)
    stores.ledger.find(Wanted(keys=tuple(one.claim.key for one in page), mailboxes=(SALES,), message_ids=ids))
    stores.crm.resolve([f"sender{number}@fabrikam.example" for number in range(len(page))] + [SALES, ANN])
    stores.crm.about([f"parent{number}" for number in range(len(page))])
    assert all(one.created for one in stores.crm.deliver(page, lease))
    stores.states.advance(lease, Position(b"cursor", "mark"), NOW)
    stores.states.release(lease, PassRecord(at=NOW, last_mail=NOW, next_retry=None))


def test_a_page_of_new_small_mail_takes_half_a_call_a_message_or_less(moto_place: Place) -> None:
    stores = aws_stores(moto_place)
    page = [small(number) for number in range(25)]

    with billed(moto_place.clients.dynamodb) as bill, billed(moto_place.clients.s3) as blobs:
        handle(stores, page)

    assert bill.calls == {"UpdateItem": 3, "BatchGetItem": 3, "TransactWriteItems": 2}
    assert bill.calls.total() / len(page) <= 0.5
    assert not blobs.calls


@pytest.mark.parametrize(
    ("kinds", "most"),
    [((), 12), ((LinkKind.SUBJECT,), 14), ((LinkKind.THREAD,), 14), ((LinkKind.THREAD, LinkKind.TOKEN), 16)],
    ids=["plain", "smart matching", "with a thread", "with a thread and a token"],
)
def test_a_small_mail_takes_few_write_units(moto_place: Place, kinds: tuple[LinkKind, ...], most: int) -> None:
    stores = aws_stores(moto_place)
    page = [small(number, *kinds) for number in range(24)]
    lease = stores.states.lease(SALES, NOW, later(330))

    with billed(moto_place.clients.dynamodb) as bill:
        stores.crm.deliver(page, lease)

    assert bill.units / len(page) <= most


def test_a_mail_that_nobody_wants_takes_a_receipt_and_a_trace(moto_place: Place) -> None:
    stores = aws_stores(moto_place)
    lease = stores.states.lease(SALES, NOW, later(330))
    mails = [delivery(number) for number in range(25)]

    with billed(moto_place.clients.dynamodb) as bill:
        stores.ledger.record([(mail.receipt, mail.trace) for mail in mails], lease)

    assert bill.calls == {"TransactWriteItems": 1}
    assert bill.units == 25 * 4 + 2


def test_looking_at_an_idle_mailbox_takes_one_read_and_no_write(moto_place: Place) -> None:
    states = aws_stores(moto_place).states
    lease = states.lease(SALES, NOW, later(330))
    states.advance(lease, Position(b"x" * 5000, "mark"), NOW)
    states.release(lease, PassRecord(at=NOW, last_mail=NOW, next_retry=None))

    with billed(moto_place.clients.dynamodb) as bill, billed(moto_place.clients.s3) as blobs:
        state = states.read(SALES)

    assert state.position.mark == "mark"
    assert (bill.calls, bill.units, blobs.calls) == ({"GetItem": 1}, 0, {})


def test_known_mail_in_a_second_mailbox_costs_no_second_activity(moto_place: Place) -> None:
    stores = aws_stores(moto_place)
    lease = stores.states.lease(SALES, NOW, later(330))
    stores.crm.deliver([delivery(number, ANN) for number in range(24)], lease)

    with billed(moto_place.clients.dynamodb) as bill:
        stores.crm.deliver([delivery(number) for number in range(24)], lease)

    assert bill.calls == {"TransactWriteItems": 2}


def test_records_are_imported_by_the_batch(moto_place: Place) -> None:
    crm = aws_stores(moto_place).crm
    rows = [AddressedRecord(f"a{number}@x.example", Record("contact", str(number))) for number in range(48)]

    with billed(moto_place.clients.dynamodb) as bill:
        assert crm.import_records(rows) == 48

    assert bill.calls == {"BatchGetItem": 2, "TransactWriteItems": 2}
    assert len(list(crm.records())) == 48
