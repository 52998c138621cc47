"""The reading of a message has every field, absent ones as null or empty."""

from __future__ import annotations

import json
from pathlib import Path

from email_router.core.inspect import reading
from email_router.core.parse import parse

MAILS = Path(__file__).parents[1] / "mails"
_FIELDS = [
    *(
        "file",
        "message_id",
        "in_reply_to",
        "references",
        "conversation_index",
        "date",
        "subject",
        "from",
        "sender",
        "reply_to",
    ),
    *("to", "cc", "bcc", "text", "html", "attachments", "importance", "auto_submitted", "bulk", "delivery_report"),
    *("tracking_tokens", "defects"),
]


def _reading(name: str) -> dict[str, object]:
    return reading(parse((MAILS / name).read_bytes()), f"mails/{name}", ["CRM:0001001"])


def test_a_reading_has_every_field_and_is_json() -> None:
    for path in MAILS.glob("*.eml"):
        found = json.loads(json.dumps(_reading(path.name)))

        assert list(found) == _FIELDS
        assert found["file"] == f"mails/{path.name}"
        assert found["tracking_tokens"] == ["CRM:0001001"]


def test_values_have_the_shape_that_is_promised() -> None:
    found = _reading("question.eml")

    assert found["date"] == "2026-11-02T08:30:00Z"
    assert found["conversation_index"] == bytes(range(22)).hex()
    assert found["from"] == {"name": "Ann König", "address": "ann@customer.example"}
    assert found["sender"] is None
    assert found["delivery_report"] is None
    assert found["importance"] == "high"
    attachments = found["attachments"]
    assert isinstance(attachments, list)
    assert attachments[0] == {
        "name": "logo.png",
        "media_type": "image/png",
        "size": 70,
        "sha256": "6b7fa434f92a8b80aab02d9bf1a12e49ffcae424e4013a1c4f68b67e3d2bbcd0",
        "inline": True,
        "content_id": "logo@x",
    }


def test_a_report_is_told_with_its_recipients() -> None:
    report = _reading("bounce.eml")["delivery_report"]

    assert report == {
        "action": "failed",
        "recipients": [
            {"address": "gone@customer.example", "status": "5.1.1", "permanent": True},
            {"address": "full@customer.example", "status": "4.2.2", "permanent": True},
        ],
        "original_message_id": "<sent-1@contoso.example>",
    }


def test_nothing_at_all_is_a_reading_too() -> None:
    found = reading(parse(b""), "empty", [])

    assert list(found) == _FIELDS
    assert found["message_id"] is None
    assert found["text"] == ""


def test_a_recipient_without_an_address_is_shown_with_an_empty_one_and_a_sender_never() -> None:
    found = reading(parse(b"From: Whomever\r\nTo: Ann, bob@x.example\r\nReply-To: Klaus <>\r\n\r\nx"), "a.eml", [])

    assert found["from"] is None
    assert found["to"] == [{"name": "", "address": "bob@x.example"}, {"name": "Ann", "address": ""}]
    assert found["reply_to"] == [{"name": "Klaus", "address": ""}]
