"""Tokens that the CRM gives: asked for by the block, kept where an e-mail has one, and found again in answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.errors import ConfigurationError, TryLater
from email_router.core.ledger import KnownEmail, Wanted
from email_router.core.settings import Tracking
from tests.flows.house import NOW
from tests.flows.office import Office
from tests.memory.deciding import Giving


@pytest.fixture
def office() -> Office:
    made = Office(tracking=Tracking(tokens_from="crm"))
    made.crm.__class__ = Giving
    return made


def crm(office: Office) -> Giving:
    assert isinstance(office.crm, Giving)
    return office.crm


def token(office: Office, name: str = "e1") -> str | None:
    state = office.outgoing.get(name)
    assert state is not None
    return state.tracking_token


def test_a_new_conversation_bears_the_crms_token_and_its_answer_finds_it(office: Office) -> None:
    office.write()

    office.send()

    assert token(office) == "CRM:0007001"
    assert crm(office).asked == [["Your order"]]
    assert b"Subject: Your order CRM:0007001" in office.sender.sent[0][1]
    assert office.ledger.find(Wanted(tokens=("CRM:0007001",))).tokens["CRM:0007001"].activity == "e1"


def test_an_order_of_30_asks_in_two_calls_for_what_it_needs_and_names_the_subjects(office: Office) -> None:
    names = [f"e{number}" for number in range(30)]
    for name in names:
        office.write(name)

    office.send(*names)

    assert crm(office).asked == [["Your order"] * 25, ["Your order"] * 5]
    assert len({token(office, name) for name in names}) == 30


def test_an_answer_keeps_its_threads_token_and_none_is_asked_for(office: Office) -> None:
    office.write("p1")
    office.send("p1")
    crm(office).asked.clear()
    office.write("e1", correlated="p1")

    office.send("e1")

    assert token(office) == token(office, "p1")
    assert crm(office).asked == []


def test_an_email_that_the_crm_gave_a_token_itself_keeps_it(office: Office) -> None:
    office.write(subject="Your order CRM:0009009", tracking_token="CRM:0009009")

    office.send()

    assert (token(office), crm(office).asked) == ("CRM:0009009", [])
    assert b"Subject: Your order CRM:0009009\r\n" in office.sender.sent[0][1]
    assert office.ledger.find(Wanted(tokens=("CRM:0009009",))).tokens["CRM:0009009"].activity == "e1"


def test_one_that_a_live_conversation_bears_is_passed_over(office: Office) -> None:
    for number in (1, 2):
        name = f"CRM:000700{number}"
        office.ledger.reserve_token(name, KnownEmail(activity="x", at=NOW, token=name), NOW - timedelta(days=90))
    office.write()

    office.send()

    assert token(office) == "CRM:0007003"
    assert office.ledger.find(Wanted(tokens=("CRM:0007001",))).tokens["CRM:0007001"].activity == "x"


def test_when_all_that_it_gives_are_taken_the_email_leaves_without_and_somebody_is_told(office: Office) -> None:
    crm(office).form = "CRM:0007001"
    for name in ("e1", "e2"):
        office.write(name)

    office.send("e1", "e2")

    assert (token(office), token(office, "e2")) == ("CRM:0007001", None)
    assert office.crm.activities["e2"].status is EmailStatus.SENT
    assert [alert.kind for alert in office.alerts.all()] == ["token_digits"]


def test_where_the_crm_uses_none_the_email_leaves_without_and_nobody_is_told(office: Office) -> None:
    crm(office).form = ""
    office.write()

    office.send()

    assert token(office) is None
    assert b"Subject: Your order\r\n" in office.sender.sent[0][1]
    assert office.alerts.all() == []


def test_a_prefix_that_no_answer_would_be_found_by_is_told_once(office: Office) -> None:
    crm(office).form = "Contoso-0007%03d"
    for name in ("e1", "e2"):
        office.write(name)

    office.send("e1", "e2")

    assert token(office) == "Contoso-0007001"
    (alert,) = office.alerts.all()
    assert (alert.kind, "prefix = 'Contoso-'" in alert.mend) == ("token_prefix", True)


def test_while_the_crm_gives_none_nothing_leaves_and_the_next_attempt_sends_it_once(office: Office) -> None:
    office.write()
    crm(office).trouble = TryLater("away", kind="throttled", shared=True)
    with pytest.raises(TryLater):
        office.send()
    assert office.sender.sent == []
    assert office.outgoing.get("e1") is None

    crm(office).trouble = None
    office.send()
    office.send()

    assert len(office.sender.sent) == 1
    assert token(office) == "CRM:0007001"


def test_by_default_the_router_gives_them_and_a_crm_that_has_none_is_not_asked() -> None:
    office = Office()
    office.crm.__class__ = Giving
    office.write()

    office.send()

    assert (token(office), crm(office).asked) == ("CRM:0001001", [])


def test_a_crm_that_gives_none_cannot_be_told_to() -> None:
    office = Office(tracking=Tracking(tokens_from="crm"))
    office.write()

    with pytest.raises(ConfigurationError, match="tokens_from"):
        office.send()
    assert office.sender.sent == []
