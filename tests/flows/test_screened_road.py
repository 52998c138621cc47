"""What the questions say becomes what the CRM, the ledger and the e-mails that were sent look like."""

from __future__ import annotations

from datetime import timedelta

import pytest

from email_router.core.activity import CorrelationMethod, EmailStatus, Record
from email_router.core.ledger import KnownEmail, Link, LinkKind, Trace
from email_router.core.mailbox import Accept, AutomaticMail
from email_router.core.matching import RULES
from email_router.core.sending import OutgoingState
from email_router.core.settings import Tracking
from email_router.core.smart_hash import participants
from tests.flows.house import ANN, NOW, SALES, House, mail

ERIN = "erin@fabrikam.example"
APART = AutomaticMail.DELIVER_UNMATCHED
ABSENT = "In-Reply-To: <sent@contoso.example>\r\nAuto-Submitted: auto-replied\r\n"


def sent(house: House, *, recipients: tuple[str, ...] = (ERIN,)) -> None:
    """Let the router have sent an e-mail with the token CRM:0001001."""
    known = KnownEmail(activity="out", participants=participants((SALES, *recipients)), at=NOW, token="CRM:0001001")
    ways = ((LinkKind.MESSAGE_ID, "<sent@contoso.example>"), (LinkKind.TOKEN, "CRM:0001001"))
    house.ledger.link([Link(kind, value, known) for kind, value in ways])
    house.outgoing.prepare(
        OutgoingState(activity="out", status=EmailStatus.PENDING, sender=SALES, recipients=recipients, changed=NOW)
    )
    claimed = house.outgoing.claim("out", NOW, "r1")
    assert claimed is not None
    house.outgoing.settle(claimed, EmailStatus.SENT, NOW, evidence="250 ok")


def traces(house: House) -> list[Trace]:
    return list(house.ledger.traces_since(NOW - timedelta(days=1)))


@pytest.mark.parametrize("accept", [Accept.ALL, Accept.REPLIES])
def test_an_automatic_answer_that_is_kept_apart_continues_nothing(accept: Accept) -> None:
    house = House(mail(1, subject="Re: x CRM:0001001", extra=ABSENT), accept=accept, auto_reply=APART)
    sent(house)

    house.route()

    (email,), (trace,) = house.crm.activities.values(), traces(house)
    assert (email.correlated, email.correlation_method, email.tracking_token) == (None, CorrelationMethod.NONE, None)
    assert email.regarding is None
    assert email.automatic
    asked = {one.question: (one.answer, one.evidence) for one in trace.answers}
    assert {asked[rule.name] for rule in RULES} == {("not asked", 'auto_reply = "deliver-unmatched"')}
    assert (trace.correlated, trace.method) == (None, "none")


def test_where_replies_are_wanted_an_answer_that_is_kept_apart_must_be_one_all_the_same() -> None:
    house = House(mail(1, extra="Auto-Submitted: auto-replied\r\n"), accept=Accept.REPLIES, auto_reply=APART)

    house.route()

    (trace,) = traces(house)
    assert trace.reason == "no_correlation_match"


def test_the_next_mail_of_a_conversation_continues_what_the_absent_one_was_answering() -> None:
    thread = "Thread-Index: AdX0bM8hQ2a1Z0mXQ0eO3qX6f3vZ9A==\r\n"
    house = House(auto_reply=APART)
    house.crm.add_record(ERIN, Record("contact", "c1"))
    house.source.put(mail(1, extra=thread))
    house.source.put(mail(2, extra=thread + "Auto-Submitted: auto-replied\r\n"))
    house.source.put(mail(3, extra=thread))

    house.route()

    by_id = {one.message_id: one for one in house.crm.activities.values()}
    assert by_id["<m2@fabrikam.example>"].correlated is None
    assert by_id["<m3@fabrikam.example>"].correlated == by_id["<m1@fabrikam.example>"].id


def test_a_further_copy_of_what_is_kept_apart_is_the_same_activity() -> None:
    raw = mail(1, to=f"{SALES}, {ANN}", subject="Re: x CRM:0001001", extra=ABSENT)
    house = House(raw, auto_reply=APART)
    house.sources[ANN].put(raw)
    sent(house)

    house.route()
    house.route(ANN)

    (email,) = house.crm.activities.values()
    assert email.correlated is None


@pytest.mark.parametrize(("internal", "rejected"), [("track", False), ("ignore", True)])
def test_internal_mail_is_tracked_or_not(internal: str, rejected: bool) -> None:
    house = House()
    house.configure(tracking=Tracking(internal_email=internal, internal_email_to_queues=False))
    house.source.put(mail(1, sender=ANN))

    house.route()

    (trace,) = traces(house)
    assert (trace.reason == "internal_email_reject") is rejected
    assert len(house.crm.activities) == (0 if rejected else 1)


def test_a_mail_known_from_another_mailbox_is_no_outgoing_copy() -> None:
    raw = mail(1, sender=ANN, to=f"{SALES}, {ANN}")
    house = House(raw)
    house.sources[ANN].put(raw)
    house.configure(tracking=Tracking())

    house.route()
    house.route(ANN)

    assert "loop" not in {one.reason for one in traces(house)}


def report(final: str, *, original: str = "", action: str = "failed", status: str = "5.1.1") -> bytes:
    told = f"Original-Recipient: rfc822; {original}\r\n" if original else ""
    return (
        "From: MAILER-DAEMON@fabrikam.example\r\nTo: sales@contoso.example\r\nSubject: Undelivered\r\nMessage-ID: <d1@fabrikam.example>\r\n"
        "Date: Tue, 24 Nov 2026 11:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n{told}"
        f"Final-Recipient: rfc822; {final}\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <sent@contoso.example>\r\n--b--\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (report(ERIN), EmailStatus.FAILED),
        (report("Erin@Fabrikam.example"), EmailStatus.FAILED),
        (report("private@elsewhere.example", original=ERIN), EmailStatus.FAILED),
        (report("private@elsewhere.example"), EmailStatus.SENT),
        (report("private@elsewhere.example", original="stranger@elsewhere.example"), EmailStatus.SENT),
        (report(ERIN, action="delayed", status="4.4.1"), EmailStatus.SENT),
        (report(ERIN, status="4.2.2"), EmailStatus.SENT),
    ],
    ids=["failed", "other case", "forwarded", "never written to", "original never written to", "delayed", "temporary"],
)
def test_a_report_is_attached_and_fails_the_e_mail_only_for_good_and_for_whom_it_went_to(
    raw: bytes, status: EmailStatus
) -> None:
    house = House(raw)
    sent(house)

    house.route()

    (trace,) = traces(house)
    state = house.outgoing.get("out")
    assert (trace.outcome.value, trace.activity) == ("attached", "out")
    assert state is not None
    assert state.status is status


def test_a_crowd_with_one_address_lets_no_mail_in_and_the_trace_says_why() -> None:
    house = House(mail(1), accept=Accept.CONTACTS)
    for number in range(101):
        house.crm.add_record(ERIN, Record("contact", f"c{number:03d}"))

    house.route()

    (trace,) = traces(house)
    assert trace.reason == "invalid_sender"
    assert "101 records have its address" in trace.answers[-1].evidence
