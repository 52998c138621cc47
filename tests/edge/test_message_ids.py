"""The Message-ID of a header block, as an inventory tells it."""

from __future__ import annotations

import pytest

from email_router.core.dedupe import message_key
from email_router.core.message import Message
from email_router.core.parse import parse
from email_router.edge.connect.message_ids import message_id_in


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"From: a@example.org\r\nMessage-ID: <1@example.org>\r\n\r\n", "<1@example.org>"),
        (b"message-id:<1@example.org>\r\n\r\n", "<1@example.org>"),
        (b"Message-ID :\r\n\t<1@example.org>\r\nX: y\r\n\r\n", "<1@example.org>"),
        (b"Message-ID: <1@example.org>\nMessage-ID: <2@example.org>\n\n", "<1@example.org>"),
        (b"Message-ID: <1@example.org>", "<1@example.org>"),
        (b"X-Message-ID: <1@example.org>\r\nSubject: Message-ID: <2@example.org>\r\n\r\n", None),
        (b"From: a@example.org\r\n\r\nMessage-ID: <1@example.org>\r\n", None),
        (b"Message-ID:\r\n\r\n", None),
        (b"Message-ID:   \r\nFrom: a@example.org\r\n\r\n", None),
        (b"", None),
    ],
)
def test_the_first_field_of_the_header_counts_and_nothing_else(head: bytes, found: str | None) -> None:
    assert message_id_in(head) == found


@pytest.mark.parametrize(
    "field",
    [
        b"<1@example.org>",
        b"  <1@Example.ORG> ",
        b"\r\n <1@example.org>",
        b"<1@example.org> (a comment)",
        b'<"a b"@x.example>',
    ],
)
def test_a_message_is_known_by_the_same_key_whether_it_is_listed_or_read(field: bytes) -> None:
    raw = b"From: a@example.org\r\nMessage-ID: " + field + b"\r\n\r\nHello\r\n"

    listed = message_key(Message(size=0, message_id=message_id_in(raw)), "incoming")

    assert listed.has_id
    assert listed.key == message_key(parse(raw), "incoming").key


def test_bytes_that_are_no_text_are_read_without_an_error() -> None:
    assert message_id_in(b"Message-ID: <\xff\x00@example.org>\r\n\r\n") == "<\ufffd\x00@example.org>"
