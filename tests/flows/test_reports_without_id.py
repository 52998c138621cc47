"""A delivery report finds its e-mail by whatever the returned mail, or the report itself, still says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.mailbox import Accept
from email_router.core.settings import Tracking
from tests.flows.house import NOW, SALES, House
from tests.flows.test_screened_road import ERIN, sent, traces

TOKEN = "Subject: Your order CRM:0001001\r\n"
MARK = "X-EmailRouter: contoso;out\r\nMessage-ID: <rewritten@relay.example>\r\n"
NOBODY = "nobody@elsewhere.example"


def report(
    returned: str = "", *, extra: str = "", subject: str = "Undelivered", final: str = ERIN, original: str = ""
) -> bytes:
    """Return a report about `final`; `returned` are the fields of the mail that it returns."""
    told = f"Original-Recipient: rfc822; {original}\r\n" if original else ""
    about = f"{told}Final-Recipient: rfc822; {final}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n" if final else ""
    mail = f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{returned}\r\n" if returned else ""
    return (
        f"From: MAILER-DAEMON@fabrikam.example\r\nTo: {SALES}\r\nSubject: {subject}\r\nMessage-ID: <d1@fabrikam.example>\r\n"
        f"Date: Tue, 24 Nov 2026 11:00:00 +0000\r\nReturn-Path: <>\r\n{extra}MIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nIt failed.\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n{about}{mail}--b--\r\n"
    ).encode()


FOUND = {
    "by In-Reply-To": (report(extra="In-Reply-To: <sent@contoso.example>\r\n"), "by its In-Reply-To or References"),
    "by References": (
        report(extra="References: <their@fabrikam.example> <sent@contoso.example>\r\n"),
        "by its In-Reply-To or References",
    ),
    "by the mark": (report(MARK), "by the mark in the returned mail"),
    "by the token": (report(TOKEN), "by the token CRM:0001001"),
    "by the token in its own subject": (
        report(subject="Undeliverable: Your order CRM:0001001"),
        "by the token CRM:0001001",
    ),
    "by the token, forwarded": (
        report(TOKEN, final="private@elsewhere.example", original=ERIN),
        "by the token CRM:0001001",
    ),
    "by the mark, forwarded": (report(MARK, original=ERIN, final=NOBODY), "by the mark in the returned mail"),
}


@pytest.mark.parametrize("accept", [Accept.ALL, Accept.REPLIES])
@pytest.mark.parametrize(("raw", "how"), FOUND.values(), ids=FOUND)
def test_a_report_without_the_original_id_is_attached_and_fails_its_e_mail(
    raw: bytes, how: str, accept: Accept
) -> None:
    house = House(raw, accept=accept)
    sent(house)

    house.route()

    (trace,) = traces(house)
    state = house.outgoing.get("out")
    assert (trace.outcome.value, trace.activity) == ("attached", "out")
    assert state is not None
    assert state.status is EmailStatus.FAILED
    seen = next(one.evidence for one in trace.answers if one.question == "delivery_report")
    assert seen.endswith(f"activity out, known {how}")
    assert house.crm.activities == {}


OTHERS = {
    "the token, another recipient": report(TOKEN, final=NOBODY),
    "the token, nobody": report(TOKEN, final=""),
    "In-Reply-To, another recipient": report(extra="In-Reply-To: <sent@contoso.example>\r\n", final=NOBODY),
    "the token, the original another": report(TOKEN, final=NOBODY, original="stranger@elsewhere.example"),
    "the mark of another activity": report(MARK.replace(";out", ";of-another-installation")),
    "the mark of another organisation": report(MARK.replace("contoso", "fabrikam")),
    "another token": report(TOKEN.replace("0001001", "0001002")),
}


@pytest.mark.parametrize("raw", OTHERS.values(), ids=OTHERS)
def test_a_report_that_may_be_about_another_mail_is_attached_to_none(raw: bytes) -> None:
    house = House(raw)
    sent(house)

    house.route()

    (trace,) = traces(house)
    state = house.outgoing.get("out")
    assert trace.outcome.value == "delivered"
    assert state is not None
    assert state.status is EmailStatus.SENT
    seen = next(one.evidence for one in trace.answers if one.question == "delivery_report")
    assert "about no e-mail that the router sent" in seen
    named = raw in (
        OTHERS["the mark of another activity"],
        OTHERS["the mark of another organisation"],
        OTHERS["another token"],
    )
    assert ("activity out, by " in seen) is not named


@pytest.mark.parametrize(
    "raw", [report(TOKEN), report(extra="In-Reply-To: <sent@contoso.example>\r\n")], ids=["token", "id"]
)
def test_the_switches_of_matching_do_not_count_for_reports(raw: bytes) -> None:
    house = House(raw)
    house.configure(tracking=Tracking(tokens=False, correlation=False))
    sent(house)

    house.route()

    (trace,) = traces(house)
    assert (trace.outcome.value, trace.activity) == ("attached", "out")


def test_a_page_of_reports_asks_once_what_was_sent() -> None:
    reports = [report(MARK).replace(b"<d1@", f"<d{number}@".encode()) for number in range(25)]
    house = House(*reports)
    sent(house)
    calls: list[int] = []
    real = house.outgoing.several
    house.outgoing.several = lambda activities: calls.append(len(activities)) or real(activities)  # type: ignore[method-assign,func-returns-value]  # listens

    house.route()

    assert calls == [1]
    assert {one.activity for one in traces(house)} == {"out"}


def test_an_e_mail_of_which_no_recipient_is_written_down_takes_no_token_for_a_proof() -> None:
    house = House(report(TOKEN))
    sent(house)
    house.outgoing._states["out"] = replace(house.outgoing._states["out"], recipients=(), changed=NOW)

    house.route()

    assert traces(house)[0].outcome.value == "delivered"
