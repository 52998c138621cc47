"""A delivery report is seen in every CRM alike: on the e-mail that it is about, or, about none of ours, as the e-mail that it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from email_router.cli.explain import explained
from email_router.core.activity import EmailStatus, Role
from email_router.core.flows.record_delivery import RecordDelivery
from email_router.core.ledger import KnownEmail, Link, LinkKind, Outcome, Trace
from email_router.core.mailbox import Accept, AutomaticMail, Direction
from email_router.core.sending import OutgoingState
from email_router.core.work import DeliveryEvent
from tests.cloud import Stores
from tests.contracts.crm_houses import guid, outgoing
from tests.flows.house import NOW, SALES, House
from tests.flows.test_reports_without_id import report

OURS, DAEMON = "<sent@contoso.example>", "MAILER-DAEMON@fabrikam.example"
VICTIM, ERIN = "victim@elsewhere.example", "erin@fabrikam.example"
STRANGE = report("Message-ID: <spam@forged.example>\r\n", final=VICTIM)


def over(stores: Stores, raw: bytes, **mailbox: object) -> House:
    """Return the incoming road over the stores of a CRM, with this report in the mailbox and one e-mail that the router has sent."""
    house = House(raw, **mailbox)  # type: ignore[arg-type]  # fields by name
    house.states, house.ledger, house.blobs, house.outgoing = (
        stores.states,
        stores.ledger,
        stores.blobs,
        stores.outgoing,
    )
    house.crm, house.quarantine, house.alerts = stores.crm, stores.quarantine, stores.alerts
    known = KnownEmail(activity=guid("e1"), participants=frozenset(), at=NOW)
    stores.crm.create_outgoing(outgoing())
    house.ledger.link([Link(LinkKind.MESSAGE_ID, OURS, known)])
    fields = {"sender": SALES, "recipients": (ERIN,), "changed": NOW, "message_id": OURS}
    house.outgoing.prepare(OutgoingState(activity=guid("e1"), status=EmailStatus.PENDING, **fields))  # type: ignore[arg-type]  # fields by name
    claimed = house.outgoing.claim(guid("e1"), NOW, "r1")
    assert claimed is not None
    house.outgoing.settle(claimed, EmailStatus.SENT, NOW, evidence="250 ok")
    return house


def trace_of(house: House) -> Trace:
    (trace,) = house.ledger.traces_since(NOW - timedelta(days=1))
    return trace


@pytest.mark.parametrize("policy", [AutomaticMail.DELIVER, AutomaticMail.DELIVER_UNMATCHED])
def test_a_report_about_none_of_our_e_mails_is_an_e_mail_there_and_explain_says_why(
    stores: Stores, policy: AutomaticMail
) -> None:
    house = over(stores, STRANGE, unknown_delivery_report=policy)

    house.route()

    trace = trace_of(house)
    assert (trace.outcome, trace.reason) == (Outcome.DELIVERED, "accept_all")
    asked = {one.question: one.evidence for one in trace.answers}
    assert asked["delivery_report"] == (
        f'a report (failed) about no e-mail that the router sent; {SALES} has unknown_delivery_report = "{policy}"'
    )
    assert explained(trace)["verdict"] == "delivered"
    email = stores.crm.email(trace.activity)
    assert (email.direction, email.status, email.subject) == (Direction.INCOMING, EmailStatus.RECEIVED, "Undelivered")
    assert (email.addresses(Role.FROM), email.addresses(Role.TO)) == ((DAEMON,), (SALES,))
    assert "It failed." in email.text + email.html
    assert (email.correlated, email.regarding, email.automatic) == (None, None, True)
    assert list(stores.crm.notes(guid("e1"))) == []


@pytest.mark.parametrize(
    ("mailbox", "reason"),
    [
        ({"unknown_delivery_report": AutomaticMail.DROP}, "unknown_delivery_report"),
        ({"accept": Accept.REPLIES}, "no_correlation_match"),
        ({"accept": Accept.CONTACTS}, "invalid_sender"),
    ],
)
def test_one_that_the_mailbox_does_not_want_is_in_no_crm_and_explain_says_why(
    stores: Stores, mailbox: dict[str, object], reason: str
) -> None:
    house = over(stores, STRANGE, **mailbox)

    house.route()

    trace = trace_of(house)
    assert (trace.outcome, trace.reason, trace.activity) == (Outcome.IGNORED, reason, None)
    assert "about no e-mail that the router sent" in str(explained(trace)["trace"])
    assert [one.id for one in stores.crm.emails()] == [guid("e1")]


def test_one_about_an_e_mail_of_ours_leaves_a_note_on_it_and_is_none_itself(stores: Stores) -> None:
    house = over(stores, report(f"Message-ID: {OURS}\r\n"))

    house.route()

    trace = trace_of(house)
    assert (trace.outcome, trace.activity) == (Outcome.ATTACHED, guid("e1"))
    (note,) = stores.crm.notes(guid("e1"))
    assert note.text.startswith(f"Not delivered to {ERIN}: ")
    assert stores.crm.email(guid("e1")).status is EmailStatus.FAILED
    assert [one.id for one in stores.crm.emails() if one.direction is Direction.INCOMING] == []


def test_an_event_about_none_of_our_e_mails_changes_nothing_in_any_crm(stores: Stores) -> None:
    house = over(stores, STRANGE)
    before = stores.crm.email(guid("e1"))
    records = RecordDelivery(
        configuration=house.configuration,
        clock=house.clock,
        meters=house.meters,
        ledger=stores.ledger,
        alerts=stores.alerts,
        crm=stores.crm,
        outgoing=stores.outgoing,
    )
    bounced = DeliveryEvent(
        provider_id="0100018-nobody", kind="bounce", permanent=True, recipients=(VICTIM,), reason="550"
    )

    for event in (bounced, replace(bounced, organisation="contoso", activity=guid("nobody's"))):
        assert records.record(event) is None

    assert stores.crm.email(guid("e1")) == before
    assert list(stores.crm.notes(guid("e1"))) == []
