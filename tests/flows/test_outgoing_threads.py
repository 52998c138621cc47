"""By what an answer to an e-mail of ours is known: conversation index and token."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from email_router.core.activity import EmailActivity, EmailStatus, Party, Role
from email_router.core.conversation_index import BASE, make_new, thread_hash
from email_router.core.ledger import KnownEmail, Wanted
from email_router.core.mailbox import Direction
from email_router.core.parse import parse
from email_router.core.settings import Tracking
from email_router.core.smart_hash import participants, subject_hash
from tests.flows.house import NOW, SALES
from tests.flows.office import Office

TOKEN = "CRM:0009009"


def index_of(office: Office, number: int = -1) -> bytes:
    """The conversation index of a sent mail."""
    return parse(office.sender.sent[number][1]).conversation_index or b""


def received(office: Office, **fields: object) -> EmailActivity:
    """Let the CRM hold a mail that came in."""
    email = EmailActivity(id="p1", direction=Direction.INCOMING, status=EmailStatus.RECEIVED, received=NOW)
    office.crm.activities["p1"] = replace(email, **fields)  # type: ignore[arg-type]  # fields by name
    return office.crm.activities["p1"]


def test_a_new_conversation_bears_an_index_that_leads_to_its_e_mail() -> None:
    office = Office()
    office.write()

    office.send()

    index = index_of(office)
    thread = thread_hash(index) or ""
    assert len(index) == BASE
    assert office.ledger.find(Wanted(threads=(thread,))).threads[thread].activity == "e1"


def test_without_correlation_no_thread_is_written_down() -> None:
    office = Office(tracking=Tracking(correlation=False))
    office.write()

    office.send()

    thread = thread_hash(index_of(office)) or ""
    assert office.ledger.find(Wanted(threads=(thread,))).threads == {}


def test_the_index_is_the_same_whenever_the_e_mail_is_composed() -> None:
    first, second = Office(), Office()
    for office in (first, second):
        office.write()
    second.clock.advance(86_400)

    first.send()
    second.send()

    assert index_of(first) == index_of(second)


def test_two_conversations_bear_two_indexes() -> None:
    office = Office()
    office.write("e1")
    office.write("e2")

    office.send("e1", "e2")

    assert index_of(office, 0) != index_of(office, 1)


def test_an_answer_goes_on_with_the_index_of_the_mail_that_it_answers() -> None:
    office = Office()
    index = make_new(NOW - timedelta(days=1), UUID(int=7))
    received(office, conversation_index=index.hex())
    office.write(correlated="p1")

    office.send()

    assert index_of(office)[:BASE] == index
    assert len(index_of(office)) == BASE + 5


def test_a_second_e_mail_of_ours_goes_on_with_the_index_of_the_first() -> None:
    office = Office()
    office.write("e1")
    office.send("e1")
    office.clock.advance(86_400)
    office.write("e2", correlated="e1", created=office.clock.now())
    office.send("e2")
    office.write("e3", correlated="e2", created=office.clock.now())
    office.send("e3")

    first, second, third = (index_of(office, number) for number in range(3))
    assert second[:BASE] == third[:BASE] == first
    assert third[: BASE + 5] == second


def test_an_index_that_has_grown_very_long_still_fits_into_the_header() -> None:
    office = Office()
    index = make_new(NOW, UUID(int=7)) + bytes(5 * 290)
    received(office, conversation_index=index.hex())
    office.write(correlated="p1")

    office.send()

    assert office.crm.activities["e1"].status is EmailStatus.SENT
    assert index_of(office)[:BASE] == index[:BASE]


@pytest.mark.parametrize(
    ("days", "holder", "kept"), [(10, "p1", True), (100, "p1", True), (100, "", True), (100, "x", False)]
)
def test_an_answer_keeps_its_threads_token_unless_another_conversation_bears_it_by_now(
    days: int, holder: str, *, kept: bool
) -> None:
    office = Office()
    received(office, tracking_token=TOKEN, received=NOW - timedelta(days=days))
    if holder:
        office.ledger.reserve_token(TOKEN, KnownEmail(activity=holder, at=NOW, token=TOKEN), NOW - timedelta(days=90))
    office.write(correlated="p1")

    office.send()

    state = office.outgoing.get("e1")
    assert state is not None
    assert state.tracking_token == (TOKEN if kept else "CRM:0001001")
    newest = office.ledger.find(Wanted(tokens=(TOKEN,))).tokens[TOKEN].activity
    assert newest == ("e1" if kept else "x")


def test_of_a_long_list_of_recipients_smart_matching_knows_the_sender_and_the_first_ones() -> None:
    tracking = Tracking(smart_matching=True)
    office = Office(tracking=tracking)
    crowd = tuple(Party(Role.TO, f"p{number}@fabrikam.example") for number in range(30))
    office.write(parties=(*crowd, Party(Role.FROM, SALES)), subject="Pumps")

    office.send()

    key = subject_hash("Pumps", tracking) or ""
    (known,) = office.ledger.by_subject(key, NOW - timedelta(days=1))
    assert known.participants == participants((SALES, *(party.address for party in crowd[:19])))
