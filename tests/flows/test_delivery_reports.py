"""What a delivery report that comes as mail tells of the e-mail that it is about, recipient by recipient."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.ledger import KnownEmail, Link, LinkKind, Outcome
from email_router.core.recipients import told
from email_router.core.sending import OutgoingState, Reported
from tests.flows.feedback import ANN, BOB, GOOD, NEVER
from tests.flows.house import NOW, SALES, House


def group(final: str, action: str = "failed", status: str = "5.1.1", original: str = "") -> str:
    told_of = f"Original-Recipient: rfc822; {original}\r\n" if original else ""
    return f"{told_of}Final-Recipient: rfc822; {final}\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"


def report(*groups: str, number: int = 1) -> bytes:
    """A delivery report about the e-mail "out"."""
    return (
        f"From: MAILER-DAEMON@fabrikam.example\r\nTo: {SALES}\r\nSubject: Undelivered\r\nMessage-ID: <d{number}@fabrikam.example>\r\n"
        "Date: Tue, 24 Nov 2026 11:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n{''.join(groups)}"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <out@contoso.example>\r\n--b--\r\n"
    ).encode()


def house_with(*reports: bytes, status: EmailStatus = EmailStatus.SENT) -> House:
    house = House(*reports)
    sales = replace(house.configuration.mailboxes[0], owner="ann@contoso.example")
    house.configuration = replace(house.configuration, mailboxes=(sales, *house.configuration.mailboxes[1:]))
    known = KnownEmail(activity="out", participants=frozenset(), at=NOW)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<out@contoso.example>", known)])
    house.outgoing.prepare(
        OutgoingState(activity="out", status=status, sender=SALES, recipients=(ANN, BOB), changed=NOW, token=1)
    )
    return house


def state_of(house: House) -> OutgoingState:
    state = house.outgoing.get("out")
    assert state is not None
    return state


def test_a_report_about_some_names_them_and_the_e_mail_stays_sent() -> None:
    house = house_with(report(group(BOB), group(ANN, "delayed", "4.4.1")))

    house.route()

    state = state_of(house)
    assert [(one.address, one.outcome, one.reported, one.evidence) for one in told(state)] == [
        (ANN, GOOD, Reported.DELAYED, "delivery report: delayed (4.4.1)"),
        (BOB, NEVER, Reported.BOUNCED, "delivery report: failed for good (5.1.1)"),
    ]
    assert (state.status, state.reason) == (EmailStatus.SENT, f"delivery report: failed for good (5.1.1) ({BOB})")


def test_reports_about_all_fail_the_e_mail_with_each_reason() -> None:
    house = house_with(report(group(BOB)), report(group(ANN, status="5.2.2"), number=2))

    house.route()

    state = state_of(house)
    assert state.status is EmailStatus.FAILED
    assert state.reason == (
        f"delivery report: failed for good (5.2.2) ({ANN}); delivery report: failed for good (5.1.1) ({BOB})"
    )
    assert house.meters.counts["OutgoingMessagesUndelivered"] == 1


def test_the_owner_is_told_of_a_report_by_alert_and_note_and_nobody_by_mail() -> None:
    house = house_with(report(group(BOB)))

    house.route()

    (alert,) = house.alerts.all()
    assert (alert.kind, alert.about, alert.messages) == ("not_sent", "ann@contoso.example", ("out",))
    (note,) = house.crm.notes("out")
    assert note.text == f"Not delivered to {BOB}: delivery report: failed for good (5.1.1) ({BOB})"
    assert house.crm.activities == {}  # no notice was written


@pytest.mark.parametrize(
    ("action", "stands", "word"),
    [
        ("delivered", Reported.DELIVERED, "delivered"),
        ("relayed", Reported.RELAYED, "relayed"),
        ("expanded", Reported.RELAYED, "expanded"),
        ("delayed", Reported.DELAYED, "delayed"),
    ],
)
def test_what_a_report_tells_of_an_e_mail_that_goes_on_its_way_is_kept_and_settles_what_was_unknown(
    action: str, stands: Reported, word: str
) -> None:
    house = house_with(report(group(ANN, action, "2.0.0")), status=EmailStatus.UNKNOWN)

    house.route()

    state = state_of(house)
    assert [(one.reported, one.outcome) for one in told(state)] == [(stands, GOOD), (Reported.NOTHING, GOOD)]
    assert told(state)[0].evidence == f"delivery report: {word} (2.0.0)"
    assert state.status is EmailStatus.SENT
    assert house.alerts.all() == []


def test_a_report_about_where_mail_was_forwarded_counts_for_the_one_written_to_and_else_for_nobody() -> None:
    told_of = house_with(report(group("private@elsewhere.example", original=BOB)))
    silent = house_with(report(group("private@elsewhere.example")))

    told_of.route()
    silent.route()

    assert [one.reported for one in told(state_of(told_of))] == [Reported.NOTHING, Reported.BOUNCED]
    assert state_of(silent).results == ()
    assert (state_of(silent).history, silent.alerts.all()) == ((), [])


def test_what_a_report_turns_tells_when_by_which_request_and_on_what_evidence() -> None:
    house = house_with(report(group(BOB)))

    house.route()

    (entry,) = state_of(house).history
    assert (entry.at, entry.request) == (NOW, "request-of-the-pass")
    assert entry.evidence == f"delivery report: failed for good (5.1.1) ({BOB})"


def report_about(recipient: str) -> bytes:
    """Return the report of an MTA that an e-mail of ours failed for this recipient."""
    head = "From: MAILER-DAEMON@fabrikam.example\r\nTo: sales@contoso.example\r\nSubject: Undelivered\r\n"
    head += "Message-ID: <r1@fabrikam.example>\r\nDate: Tue, 24 Nov 2026 11:59:00 +0000\r\nMIME-Version: 1.0\r\n"
    head += 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
    status = f"Reporting-MTA: dns; mx.fabrikam.example\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\n"
    status += "Action: failed\r\nStatus: 5.1.1\r\n"
    about = "Message-ID: <out1@contoso.example>\r\nFrom: sales@contoso.example\r\n"
    parts = {"text/plain": "Sorry.\r\n", "message/delivery-status": status, "text/rfc822-headers": about}
    body = "".join(f"--b\r\nContent-Type: {kind}\r\n\r\n{text}\r\n" for kind, text in parts.items())
    return f"{head}{body}--b--\r\n".encode()


def test_a_delivery_report_turns_the_e_mail_it_is_about_to_failed() -> None:
    report = report_about("gone@fabrikam.example")
    house = House(report)
    known = KnownEmail(activity="sent-1", participants=frozenset(), at=NOW)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<out1@contoso.example>", known)])

    sent = OutgoingState(
        activity="sent-1", status=EmailStatus.SENT, sender=SALES, recipients=("gone@fabrikam.example",), changed=NOW
    )
    house.outgoing.prepare(sent)

    house.route()

    assert house.crm.activities == {}
    ((_, receipt),) = house.ledger.notes.items()
    assert (receipt.outcome, receipt.reason, receipt.activity) == (Outcome.ATTACHED, "delivery_report", "sent-1")
    state = house.outgoing.get("sent-1")
    assert state is not None
    assert state.status is EmailStatus.FAILED


def test_a_delivery_report_that_names_nobody_to_whom_the_e_mail_went_changes_nothing_in_it() -> None:
    house = House(report_about("stranger@never.example"))
    known = KnownEmail(activity="sent-1", participants=frozenset(), at=NOW)
    house.ledger.link([Link(LinkKind.MESSAGE_ID, "<out1@contoso.example>", known)])
    sent = OutgoingState(
        activity="sent-1", status=EmailStatus.SENT, sender=SALES, recipients=("gone@fabrikam.example",), changed=NOW
    )
    house.outgoing.prepare(sent)

    house.route()

    assert house.outgoing.get("sent-1") == sent
