"""Header fields, encoded words, parameters, dates and ids are read as senders meant them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core import dates, encoded_words, headers, identifiers, parameters
from email_router.core.limits import Defects, Limits


def _split(raw: bytes, limits: Limits = Limits()) -> tuple[dict[str, str], int, tuple[str, ...]]:  # noqa: B008 - frozen
    defects = Defects()
    head = headers.split(raw, 0, len(raw), limits, defects)
    return dict(head.fields), head.body_at, defects.as_tuple()


def test_a_block_ends_at_the_blank_line() -> None:
    assert _split(b"A: 1\r\nB: 2\r\n\r\nbody") == ({"a": "1", "b": "2"}, 14, ())
    assert _split(b"A: 1\nB: 2\n\nbody") == ({"a": "1", "b": "2"}, 11, ())


def test_folded_lines_are_joined() -> None:
    assert _split(b"A: 1\r\n 2\r\n\t3\r\n\r\n")[0] == {"a": "1 2\t3"}


def test_a_blank_before_the_colon_is_tolerated() -> None:
    assert _split(b"Subject : x\n\n")[0] == {"subject": "x"}


def test_a_body_without_a_blank_line_is_not_taken_for_a_header() -> None:
    raw = b"Subject: x\nHello Ann,\nNote: it rains\n"

    fields, body_at, defects = _split(raw)

    assert fields == {"subject": "x"}
    assert raw[body_at:].startswith(b"Hello")
    assert defects == ("no blank line between header and body",)


def test_a_broken_line_does_not_hide_the_fields_after_it() -> None:
    fields, _, defects = _split(b"Received: x\nbroken line\nFrom: a@example.com\n\nbody")

    assert fields == {"received": "x", "from": "a@example.com"}
    assert defects == ("a header line is no header field",)


def test_raw_bytes_are_utf_8_or_else_windows_1252() -> None:
    assert _split("Subject: Grüße\n\n".encode())[0] == {"subject": "Grüße"}
    assert _split("Subject: Grüße\n\n".encode("latin-1"))[0] == {"subject": "Grüße"}


def test_limits_of_the_header_are_told() -> None:
    assert _split(b"A: 1\n" * 20 + b"\n", Limits(headers=10))[2] == ("over limit: more than 10 header fields",)
    assert _split(b"A: " + b"x" * 50 + b"\n\n", Limits(header_length=10))[2] == (
        "over limit: header field longer than 10 bytes",
    )
    fields, body_at, defects = _split(b"A: 1\n" * 100 + b"\nbody", Limits(header_bytes=50))
    assert (fields, body_at) == ({"a": "1"}, 501)
    assert defects == ("over limit: header block longer than 50 bytes",)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
        ("=?utf-8?b?R3LDvMOfZQ?=", "Grüße"),
        ("=?iso-8859-1?q?Gr=FC=DFe?= an =?iso-8859-1?q?Ann?=", "Grüße an Ann"),
        ("=?utf-8?q?Gr=C3?= =?utf-8?q?=BC=C3=9Fe?=", "Grüße"),
        ("=?utf-8?q?a?=\t =?iso-8859-1?q?b?=", "ab"),
        ("=?utf-8*de?q?a_b?=", "a b"),
        ("=?iso-2022-jp?b?GyRCJF4bKEI=?=", "ま"),
        ("Re:=?utf-8?q?a?=b", "Re:ab"),
        ("=?x-unknown?q?caf=C3=A9?=", "café"),
        ("=?utf-8?q?open", "=?utf-8?q?open"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?q?what??=", "what?"),
    ],
)
def test_encoded_words_are_decoded(value: str, text: str) -> None:
    assert encoded_words.decode(value) == text


@given(st.text(max_size=200))
def test_any_value_has_a_decoding(value: str) -> None:
    encoded_words.decode(value)


@given(st.lists(st.sampled_from(["=?", "?=", "?", "utf-8", "q", "b", "=C3", " ", "_", "aGk=", "\ud800"]), max_size=30))
def test_any_scraps_of_encoded_words_have_a_decoding(pieces: list[str]) -> None:
    encoded_words.decode("".join(pieces))


@pytest.mark.parametrize(
    ("value", "main", "found"),
    [
        ("text/plain", "text/plain", {}),
        ("Text/Plain; Charset=UTF-8", "text/plain", {"charset": "UTF-8"}),
        ('a/b; name="x; y"; size=3', "a/b", {"name": "x; y", "size": "3"}),
        ('a/b; name="say \\"hi\\""', "a/b", {"name": 'say "hi"'}),
        ('a/b; name="C:\\dir\\file.txt"', "a/b", {"name": "C:\\dir\\file.txt"}),
        ("a/b; name=This is a test.txt; x=1", "a/b", {"name": "This is a test.txt", "x": "1"}),
        ("a/b; name*=utf-8''f%C3%BCr", "a/b", {"name": "für"}),
        ("a/b; name*1*=%BCr; name*0*=utf-8''f%C3", "a/b", {"name": "für"}),
        ("a/b; name*0=one; name*1=two; name=short", "a/b", {"name": "onetwo"}),
        ("a/b; name==?utf-8?q?f=C3=BCr?=", "a/b", {"name": "für"}),
        ('a/b; boundary="=?utf-8?q?f=C3=BCr?="', "a/b", {"boundary": "=?utf-8?q?f=C3=BCr?="}),
        ("a/b boundary=x", "a/b", {"boundary": "x"}),
        ("a/b;; ; name=x", "a/b", {"name": "x"}),
        ('a/b; name="open', "a/b", {"name": "open"}),
        ("a/b; junk; name=x", "a/b", {"name": "x"}),
        ("a/b; name=x; name=y", "a/b", {"name": "x"}),
    ],
)
def test_parameters_are_read(value: str, main: str, found: dict[str, str]) -> None:
    assert parameters.parse(value, Limits(), Defects()) == (main, found)


@given(st.text(max_size=120))
def test_any_value_has_parameters(value: str) -> None:
    parameters.parse(value, Limits(), Defects())


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Mon, 2 Nov 2026 09:30:00 +0100", datetime(2026, 11, 2, 8, 30, tzinfo=UTC)),
        ("2 Nov 2026 09:30 +0100", datetime(2026, 11, 2, 8, 30, tzinfo=UTC)),
        ("Mon, 02 Nov 2026 09:30:00 -0330 (NST)", datetime(2026, 11, 2, 13, 0, tzinfo=UTC)),
        ("Mon, 2 Nov 26 09:30:00 GMT", datetime(2026, 11, 2, 9, 30, tzinfo=UTC)),
        ("Mon, 2 Nov 2026 09:30:00 EST", datetime(2026, 11, 2, 14, 30, tzinfo=UTC)),
        ("Mon, 2 Nov 2026 09:30:00", datetime(2026, 11, 2, 9, 30, tzinfo=UTC)),
        ("Mon, 2 Nov 2026 23:59:60 +0000", datetime(2026, 11, 2, 23, 59, 59, tzinfo=UTC)),
        ("2026-11-02T09:30:00+01:00", datetime(2026, 11, 2, 8, 30, tzinfo=UTC)),
        ("2026-11-02T09:30:15.123456Z", datetime(2026, 11, 2, 9, 30, 15, tzinfo=UTC)),
        ("2026-11-02 09:30:15 -0330", datetime(2026, 11, 2, 13, 0, 15, tzinfo=UTC)),
        ("2026-11-02T09:30", datetime(2026, 11, 2, 9, 30, tzinfo=UTC)),
        ("20261102T093015Z", datetime(2026, 11, 2, 9, 30, 15, tzinfo=UTC)),
        ("2026-11-02", None),
        ("2026-02-31T09:30:00Z", None),
        ("2026-11-02T25:30:00Z", None),
        ("1900-01-01T00:00:00Z", None),
        ("2026-11-02T09:30:00+01:00 or so", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        ("Mon, 31 Feb 2026 09:30:00 +0000", None),
        ("Mon, 2 Nov 2026 09:30:00 +9999", None),
        ("Mon, 1 Jan 1900 00:00:00 +0000", None),
        ("Mon, 2 Nov 99999 09:30:00 +0000", None),
    ],
)
def test_dates_are_instants_in_utc(value: str | None, moment: datetime | None) -> None:
    assert dates.instant(value) == moment


@given(st.text(max_size=60))
def test_any_text_is_a_date_or_none(value: str) -> None:
    dates.instant(value)


def test_ids_keep_their_brackets_and_lose_the_blanks_of_folding() -> None:
    assert identifiers.message_ids("<a@x> junk <b\t@ x> <> <c>") == ("<a@x>", "<b@x>", "<c>")
    assert identifiers.first_id('your mail of "Monday" <c> <a@x>') == "<a@x>"
    assert identifiers.first_id("a@x") == "<a@x>"
    assert identifiers.first_id("no id here") is None
    assert identifiers.first_id(None) is None


def test_a_thread_index_has_at_least_22_bytes() -> None:
    assert identifiers.conversation_index("AAECAwQFBgcICQoLDA0ODxAREhMUFQ==") == bytes(range(22))
    assert identifiers.conversation_index("AAEC") is None
    assert identifiers.conversation_index("not base64!") is None
