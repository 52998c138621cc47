"""SES puts an id of its own in place of ours, so an answer may name either: both lead to the e-mail, from the first one of a thread on."""

from __future__ import annotations

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.ledger import Wanted
from email_router.core.parse import parse
from email_router.core.sending import SendOutcome, SendResult
from tests.flows.house import SALES, House, mail
from tests.flows.office import Office

PARENT = "<question@fabrikam.example>"


def taken(provider_id: str) -> SendResult:
    return SendResult(outcome=SendOutcome.ACCEPTED, evidence="taken by Amazon SES", provider_id=provider_id)


def two_sent(server: str = "ses") -> Office:
    """A first e-mail of a thread, and a second one that goes on with it."""
    office = Office(server)
    office.sender.answers = [taken("ses-1"), taken("ses-2")] if server == "ses" else []
    office.write("e1")
    office.send("e1")
    office.write("e2", correlated="e1", created=office.clock.now())
    office.send("e2")
    return office


def test_our_own_id_stands_in_references_of_each_mail_by_ses_the_first_one_too() -> None:
    first, second = (parse(raw) for _, raw in two_sent().sender.sent)

    assert first.references == (first.message_id,)
    assert second.references == (first.message_id, second.message_id)
    assert second.in_reply_to == first.message_id


def test_by_other_ways_a_mail_does_not_refer_to_itself() -> None:
    first, second = (parse(raw) for _, raw in two_sent("smtp").sender.sent)

    assert first.references == ()
    assert second.references == (first.message_id,)


def test_after_ses_took_them_its_ids_and_ours_lead_to_the_same_e_mails() -> None:
    office = two_sent()
    own = tuple(parse(raw).message_id or "" for _, raw in office.sender.sent)

    found = office.ledger.find(Wanted(message_ids=("ses-1", "ses-2", *own))).message_ids

    assert {name: known.activity for name, known in found.items()} == {
        "ses-1": "e1",
        own[0]: "e1",
        "ses-2": "e2",
        own[1]: "e2",
    }
    assert all(office.crm.activities[name].status is EmailStatus.SENT for name in ("e1", "e2"))


@pytest.mark.parametrize(
    "header",
    [
        "In-Reply-To: <ses-1@eu-west-1.amazonses.com>\r\n",
        "In-Reply-To: <ses-1@email.amazonses.com>\r\n",
        "In-Reply-To: <lost@eu-west-1.amazonses.com>\r\nReferences: {own} <lost@eu-west-1.amazonses.com>\r\n",
    ],
    ids=["the id of SES", "the id of SES in us-east-1", "an id that was never told, and ours in References"],
)
def test_an_answer_that_names_either_id_finds_its_e_mail(header: str) -> None:
    office = two_sent()
    own = parse(office.sender.sent[0][1]).message_id or ""
    house = House(mail(1, to=SALES, subject="AW: something else", extra=header.format(own=own)))
    house.ledger, house.crm, house.states, house.outgoing = office.ledger, office.crm, office.states, office.outgoing

    house.route()

    (answer,) = [one for one in house.crm.activities.values() if one.id not in {"e1", "e2"}]
    assert (answer.correlated, answer.correlation_method.value) == ("e1", "in_reply_to")
