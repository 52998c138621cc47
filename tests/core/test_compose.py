"""What is composed is read back by the standard library, byte by byte fit for the wire."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.utils import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from email_router.core.compose import LOOP_MARK, Outgoing, compose, loop_mark, read_loop_mark
from email_router.core.errors import MessageRefused
from email_router.core.message import Address, Attachment, Importance
from email_router.core.parse import parse
from email_router.core.wire import mail_address

NOW = datetime(2026, 11, 24, 12, 34, 56, tzinfo=UTC)
SALES = Address("Sales", "sales@contoso.example")
PLAIN = Outgoing(
    sender=SALES, to=(Address("", "ann@example.org"),), date=NOW, message_id="<1@contoso.example>", text="Hello\n"
)
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
INJECTIONS = [
    "a\r\nBcc: eve@example.org",
    "a\nBcc: eve@example.org",
    "a\rBcc: x",
    "a\0b",
    "=?utf-8?q?a=0d=0aBcc:_e?=",
    "a\x85b",
    "a\u2028b",
]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
ODD = st.lists(
    st.sampled_from(
        [
            "a",
            "ä",
            "日本",
            "🙂",
            " ",
            "  ",
            "\t",
            "\r",
            "\n",
            "\0",
            '"',
            "\\",
            "=?",
            "?=",
            "<",
            ">",
            ",",
            ";",
            ":",
            "(",
            ")",
            "@",
            "x" * 80,
            "'",
        ]
    ),
    max_size=30,
).map("".join)


def parsed(mail: Outgoing) -> EmailMessage:
    """Compose the mail, look at every byte, and read it back."""
    raw = compose(mail)
    fit_for_the_wire(raw)
    assert compose(mail) == raw
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert part.defects == []
    return message


def fit_for_the_wire(raw: bytes) -> None:
    """ASCII, lines by CRLF alone and short enough (RFC 5322 2.1.1)."""
    assert raw.isascii()
    assert b"\0" not in raw
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")
    assert raw.endswith(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    head = raw.partition(b"\r\n\r\n")[0]
    assert all(line[:1] == b" " or re.match(rb"[A-Za-z][A-Za-z0-9-]*: ?", line) for line in head.split(b"\r\n"))


def clean(text: str) -> str:
    """The text as it can stand on one line."""
    return CONTROL.sub(" ", text).strip()


def with_width(text: str) -> str:
    """The text without the invisible characters that the reader takes out."""
    return "".join(one for one in text if unicodedata.category(one) not in ("Cf", "Cn"))


def addresses(message: EmailMessage, name: str) -> list[tuple[str, str]]:
    """Display names and addresses of a field."""
    field = message[name]
    assert isinstance(field, AddressHeader)
    return [(each.display_name, each.addr_spec) for each in field.addresses]


def content(message: EmailMessage, kind: str) -> str:
    """The decoded content of the body of this kind."""
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_the_header_says_what_was_given() -> None:
    mail = replace(
        PLAIN,
        to=(Address("Ann Müller", "ann@example.org"), Address('Dr. "B", Bob', "bob@example.org")),
        cc=(Address("", "cc@example.org"),),
        subject="Größe der Bestellung CRM:0001001",
        in_reply_to="<parent@example.org>",
        references=("<root@example.org>", "<parent@example.org>"),
        importance=Importance.HIGH,
        headers=(loop_mark("contoso", "6f1d"), ("Thread-Index", "AQHXabc=")),
    )

    message = parsed(mail)

    assert addresses(message, "From") == [("Sales", "sales@contoso.example")]
    assert addresses(message, "To") == [("Ann Müller", "ann@example.org"), ('Dr. "B", Bob', "bob@example.org")]
    assert addresses(message, "Cc") == [("", "cc@example.org")]
    assert message["Subject"] == "Größe der Bestellung CRM:0001001"
    assert message["Date"].datetime == NOW
    assert message["Message-ID"] == "<1@contoso.example>"
    assert message["In-Reply-To"] == "<parent@example.org>"
    assert message["References"].split() == ["<root@example.org>", "<parent@example.org>"]
    assert (message["Importance"], message["X-Priority"]) == ("high", "1")
    assert message["Thread-Index"] == "AQHXabc="
    assert read_loop_mark(message[LOOP_MARK]) == ("contoso", "6f1d")
    assert message["MIME-Version"] == "1.0"


@settings(deadline=None, max_examples=300)
@given(subject=TEXT | ODD, name=TEXT | ODD)
def test_any_subject_and_name_come_back_and_add_no_field(subject: str, name: str) -> None:
    mail = replace(
        PLAIN, subject=subject, to=(Address(name, "ann@example.org"),), cc=(Address(name, "bob@example.org"),)
    )

    message = parsed(mail)

    assert message["Subject"] == clean(subject)
    assert [address for _, address in addresses(message, "To") + addresses(message, "Cc")] == [
        "ann@example.org",
        "bob@example.org",
    ]
    assert sorted(message.keys()) == sorted(
        [
            "Date",
            "From",
            "To",
            "Cc",
            "Subject",
            "Message-ID",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding",
        ]
    )
    # The library's reader makes one space of several, and puts one between two encoded words of a name (Python 3.11).
    shown = {"".join(each.split()) for each, _ in addresses(message, "To") + addresses(message, "Cc")}
    assert shown == {"".join(clean(name).split())}


@settings(deadline=None, max_examples=200)
@given(text=TEXT | ODD, html=TEXT | ODD)
def test_any_text_comes_back(text: str, html: str) -> None:
    message = parsed(replace(PLAIN, text=text, html=html))

    for kind, given_text in (("plain", text), ("html", html)):
        if given_text:
            wanted = re.sub("\r\n|\r|\n", "\n", given_text)
            # The line end before a boundary belongs to the boundary (RFC 2046 5.1.1).
            assert content(message, kind).rstrip("\n") == wanted.rstrip("\n")


@settings(deadline=None, max_examples=200)
@given(
    name=TEXT | ODD,
    data=st.binary(max_size=200),
    media_type=ODD | st.sampled_from(["image/png", "text/plain", "message/rfc822", "multipart/mixed"]),
)
def test_any_attachment_comes_back(name: str, data: bytes, media_type: str) -> None:
    message = parsed(replace(PLAIN, attachments=(Attachment(name, media_type, data),)))

    (part,) = message.iter_attachments()
    wanted = clean(name).replace("/", "_").replace("\\", "_")
    assert part.get_payload(decode=True) == data
    assert part.get_content_disposition() == "attachment"
    # The library's reader takes off quotes, brackets and blanks that are the name's own.
    assert (part.get_filename() or "") == unquote(wanted).strip()
    assert part.get_content_type() in {media_type, "application/octet-stream"}
    assert part.get_content_maintype() not in {"message", "multipart"}


@settings(deadline=None, max_examples=200)
@given(subject=TEXT | ODD, name=TEXT | ODD, text=TEXT)
def test_the_routers_own_reader_reads_what_was_written(subject: str, name: str, text: str) -> None:
    message = parse(compose(replace(PLAIN, subject=subject, sender=Address(name, "sales@contoso.example"), text=text)))

    assert with_width(message.subject).split() == with_width(clean(subject)).split()
    assert message.author is not None
    assert message.author.address == "sales@contoso.example"
    assert "".join(with_width(message.author.name).split()) == "".join(with_width(clean(name)).split())
    assert message.message_id == PLAIN.message_id
    assert message.date == NOW
    assert message.defects == ()


@pytest.mark.parametrize("injection", INJECTIONS)
def test_nothing_injects_a_field(injection: str) -> None:
    friendly = replace(
        PLAIN,
        subject=injection,
        sender=Address(injection, "sales@contoso.example"),
        in_reply_to=f"<{injection}@x>",
        references=(f"<{injection}@x>", "<good@x>"),
        attachments=(Attachment(injection, f"text/{injection}", b"x", inline=True, content_id=injection),),
    )

    raw = compose(friendly)
    message = parsed(friendly)

    assert message["Bcc"] is None
    for reading in (policy.default, policy.compat32, policy.SMTP):
        again = message_from_bytes(message_from_bytes(raw, policy=reading).as_bytes(), policy=policy.default)
        assert [name for name in again if name.lower() == "bcc"] == []
    assert message["References"] == "<good@x>"


@pytest.mark.parametrize("injection", INJECTIONS)
def test_what_would_have_to_be_changed_is_refused(injection: str) -> None:
    strict = [
        replace(PLAIN, message_id=f"<{injection}@x y>"),
        replace(PLAIN, sender=Address("", f"{injection} @contoso.example")),
        replace(PLAIN, to=(Address("", f"ann@{injection} .example"),)),
        replace(PLAIN, headers=((f"X-{injection}", "x"),)),
        replace(PLAIN, headers=(("X-Field", f"{injection}\n"),)),
    ]
    for mail in strict:
        with pytest.raises(MessageRefused) as caught:
            compose(mail)
        assert caught.value.kind in {"address", "unsafe"}
        assert injection not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["Bcc", "bcc", "Subject", "From", "Content-Type", "content-transfer-encoding", "MIME-Version", "X Y", "", "X:"],
)
def test_a_further_field_may_not_be_one_that_the_composer_writes(name: str) -> None:
    with pytest.raises(MessageRefused):
        compose(replace(PLAIN, headers=((name, "x"),)))


def test_a_blind_copy_is_in_no_field() -> None:
    message = parsed(replace(PLAIN, to=(), cc=()))

    assert message["To"] == "undisclosed-recipients:;"
    assert "Bcc" not in message


def test_text_html_inline_images_and_attachments_are_nested_as_readers_expect() -> None:
    logo = Attachment("logo.png", "image/png", b"\x89PNG", inline=True, content_id="logo@1")
    stray = Attachment("stray.png", "image/png", b"\x89PNG", inline=True, content_id="unused")
    report = Attachment("report.pdf", "application/pdf", b"%PDF")

    message = parsed(replace(PLAIN, html='<img src="cid:logo@1">', attachments=(report, logo, stray)))

    kinds = [part.get_content_type() for part in message.walk()]
    assert kinds == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
        "image/png",
    ]
    inline = next(part for part in message.walk() if part["Content-ID"] == "<logo@1>")
    assert inline.get_content_disposition() == "inline"
    assert content(message, "html").strip() == '<img src="cid:logo@1">'


def test_a_name_of_other_letters_is_given_to_old_readers_too() -> None:
    raw = compose(replace(PLAIN, attachments=(Attachment("Übersicht für 2026.pdf", "application/pdf", b"x"),)))

    assert b"filename*=utf-8''%C3%9Cbersicht%20f%C3%BCr%202026.pdf" in raw
    assert b'name="=?utf-8?b?' in raw


@pytest.mark.parametrize(
    "text", ["x" * 5000, "日本語" * 900, "", "\n", ".", "From here\n.\n..\n", "trailing \t \n", "a\0b\x01\x0c"]
)
def test_lines_of_any_length_and_odd_characters_come_back(text: str) -> None:
    message = parsed(replace(PLAIN, text=text))

    assert content(message, "plain").removesuffix("\n") == text.removesuffix("\n")


def test_a_lone_surrogate_harms_nothing() -> None:
    message = parsed(
        replace(PLAIN, subject="a\ud800b", text="a\ud800b", attachments=(Attachment("a\ud800b", "x/y", b""),))
    )

    assert message["Subject"] == "a?b"


def test_a_long_thread_keeps_its_root_and_its_last_mails() -> None:
    chain = tuple(f"<{number}@example.org>" for number in range(200))

    references = parsed(replace(PLAIN, references=chain))["References"].split()

    assert references[0] == chain[0]
    assert references[-1] == chain[-1]
    assert len(references) == 30


def test_two_thousand_recipients_and_a_long_subject_are_folded() -> None:
    many = tuple(Address(f"Person {number}", f"person{number}@example.org") for number in range(2000))

    message = parsed(replace(PLAIN, to=many, subject="word " * 400))

    assert len(addresses(message, "To")) == 2000
    assert message["Subject"] == ("word " * 400).strip()


@pytest.mark.parametrize("offset", [timedelta(0), timedelta(hours=-8), timedelta(hours=5, minutes=30)])
def test_the_date_is_the_one_given_in_its_own_zone(offset: timedelta) -> None:
    date = NOW.astimezone(timezone(offset))

    message = parsed(replace(PLAIN, date=date))

    assert message["Date"].datetime == date
    assert message["Date"].datetime.utcoffset() == offset


def test_a_date_without_a_zone_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="timezone-aware"):
        compose(replace(PLAIN, date=NOW.replace(tzinfo=None)))


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("ann@example.org", "ann@example.org"),
        (" Ann+x@Example.org ", "Ann+x@Example.org"),
        ('"ann b"@example.org', '"ann b"@example.org'),
        ("ann@müller.example", "ann@xn--mller-kva.example"),
        ("o'neil/x=y@example.org", "o'neil/x=y@example.org"),
        ("ann@[192.0.2.1]", "ann@[192.0.2.1]"),
    ],
)
def test_an_address_goes_as_it_may_stand_on_the_wire(address: str, wire: str) -> None:
    assert mail_address(address) == wire


@pytest.mark.parametrize(
    "address",
    [
        "",
        "@",
        "ann",
        "ann@",
        "@x",
        "a b@x",
        "ann@x y",
        "ann@x>",
        "<ann@x>",
        "änn@x",
        "a@b@c,d",
        '"a"b"@x',
        "a" * 250 + "@x.example",
        "ann@" + "ü" * 70,
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(MessageRefused) as caught:
        mail_address(address)

    assert caught.value.kind == "address"
    assert caught.value.mend


@pytest.mark.parametrize("names", [("contoso", "6f1d"), ("Größe; 1%", "a;b c")])
def test_the_loop_mark_gives_back_what_it_was_made_of(names: tuple[str, str]) -> None:
    assert read_loop_mark(loop_mark(*names)[1]) == names


@pytest.mark.parametrize("value", ["", "contoso", ";", "contoso;", ";x"])
def test_what_is_no_loop_mark_is_none(value: str) -> None:
    assert read_loop_mark(value) is None
