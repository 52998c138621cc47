"""What is composed is read back by the standard library, byte by byte fit for the wire."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from email_router.core.compose import LOOP_MARK, compose, loop_mark, read_loop_mark
from email_router.core.message import Address, Attachment, Importance
from tests.core.composed import NOW, PLAIN, addresses, content, parsed


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


@pytest.mark.parametrize("names", [("contoso", "6f1d"), ("Größe; 1%", "a;b c")])
def test_the_loop_mark_gives_back_what_it_was_made_of(names: tuple[str, str]) -> None:
    assert read_loop_mark(loop_mark(*names)[1]) == names


@pytest.mark.parametrize("value", ["", "contoso", ";", "contoso;", ";x"])
def test_what_is_no_loop_mark_is_none(value: str) -> None:
    assert read_loop_mark(value) is None
