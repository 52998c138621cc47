"""A bounce tells whom it could not reach, in whatever words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from email_router.core.message import DeliveryReport, ReportedRecipient
from email_router.core.parse import parse

MAILS = Path(__file__).parents[1] / "mails"


def _report(name: str) -> DeliveryReport | None:
    return parse((MAILS / name).read_bytes()).delivery_report


def test_a_report_names_status_and_permanence_of_each_recipient() -> None:
    assert _report("bounce.eml") == DeliveryReport(
        "failed",
        (
            ReportedRecipient("gone@customer.example", "5.1.1", permanent=True),
            ReportedRecipient("full@customer.example", "4.2.2", permanent=True),  # failed: no more attempts are made
        ),
        "<sent-1@contoso.example>",
        original_subject="Offer",
    )


def test_a_delay_is_no_failure_and_names_the_address_written_to() -> None:
    assert _report("delayed.eml") == DeliveryReport(
        "delayed",
        (ReportedRecipient("slow@customer.example", "4.4.1", permanent=False, original="slow@customer.example"),),
        "<sent-2@contoso.example>",
        original_subject="Offer",
    )


def test_a_recipient_that_is_still_waited_for_is_told_beside_the_one_that_failed() -> None:
    raw = (
        b"From: MAILER-DAEMON@example.com\r\nSubject: Undelivered\r\n"
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\n"
        b"Final-Recipient: rfc822; slow@example.org\r\nAction: delayed\r\nStatus: 4.4.1\r\n\r\n"
        b"Final-Recipient: rfc822; gone@example.org\r\nAction: failed\r\nStatus: 4.4.7\r\n\r\n"
        b"Final-Recipient: rfc822; well@example.org\r\nAction: delivered\r\nStatus: 2.0.0\r\n--b--\r\n"
    )

    report = parse(raw).delivery_report

    assert report is not None
    assert report.action == "failed"
    assert report.recipients == (
        ReportedRecipient("slow@example.org", "4.4.1", permanent=False),
        ReportedRecipient("gone@example.org", "4.4.7", permanent=True),
    )


def test_a_bounce_in_a_servers_own_words_is_read() -> None:
    assert _report("bounce-in-words.eml") == DeliveryReport(
        "failed",
        (ReportedRecipient("gone@customer.example", "5.1.1", permanent=True),),
        "<sent-3@contoso.example>",
        original_subject="Offer",
    )


@pytest.mark.parametrize("name", ["question.eml", "absence.eml", "newsletter.eml", "winmail.eml"])
def test_other_mail_is_no_report(name: str) -> None:
    assert _report(name) is None


@pytest.mark.parametrize("kind", ["disposition-notification", "feedback-report"])
def test_receipts_and_complaints_are_no_delivery_reports(kind: str) -> None:
    raw = (
        f"From: postmaster@example.com\r\nSubject: Read: Offer\r\nContent-Type: multipart/report; report-type={kind}; boundary=b\r\n\r\n"
        f"--b\r\nContent-Type: message/{kind}\r\n\r\nFinal-Recipient: rfc822; a@example.com\r\n--b--\r\n"
    )

    assert parse(raw.encode()).delivery_report is None


def test_a_person_who_writes_about_a_bounce_is_no_bounce() -> None:
    raw = b"From: Ann <ann@example.com>\r\nSubject: Undeliverable: Offer\r\n\r\nI got this from <gone@example.com>:\r\n550 5.1.1 unknown"

    assert parse(raw).delivery_report is None


def test_a_bounce_that_names_nobody_is_still_a_bounce() -> None:
    raw = b"From: MAILER-DAEMON@example.com\r\nSubject: Undelivered mail\r\n\r\nSorry.\r\n\r\nMessage-ID: <sent-4@contoso.example>\r\n"

    assert parse(raw).delivery_report == DeliveryReport("failed", (), "<sent-4@contoso.example>")


def test_a_success_is_reported_as_delivered() -> None:
    raw = (
        b"From: postmaster@example.com\r\nSubject: Relayed\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
        b"Final-Recipient: rfc822; a@example.com\r\nAction: delivered\r\nStatus: 2.1.5\r\n--b--\r\n"
    )

    assert parse(raw).delivery_report == DeliveryReport(
        "delivered", (ReportedRecipient("a@example.com", "2.1.5", permanent=False),), None
    )


@pytest.mark.parametrize("head", [b"From: MAILER-DAEMON\r\n", b"From: M\xfc <mailer-daemon@example.com>\r\n", b""])
def test_nothing_is_logged_about_a_bounce_that_is_hard_to_read(head: bytes, caplog: pytest.LogCaptureFixture) -> None:
    raw = head + b"Return-Path: <>\r\nSubject: Undelivered mail\r\n\r\n  gone@example.com\r\n    550 5.1.1 unknown\r\n"

    report = parse(raw).delivery_report

    assert report is not None
    assert [one.address for one in report.recipients] == ["gone@example.com"]
    assert caplog.records == []


def test_a_person_who_attaches_a_report_sends_no_report() -> None:
    raw = (MAILS / "bounce.eml").read_bytes()
    raw = raw.replace(b"Mail Delivery System <MAILER-DAEMON@mx.contoso.example>", b"Ann <ann@customer.example>")
    raw = raw.replace(b"Return-Path: <>\r\n", b"").replace(
        b"multipart/report; report-type=delivery-status", b"multipart/mixed"
    )

    assert parse(raw).delivery_report is None


def test_an_ordinary_mail_loads_no_bounce_detectors() -> None:
    program = (
        "import sys\n"
        "from email_router.core.parse import parse\n"
        "parse(b'From: a@example.com\\nSubject: x\\n\\ntext')\n"
        "sys.exit('flufl.bounce' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


_SPOKEN = (
    b"From: relay-service@example.com\r\nTo: sales@contoso.example\r\nSubject: %s\r\n%s\r\n"
    b"%sYour message could not be delivered to the following recipients:\r\n\r\ngone@example.org\r\n"
)


def _spoken(subject: bytes = b"Delivery failure", fields: bytes = b"", before: bytes = b"") -> DeliveryReport | None:
    return parse(_SPOKEN % (subject, fields, before)).delivery_report


def test_a_server_that_signs_as_somebody_else_is_known_by_how_its_report_begins() -> None:
    for report in (_spoken(), _spoken(b"Mail", b"Return-Path: <>\r\n")):
        assert report is not None
        assert [one.address for one in report.recipients] == ["gone@example.org"]


@pytest.mark.parametrize(
    ("subject", "fields", "before"),
    [
        (b"Your offer", b"", b""),
        (b"Fwd: Delivery failure", b"", b""),
        (b"Re: Delivery failure", b"In-Reply-To: <1@contoso.example>\r\n", b""),
        (b"Delivery failure", b"", b"> Hello,\r\n"),
        (b"Delivery failure", b"", b"Dear colleagues, " + b"we have a question about this. " * 20),
    ],
)
def test_a_person_who_quotes_a_report_is_no_bounce(subject: bytes, fields: bytes, before: bytes) -> None:
    assert _spoken(subject, fields, before) is None


def test_a_parcel_that_could_not_be_delivered_is_no_bounce() -> None:
    raw = b"From: info@parcels.example\r\nSubject: Delivery failed\r\n\r\nYour parcel could not be delivered to 1 Main Street.\r\n"

    assert parse(raw).delivery_report is None


def test_every_address_of_an_old_transcript_is_reported() -> None:
    raw = (
        b"From: MAILER-DAEMON@example.com\r\nSubject: Returned mail: Host unknown\r\n\r\n   ----- Transcript of session follows -----\r\n"
        b"554 <one@a.example>... 550 Host unknown\r\n554 <two@b.example>... 550 Host unknown\r\n\r\n"
        b"   ----- Unsent message follows -----\r\nTo: three@c.example\r\n\r\ntext\r\n"
    )
    report = parse(raw).delivery_report

    assert report is not None
    assert [(one.address, one.permanent) for one in report.recipients] == [
        ("one@a.example", True),
        ("two@b.example", True),
    ]


def test_a_bounce_that_names_nobody_means_the_only_recipient_of_what_came_back() -> None:
    raw = (
        b"From: MAILER-DAEMON@example.com\r\nSubject: Undelivered mail\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nTo: %s\r\nSubject: Offer\r\n\r\ntext\r\n--b--\r\n"
    )
    one, two = (parse(raw % to).delivery_report for to in (b"<only@example.org>", b"a@example.org, b@example.org"))

    assert one is not None
    assert one.recipients == (ReportedRecipient("only@example.org", "", permanent=False),)
    assert two == DeliveryReport("failed", (), None, original_subject="Offer")


def test_the_fields_of_a_report_are_read_from_a_mail_that_lost_its_structure() -> None:
    raw = (
        b"From: MAILER-DAEMON@example.com\r\nSubject: Returned mail\r\n\r\n--x\r\n\r\nFinal-Recipient: RFC822; gone@example.org\r\n"
        b"Original-Recipient: rfc822; first@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--x--\r\n"
    )
    report = parse(raw).delivery_report

    assert report is not None
    assert report.recipients == (
        ReportedRecipient("first@example.org", "5.1.1", permanent=True, original="first@example.org"),
    )


def test_addresses_of_the_copy_below_are_not_reported() -> None:
    raw = (
        b"From: mailer-daemon@example.com\r\nSubject: Undelivered Mail Returned to Sender\r\n\r\n"
        b"This message was created automatically by mail delivery software.\r\n\r\ngone@example.org Invalid Address, CODE :550\r\n\r\n\r\n"
        b"Received:from a.example\r\nMessage-ID:<1@contoso.example>\r\nFrom: Sales <sales@contoso.example>\r\nTo:<gone@example.org>\r\n"
    )
    report = parse(raw).delivery_report

    assert report is not None
    assert [one.address for one in report.recipients] == ["gone@example.org"]


_RETURNED = (
    b"From: MAILER-DAEMON@example.com\r\nSubject: Undelivered mail\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\n\r\n<gone@example.org>: 550 5.1.1 unknown\r\n%s--b--\r\n"
)
_HEADER = b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= CRM:0001001\r\nX-EmailRouter: contoso;out\r\n"


@pytest.mark.parametrize(
    "returned",
    [
        b"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n" + _HEADER,
        b"--b\r\nContent-Type: message/rfc822\r\n\r\n" + _HEADER + b"\r\ntext\r\n",
        b"\r\nThis is what you wrote:\r\n" + _HEADER,
        b"\r\n> " + _HEADER.replace(b"\r\nX-", b"\r\n> x-"),
    ],
    ids=["header", "whole", "in a text", "quoted"],
)
def test_a_report_keeps_mark_and_subject_of_the_mail_that_it_returns(returned: bytes) -> None:
    report = parse(_RETURNED % returned).delivery_report

    assert report is not None
    assert (report.original_message_id, report.original_mark, report.original_subject) == (
        None,
        "contoso;out",
        "Grüße CRM:0001001",
    )
