"""Composed bytes are read back: what does not say what was meant is neither stored nor sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from email_router.core import proof
from email_router.core.compose import Outgoing, compose
from email_router.core.errors import MessageRefused
from email_router.core.message import Address, Attachment, Importance

MAIL = Outgoing(
    sender=Address("Müller, Anna", "anna@contoso.example"),
    to=(Address("Erin", "erin@fabrikam.example"), Address("", "bob@bücher.example")),
    cc=(Address("C", "c@fabrikam.example"),),
    subject="Größe: 10 % CRM:0001001",
    date=datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
    message_id="<m1@contoso.example>",
    in_reply_to="<q1@fabrikam.example>",
    references=("<q0@fabrikam.example>", "<q1@fabrikam.example>"),
    text="Hello\n",
    html="<p>Hello</p>",
    attachments=(Attachment("a.pdf", "application/pdf", b"%PDF" * 99), Attachment("b.txt", "text/plain", b"\r\n.\r\n")),
    importance=Importance.HIGH,
    headers=(("X-EmailRouter", "contoso;e1"), ("Disposition-Notification-To", "anna@contoso.example")),
)


def test_what_was_composed_reads_as_it_was_meant() -> None:
    proof.prove(MAIL, compose(MAIL))
    proof.prove(replace(MAIL, to=(), cc=()), compose(replace(MAIL, to=(), cc=())))
    proof.prove(replace(MAIL, subject=""), compose(replace(MAIL, subject="")))


@pytest.mark.parametrize(
    ("of", "becomes", "named"),
    [
        (b"To: ", b"Bcc: evil@example.org\r\nTo: ", "header field"),
        (b"To: ", b"To: evil@example.org\r\nTo: ", "header field"),
        (b"Date: ", b"no field\r\nDate: ", "header field"),
        (b"erin@fabrikam.example", b"evil@fabrikam.example", "To"),
        (b"c@fabrikam.example", b"d@fabrikam.example", "Cc"),
        (b"anna@contoso.example", b"boss@contoso.example", "From"),
        (b"<m1@", b"<m2@", "Message-ID"),
        (b"In-Reply-To: <q1@", b"In-Reply-To: <q9@", "In-Reply-To"),
        (b"Subject: ", b"Subject: Re: ", "Subject"),
        (b"JVBERi", b"JVBERj", "attachment"),
        (b"\r\nMIME-Version", b"\r\n\r\nMIME-Version", "attachment"),
        (b"<p>Hello</p>", b"<p>Goodbye</p>", "text"),
        (b"Hello\r\n", b"Hello\r\nand more\r\n", "text"),
    ],
)
def test_a_mail_that_reads_otherwise_is_refused(of: bytes, becomes: bytes, named: str) -> None:
    raw = compose(MAIL)
    assert of in raw

    with pytest.raises(MessageRefused) as refusal:
        proof.prove(MAIL, raw.replace(of, becomes, 1))

    assert refusal.value.kind == "unsafe"
    assert named in str(refusal.value)


def test_odd_but_lawful_mails_are_not_refused() -> None:
    people = tuple(Address(f"N {number}", f"a{number}@fabrikam.example") for number in range(3_000))
    files = tuple(Attachment(f"{number}.txt", "text/plain", b"%d" % number) for number in range(1_500))
    odd = (
        {"to": people},
        {"attachments": files},
        {"to": (Address("x", '"a b"@fabrikam.example'), Address("", "a@[192.0.2.1]"), Address("", "a@x.example."))},
        {"to": (Address("x", "a@x.example"), Address("y", "A@x.example"))},
        {"text": "begin 644 x.txt\n#86)C\n`\nend\n"},
        {"text": "--=_boundary\n", "html": ""},
        {"text": "", "html": ""},
        {"attachments": (Attachment("a.eml", "message/rfc822", b"Subject: x\r\n\r\nhi"), Attachment("", "", b""))},
        {"in_reply_to": "<a@b> <c@d>"},
        {"subject": "\ud800 =?utf-8?q?x?= "},
    )

    for change in odd:
        mail = replace(MAIL, **change)
        proof.prove(mail, compose(mail))


def test_the_header_of_a_large_mail_is_proven_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "LARGEST_READ_BACK", 100)
    raw = compose(MAIL)

    proof.prove(MAIL, raw)
    with pytest.raises(MessageRefused, match="header field"):
        proof.prove(MAIL, raw.replace(b"To: ", b"Bcc: evil@example.org\r\nTo: ", 1))


@settings(max_examples=300, deadline=None)
@given(
    subject=st.text(max_size=120),
    name=st.text(max_size=60),
    file=st.text(max_size=60),
    content=st.binary(max_size=200),
    text=st.text(max_size=200),
)
def test_whatever_people_write_is_composed_so_that_it_reads_as_meant(
    subject: str, name: str, file: str, content: bytes, text: str
) -> None:
    mail = replace(
        MAIL,
        subject=subject,
        sender=Address(name, "anna@contoso.example"),
        to=(Address(name, "erin@fabrikam.example"),),
        text=text,
        attachments=(Attachment(file, "application/octet-stream", content),),
    )

    proof.prove(mail, compose(mail))
