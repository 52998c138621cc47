"""Files that a text carries uuencoded are attached, and nothing else is taken out of it."""

from __future__ import annotations

import binascii

from hypothesis import given
from hypothesis import strategies as st

from email_router.core.parse import parse
from email_router.core.uuencoded import take_out


def _encoded(content: bytes, name: bytes = b"list.csv") -> bytes:
    lines = [binascii.b2a_uu(content[at : at + 45]) for at in range(0, len(content), 45)]
    return b"begin 644 " + name + b"\n" + b"".join(lines) + b"`\nend\n"


def test_a_file_is_attached_and_the_text_around_it_stays() -> None:
    mail = parse(
        b"From: a@example.com\n\nHere it is.\n" + _encoded(b"a;b\n" * 40, "Preise ä.csv".encode()) + b"Regards\n"
    )

    assert mail.text == "Here it is.\nRegards\n"
    assert [(one.name, one.content) for one in mail.attachments] == [("Preise ä.csv", b"a;b\n" * 40)]


@given(st.binary(min_size=1, max_size=300), st.binary(min_size=1, max_size=300))
def test_what_was_encoded_comes_back(one: bytes, two: bytes) -> None:
    text, files = take_out(b"x\n" + _encoded(one) + _encoded(two).replace(b"\n", b"\r\n"), 10)

    assert text == b"x\n"
    assert [file.content for file in files] == [one, two]


def test_a_sentence_or_a_file_without_its_end_stays_text() -> None:
    whole = _encoded(b"content")
    for text in (
        b"begin 644 times and\nthen stop\nend\n",
        whole.replace(b"end\n", b""),
        b"begin 644 a\nend\n",
        b"begin \xff",
    ):
        assert take_out(text, 10) == (text, [])
