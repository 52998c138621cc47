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
            ReportedRecipient("full@customer.example", "4.2.2", permanent=False),
        ),
        "<sent-1@contoso.example>",
    )


def test_a_delay_is_no_failure_and_names_the_address_written_to() -> None:
    assert _report("delayed.eml") == DeliveryReport(
        "delayed", (ReportedRecipient("slow@customer.example", "4.4.1", permanent=False),), "<sent-2@contoso.example>"
    )


def test_a_bounce_in_a_servers_own_words_is_read() -> None:
    assert _report("bounce-in-words.eml") == DeliveryReport(
        "failed", (ReportedRecipient("gone@customer.example", "5.1.1", permanent=True),), "<sent-3@contoso.example>"
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
