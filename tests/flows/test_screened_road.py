"""What the questions say becomes what the CRM, the ledger and the e-mails that were sent look like."""

from __future__ import annotations

from datetime import timedelta

import pytest

from email_router.cli.explain_words import otherwise_line
from email_router.core.activity import CorrelationMethod, EmailStatus, Record
from email_router.core.flows.ask_again import Again, ask_again
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


def said(again: Again | None) -> tuple[object, object]:
    assert again is not None
    return again.reason, again.answers


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
        (report(ERIN, status="4.2.2"), EmailStatus.FAILED),
    ],
    ids=["failed", "other case", "forwarded", "never written to", "original never written to", "delayed", "given up"],
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


BACKSCATTER = report("victim@elsewhere.example").replace(b"<sent@contoso.example>", b"<spam@forged.example>")


@pytest.mark.parametrize(
    ("policy", "kept", "reason"),
    [
        (AutomaticMail.DELIVER, True, "accept_all"),
        (AutomaticMail.DELIVER_UNMATCHED, True, "accept_all"),
        (AutomaticMail.DROP, False, "unknown_delivery_report"),
    ],
)
def test_a_report_about_mail_that_we_did_not_send_becomes_what_the_mailbox_wants_of_it(
    policy: AutomaticMail, kept: bool, reason: str
) -> None:
    tagged = BACKSCATTER.replace(b"Subject: Undelivered", b"Subject: Undelivered CRM:0001001")
    house = House(tagged, unknown_delivery_report=policy)
    known = KnownEmail(activity="mine", participants=participants((SALES, ERIN)), at=NOW, token="CRM:0001001")
    house.ledger.link([Link(LinkKind.TOKEN, "CRM:0001001", known)])

    house.route()

    (trace,) = traces(house)
    assert (trace.reason, len(house.crm.activities)) == (reason, int(kept))
    assert [one.correlated for one in house.crm.activities.values()] == (
        ["mine"] if policy is AutomaticMail.DELIVER else [None] * kept
    )


def test_that_policy_lets_reports_about_our_own_mail_be_attached() -> None:
    house = House(report(ERIN), unknown_delivery_report=AutomaticMail.DROP)
    sent(house)

    house.route()

    (trace,) = traces(house)
    assert (trace.outcome.value, trace.activity) == ("attached", "out")


@pytest.mark.parametrize(
    ("tracking", "extra", "kept_apart"),
    [
        (Tracking(unknown_sender="mark"), {"sender": "mallory@evil.example"}, 'unknown_sender = "mark"'),
        (Tracking(changed_subject="new"), {"subject": "Lunch"}, 'changed_subject = "new"'),
    ],
)
def test_a_reply_that_is_kept_apart_and_not_wanted_otherwise_says_which_setting_keeps_it(
    tracking: Tracking, extra: dict[str, str], kept_apart: str
) -> None:
    house = House(mail(1))
    house.configure(tracking=tracking)
    house.route()
    house.configure(accept=Accept.REPLIES)
    house.source.put(mail(2, **extra, extra="In-Reply-To: <m1@fabrikam.example>\r\n"))

    house.route()

    (trace,) = [one for one in traces(house) if one.message_id == "<m2@fabrikam.example>"]
    (first,) = house.crm.activities
    assert trace.reason == "no_correlation_match"
    assert (
        f"it would continue activity {first} (in_reply_to: In-Reply-To <m1@fabrikam.example>"
        in trace.answers[-1].evidence
    )
    assert trace.answers[-1].evidence.endswith(f", but {kept_apart}")
    setting = kept_apart.partition(" ")[0]
    assert f'set {setting} = "follow" in [organisation.tracking]' in otherwise_line(trace)
    assert said(ask_again(trace, house.configuration)) == (trace.reason, trace.answers)


@pytest.mark.parametrize(
    ("sender", "extra", "flagged"),
    [
        ("evil@evil.example", "", True),
        ("a@evil.example, b@evil.example", "", True),
        (SALES, "", False),
        ("list@users.example", "X-EmailRouter: contoso;out\r\n", False),
    ],
    ids=["a stranger", "nobody for certain", "our own copy", "our own copy by a list that rewrites From"],
)
def test_a_stranger_s_mail_under_the_id_of_an_e_mail_of_ours_is_flagged_and_takes_no_answers_from_it(
    sender: str, extra: str, flagged: bool
) -> None:
    house = House()
    sent(house)
    house.sources[ANN].put(
        mail(1, sender=sender, to=f"{ANN}, {SALES}", message_id="<sent@contoso.example>", extra=extra)
    )
    house.source.put(mail(2, sender=ERIN, extra="In-Reply-To: <sent@contoso.example>\r\n"))

    house.route(ANN)
    house.route()

    by_id = {one.message_id: one for one in house.crm.activities.values()}
    assert ("message-id collision" in by_id["<sent@contoso.example>"].flags) is flagged
    assert by_id["<m2@fabrikam.example>"].correlated == "out"
