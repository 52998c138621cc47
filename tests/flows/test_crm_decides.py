"""A CRM that decides by itself: asked once for a page, about what our own questions let pass; what it answers is kept under its own ids."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.cli.explain_words import otherwise_line, outcome_line
from email_router.core.crm_rulings import DECIDES, Ruling
from email_router.core.flows.what_if import Difference, change_of
from email_router.core.ledger import Outcome, Trace
from email_router.core.mailbox import Accept, AutomaticMail, CreateSender, Mailbox, MailboxKind
from email_router.core.settings import CrmSettings
from tests.flows.house import ANN, SALES, House, mail
from tests.memory.deciding import Deciding

THERE = CrmSettings(kind="dataverse", options={"deliver": "server"})


@pytest.fixture
def house() -> House:
    made = House(accept=Accept.NONE)
    made.crm.__class__ = Deciding
    made.configuration = replace(made.configuration, crm=THERE)
    return made


def crm(house: House) -> Deciding:
    assert isinstance(house.crm, Deciding)
    return house.crm


def traces(house: House) -> dict[str | None, Trace]:
    keys = {*(claim.key for claim in house.ledger.claims.values()), *(key for key, _ in house.ledger.notes)}
    return {one.message_id: one for key in keys for one in house.ledger.traces(key)}


def test_it_is_asked_once_for_a_page_and_not_about_what_we_keep_out_ourselves(house: House) -> None:
    house.configure(bulk=AutomaticMail.DROP)
    house.source.put(mail(1, subject="Yes"))
    house.source.put(mail(2, subject="No"))
    house.source.put(mail(3, extra="Precedence: bulk\r\n", subject="Third"))
    house.source.put(mail(1, subject="Yes"))
    crm(house).rulings["No"] = Ruling(False, "no_correlation_match", "told so")

    house.route()

    (offers,) = crm(house).asked
    assert [one.subject for one in offers] == ["Yes", "No"]
    assert {(one.mailbox, one.sender) for one in offers} == {(SALES, "erin@fabrikam.example")}
    assert set(house.crm.activities) == {"real <m1@fabrikam.example>"}
    refused = traces(house)["<m2@fabrikam.example>"]
    assert (refused.outcome, refused.reason, refused.rule) == (Outcome.IGNORED, "no_correlation_match", DECIDES)
    assert "no_correlation_match" in outcome_line(refused)
    assert 'deliver = "server"' in otherwise_line(refused)


def test_our_accept_option_and_our_matching_have_no_say_and_nobody_is_made_a_contact(house: House) -> None:
    house.configure(create_sender=CreateSender.CONTACT)
    house.configuration = replace(house.configuration, crm=THERE)
    house.source.put(mail(1))
    house.source.put(mail(2, extra="In-Reply-To: <m1@fabrikam.example>\r\n", subject="Re: An order"))

    house.route()

    assert set(house.crm.activities) == {"real <m1@fabrikam.example>", "real <m2@fabrikam.example>"}
    answer = house.crm.activities["real <m2@fabrikam.example>"]
    assert (answer.correlated, answer.tracking_token) == (None, None)
    assert house.crm.resolve(["erin@fabrikam.example"]) == {}


def test_of_a_message_over_the_limit_the_header_goes_and_the_reason_says_so(house: House) -> None:
    house.configure(profile=replace(house.profile, maximum_message_size=200))
    house.configuration = replace(house.configuration, crm=THERE)
    house.source.put(mail(1, text="x" * 500))

    house.route()

    (trace,) = traces(house).values()
    assert (trace.outcome, trace.reason) == (Outcome.DELIVERED, "over_limit")
    assert "accept_all: told so" in outcome_line(trace)


def test_a_second_mailbox_joins_the_same_activity_and_is_not_asked_about(house: House) -> None:
    house.source.put(mail(1, to=f"{SALES}, {ANN}"))
    house.sources[ANN].put(mail(1, to=f"{SALES}, {ANN}"))

    house.route(SALES)
    house.route(ANN)

    (key,) = house.ledger.claims
    assert {(one.mailbox, one.activity, one.reason) for one in house.ledger.receipts(key)} == {
        (SALES, "real <m1@fabrikam.example>", "accept_all"),
        (ANN, "real <m1@fabrikam.example>", "duplicate"),
    }
    assert len(crm(house).asked) == 1


def test_an_unwanted_mail_may_still_be_wanted_by_another_mailbox(house: House) -> None:
    crm(house).rulings["An order"] = Ruling(False, "no_recipient_match")
    house.source.put(mail(1))
    house.route(SALES)
    crm(house).rulings.clear()
    house.sources[ANN].put(mail(1))

    house.route(ANN)

    assert list(house.crm.activities) == ["real <m1@fabrikam.example>"]


def test_a_further_copy_of_a_page_has_the_real_activity_in_its_receipt(house: House) -> None:
    box = Mailbox(address="team@contoso.example", kind=MailboxKind.QUEUE, incoming="in")
    house.add_mailbox(box)
    house.configuration = replace(house.configuration, crm=THERE)
    for _ in range(2):
        house.source.put(mail(1))

    house.route()

    (key,) = house.ledger.claims
    assert {one.activity for one in house.ledger.traces(key)} == {"real <m1@fabrikam.example>"}


def test_what_if_repeats_the_crms_answer_and_knows_where_only_it_can_tell(house: House) -> None:
    crm(house).rulings["No"] = Ruling(False, "no_correlation_match")
    house.source.put(mail(1))
    house.source.put(mail(2, subject="No"))
    house.route()
    for trace in traces(house).values():
        assert change_of(trace, house.configuration).difference is Difference.NOTHING
        ours = replace(house.configuration, crm=CrmSettings())
        assert change_of(trace, ours).difference is Difference.UNKNOWN

    unapproved = tuple(replace(box, approved=False) for box in house.configuration.mailboxes)
    (delivered,) = [one for one in traces(house).values() if one.outcome is Outcome.DELIVERED]
    changed = change_of(delivered, replace(house.configuration, mailboxes=unapproved))
    assert changed.difference is Difference.NO_LONGER_TRACKED


def test_before_it_decided_nobody_knows_what_it_would_have_said() -> None:
    plain = House()
    plain.source.put(mail(1))
    plain.route()
    (trace,) = traces(plain).values()

    assert change_of(trace, replace(plain.configuration, crm=THERE)).difference is Difference.UNKNOWN
