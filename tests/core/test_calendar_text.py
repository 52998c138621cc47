"""An invitation is attached under a name, and its words are shown where the mail has none."""

from __future__ import annotations

from email_router.core.calendar_text import in_words
from email_router.core.parse import parse

_EVENT = (
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY;LANGUAGE=de:Price\\, and\r\n  terms\r\n"
    'DTSTART;TZID="Europe/Berlin":20261201T100000\r\nDTEND:20261201T100000Z\r\nLOCATION:Room 1\r\n'
    "DESCRIPTION:First\\nSecond\r\nBEGIN:VALARM\r\nDESCRIPTION:Reminder\r\nEND:VALARM\r\nEND:VEVENT\r\n"
    "BEGIN:VEVENT\r\nSUMMARY:Another\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
_WORDS = "Meeting: Price, and terms\nWhen: 2026-12-01 10:00 (Europe/Berlin) to 2026-12-01 10:00 (UTC)\nWhere: Room 1\n\nFirst\nSecond"


def test_an_event_is_put_into_words() -> None:
    assert in_words(_EVENT) == _WORDS
    assert (
        in_words("BEGIN:VEVENT\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20261201\nEND:VEVENT")
        == "Meeting: Fair\nWhen: 2026-12-01"
    )
    assert in_words(_EVENT.replace("REQUEST", "CANCEL")).startswith("Meeting cancelled: ")


def test_what_is_no_event_gives_nothing() -> None:
    for source in ("", "SUMMARY:alone", "BEGIN:VEVENT", "BEGIN:VTIMEZONE\nDTSTART:20260101T000000\nEND:VTIMEZONE"):
        assert in_words(source) == ""


def test_a_mail_with_nothing_but_an_invitation_shows_it_and_attaches_it() -> None:
    mail = parse(b"From: a@example.com\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\n" + _EVENT.encode())

    assert mail.text == _WORDS
    assert [(one.name, one.media_type) for one in mail.attachments] == [("invite.ics", "text/calendar")]


def test_a_text_of_its_own_goes_before_the_invitation() -> None:
    mail = parse(
        b"From: a@example.com\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nCome!\r\n"
        b"--b\r\nContent-Type: text/calendar; name=meet.ics\r\n\r\n" + _EVENT.encode() + b"\r\n--b--\r\n"
    )

    assert mail.text == "Come!"
    assert [one.name for one in mail.attachments] == ["meet.ics"]
