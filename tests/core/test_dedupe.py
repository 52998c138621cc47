"""Copies of one mail have one key, different mails have different ones."""

from __future__ import annotations

from dataclasses import replace

import pytest

from email_router.core.dedupe import collision_key, message_key, normalised_id
from email_router.core.parse import parse

_HEAD = b"From: Ann <ann@example.com>\r\nTo: sales@contoso.example\r\nSubject: Offer\r\nDate: Mon, 2 Nov 2026 09:30:00 +0100\r\n"
_ID = b"Message-ID: <Abc@Example.COM>\r\n"


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("<Abc@Example.COM>", "<Abc@example.com>"),
        (" < Abc @ Example.COM > ", "<Abc@example.com>"),
        ("<abc(x)@example.com(y)>", "<abc@example.com>"),
        ('<"a b"@example.com>', '<"ab"@example.com>'),
        ("<abc@[192.0.2.1]>", "<abc@[192.0.2.1]>"),
        ("<abc>", None),
        ("abc@example.com", None),
        ("<@example.com>", None),
        ("<abc@>", None),
        ("<a@b@c>", None),
        ("", None),
        (None, None),
    ],
)
def test_ids_are_normalised(written: str | None, normalised: str | None) -> None:
    assert normalised_id(written) == normalised


def test_copies_of_one_mail_in_other_clothes_have_one_key() -> None:
    plain = parse(b"Received: by a\r\n" + _HEAD + _ID + b"\r\nhello\r\nyou")
    dressed = parse(
        b"Received: by b\r\n"
        + _HEAD
        + b"Message-ID: <Abc@example.com>\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n"
        b"--q\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8KeW91\r\n--q--\r\n"
    )

    assert message_key(plain, "incoming") == message_key(dressed, "incoming")
    assert message_key(plain, "incoming").has_id


def test_a_mail_without_an_id_is_known_by_what_it_says() -> None:
    first = message_key(parse(b"Received: by a\r\n" + _HEAD + b"\r\nhello\r\n"), "incoming")
    same = message_key(parse(_HEAD.replace(b"09:30:00 +0100", b"08:30:00 +0000") + b"\r\nhello"), "incoming")
    other = message_key(parse(_HEAD + b"\r\ngoodbye"), "incoming")

    assert not first.has_id
    assert first.key == same.key
    assert first.key != other.key


def test_the_direction_is_part_of_the_key() -> None:
    mail = parse(_HEAD + _ID + b"\r\nhello")

    assert message_key(mail, "incoming").key != message_key(mail, "outgoing").key


def test_a_banner_changes_the_content_alone() -> None:
    mine = message_key(parse(_HEAD + _ID + b"\r\nhello"), "incoming")
    banner = message_key(parse(_HEAD + _ID + b"\r\n[EXTERNAL] hello"), "incoming")

    assert (mine.key, mine.identity) == (banner.key, banner.identity)
    assert mine.content != banner.content


@pytest.mark.parametrize(("old", "new"), [(b"ann@example.com", b"eve@example.com"), (b"09:30:00", b"09:31:00")])
def test_another_author_or_date_under_one_id_is_a_collision(old: bytes, new: bytes) -> None:
    mine = message_key(parse(_HEAD + _ID + b"\r\nhello"), "incoming")
    forged = message_key(parse(_HEAD.replace(old, new) + _ID + b"\r\nhello"), "incoming")

    assert mine.key == forged.key
    assert mine.identity != forged.identity
    assert len({mine.key, collision_key(mine), collision_key(forged)}) == 3


def test_the_way_an_author_is_written_does_not_matter() -> None:
    mine = message_key(parse(_HEAD + _ID + b"\r\nhello"), "incoming")
    other = message_key(
        parse(_HEAD.replace(b"Ann <ann@example.com>", b'"A. Lee" <ANN@Example.com>') + _ID + b"\r\nhello"), "incoming"
    )

    assert mine.identity == other.identity


def test_a_long_text_has_the_content_key_of_its_words_whatever_blanks_are_between_them() -> None:
    words = ["Grüße", "order", "4711"] * 200_000
    one = parse(_HEAD + b"\r\ntext\r\n")
    long = replace(one, text=" ".join(words))

    assert message_key(replace(one, text="\n \t".join(words)), "incoming") == message_key(long, "incoming")
    assert message_key(replace(one, text="".join(words)), "incoming") != message_key(long, "incoming")
