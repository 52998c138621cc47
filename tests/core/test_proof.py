"""Composed bytes are read back: what does not say what was meant is neither stored nor sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from email_router.core import compose as compose_module
from email_router.core import proof, wire
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
        (b"References: <q0@", b"References: <q9@", "References"),
        (b"Date: Tue, 24", b"Date: Tue, 25", "Date"),
        (b"X-Priority: 1", b"X-Priority: 5", "X-Priority"),
        (b"contoso;e1", b"contoso;e2", "X-EmailRouter"),
        (b"Erin <", b"Boss <", "To"),
        (b"a.pdf", b"a.exe", "attachment"),
        (b"application/pdf", b"text/html", "attachment"),
        (b"\r\nMIME-Version", b"\r\n\r\nMIME-Version", "header field"),
        (b"Content-Disposition: ", b"X-Other: a\r\nContent-Disposition: ", "attachment"),
        (b"Content-Type: text/html", b"X-Other: a\r\nContent-Type: text/html", "header field"),
        (b"Subject: ", b"Subject:\r\n \r\n ", "header field"),
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


def unfolded(raw: bytes) -> bytes:
    """The mail with each header line whole: where it is folded is nobody's meaning (RFC 5322 2.2.3)."""
    return raw.replace(b"\r\n ", b" ")


@pytest.mark.parametrize("change", [b"", b"X", b" ", b"\r", b"\n", b"\0", b"\r\n", b"\r\n\r\n"])
def test_no_byte_can_be_another_be_left_out_or_be_added_anywhere(change: bytes) -> None:
    mail = replace(MAIL, attachments=(MAIL.attachments[1], Attachment("a.pdf", "application/pdf", b"%PDF" * 9)))
    raw = compose(mail)
    proof.prove(mail, raw)

    missed = []
    for at in range(len(raw)):
        for other in (raw[:at] + change + raw[at + 1 :], raw[:at] + change + raw[at:]):
            if unfolded(other) != unfolded(raw):
                try:
                    proof.prove(mail, other)
                except MessageRefused:
                    continue
                missed.append((at, other[max(0, at - 20) : at + 20]))

    assert missed == []


def test_a_large_attachment_is_proven_to_its_last_byte() -> None:
    content = bytes(range(256)) * 4 * 5_000
    mail = replace(MAIL, attachments=(Attachment("a.bin", "application/octet-stream", content),))
    raw = compose(mail)
    end = raw.rindex(b"\r\n--=_")

    proof.prove(mail, raw)
    for at in (end - 1, end // 2, end - 800_000):
        changed = raw[:at] + (b"B" if raw[at : at + 1] == b"A" else b"A") + raw[at + 1 :]
        with pytest.raises(MessageRefused, match="attachment"):
            proof.prove(mail, changed)
    with pytest.raises(MessageRefused, match="attachment"):
        proof.prove(mail, raw[: end - 78] + raw[end:])


INJECTED = "x\r\nBcc: evil@example.org"


@pytest.mark.parametrize(
    ("name", "broken", "change"),
    [
        ("printable", str, {"subject": INJECTED, "attachments": ()}),
        ("unstructured", lambda text, _: text, {"subject": INJECTED}),
        ("unstructured", lambda text, _: text, {"subject": "=?utf-8?q?x=0D=0ABcc:_e?="}),
        ("unstructured", lambda text, _: text.replace("u", "\r\n u"), {"subject": "fold your words"}),
        ("phrase", lambda name: name, {"to": (Address('A" <evil@example.org>, "B', "erin@fabrikam.example"),)}),
        ("phrase", lambda name: name, {"to": (Address("evil@example.org, B", "erin@fabrikam.example"),)}),
        ("phrase", lambda name: name, {"to": (Address("B (c) \\", "erin@fabrikam.example"),)}),
        ("phrase", lambda name: name.upper(), {"to": (Address("Erin", "erin@fabrikam.example"),)}),
        ("international_address", str.strip, {"to": (Address("", "a@x.example>, <evil@example.org"),)}),
        ("international_address", str.strip, {"to": (Address("", f"a@x.example{INJECTED}"),)}),
        ("international_address", lambda one: one.replace("erin", "evil"), {}),
        ("message_ids", tuple, {"in_reply_to": f"<a@b>{INJECTED}"}),
        ("message_ids", tuple, {"references": (f"<a@b>{INJECTED}",)}),
        ("fold", lambda text, _: f"{text}\r\nBcc: evil@example.org", {}),
        ("quoted_printable", lambda raw: raw, {"text": "a\r\n--=_x\r\n = b\n"}),
        ("quoted_printable", lambda raw: raw, {"text": "x" * 1_200}),
        ("quoted_printable", lambda raw: raw.replace(b"=", b"=3D"), {"text": "blank at the end \n"}),
        ("base64_lines", lambda raw: raw, {"text": "Größe\n"}),
        ("base64_pieces", lambda content: iter((*content, b"\r\n")), {}),
        ("parameter", lambda name, value: f'; {name}="{value}"', {"attachments": (Attachment('a"; x="b', "", b""),)}),
        ("parameter", lambda name, value: f"; {name}={value}", {"attachments": (Attachment("a.pdf", "", b""),)}),
        ("fallback_parameter", lambda name, value: "", {}),
    ],
)
def test_composing_that_is_broken_in_one_place_is_found_out(
    name: str, broken: Callable[..., object], change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each guard in turn does nothing, or writes something else; the mail is one on which that shows."""
    mail = replace(MAIL, **change)  # type: ignore[arg-type]  # fields by name
    monkeypatch.setattr(wire, name, broken)

    with pytest.raises(MessageRefused) as refusal:
        proof.prove(mail, compose(mail))

    assert refusal.value.kind == "unsafe"


@pytest.mark.parametrize(
    "split",
    [
        lambda mail: ([], list(mail.attachments[1:])),
        lambda mail: ([], [*mail.attachments, mail.attachments[0]]),
        lambda mail: ([], [replace(mail.attachments[0], content=b"x"), *mail.attachments[1:]]),
    ],
)
def test_an_attachment_that_composing_forgets_or_repeats_is_found_out(
    split: Callable[[Outgoing], tuple[list[Attachment], list[Attachment]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose_module, "shown_and_attached", split)

    with pytest.raises(MessageRefused, match="attachment"):
        proof.prove(MAIL, compose(MAIL))


@settings(max_examples=300, deadline=None)
@given(
    subject=st.text(max_size=120),
    name=st.text(max_size=60),
    file=st.text(max_size=60),
    content=st.binary(max_size=200),
    text=st.text(max_size=200),
    local=st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=40),
)
def test_whatever_people_write_is_composed_so_that_it_reads_as_meant(
    subject: str, name: str, file: str, content: bytes, text: str, local: str
) -> None:
    mail = replace(
        MAIL,
        subject=subject,
        sender=Address(name, "anna@contoso.example"),
        to=(Address(name, "erin@fabrikam.example"), Address(name, f"{local}@fabrikam.example")),
        text=text,
        attachments=(Attachment(file, "application/octet-stream", content),),
    )

    proof.prove(mail, compose(mail))
