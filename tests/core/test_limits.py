"""Every limit bites, is named, and costs the reader nothing: the activity has what the header tells, and the raw mail is kept."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from email_router.core.limits import OVER_LIMIT, Limits
from email_router.core.parse import parse
from tests.core.hostile import FAMILIES
from tests.flows.house import House

_HEAD = (
    b"From: Ann <ann@example.com>\r\nTo: sales@contoso.example\r\nSubject: An order\r\nMessage-ID: <1@example.com>\r\n"
    b"Date: Mon, 2 Nov 2026 10:00:00 +0000\r\n"
)
_MIXED = _HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"


def _nested(depth: int) -> bytes:
    opened = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (n, n) for n in range(depth))
    return _HEAD + opened + b"\r\ninnermost\r\n"


def _winmail(files: int, text: bytes = b"text") -> bytes:
    def attribute(name: int, value: bytes) -> bytes:
        return struct.pack("<BHHI", 1, name, 0, len(value)) + value + b"\0\0"

    file = attribute(0x9002, b"") + attribute(0x8010, b"a.txt") + attribute(0x800F, b"content")
    stream = b"\x78\x9f\x3e\x22\x00\x00" + attribute(0x800C, text) + file * files
    return (
        _HEAD
        + b"Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(stream)
    )


def _winmails() -> bytes:
    part = b"--b\r\n" + _winmail(1).removeprefix(_HEAD)
    return _MIXED + part * 4 + b"--b--\r\n"


_OVER: dict[str, tuple[Callable[[], bytes], str]] = {
    "bytes": (lambda: _HEAD + b"\r\n" + b"x" * (35 * 1024 * 1024), "message longer than 36700160 bytes"),
    "depth": (lambda: _nested(51), "parts nested more than 50 deep"),
    "parts": (lambda: _MIXED + b"--b\r\n\r\nx\r\n" * 1_001 + b"--b--\r\n", "more than 1000 parts"),
    "headers": (lambda: _HEAD + b"X-Field: y\r\n" * 1_000 + b"\r\ntext\r\n", "more than 1000 header fields"),
    "header_bytes": (
        lambda: _HEAD + b"X-Field: %s\r\n" % (b"y" * 60_000) * 5 + b"\r\ntext\r\n",
        "header block longer than 262144 bytes",
    ),
    "header_length": (
        lambda: _HEAD + b"X-Field: " + b"y" * 65_537 + b"\r\n\r\ntext\r\n",
        "header field longer than 65536 bytes",
    ),
    "addresses": (lambda: _HEAD + b"Cc: " + b"a@b.example, " * 2_001 + b"\r\n\r\ntext\r\n", "more than 2000 addresses"),
    "parameters": (
        lambda: (
            _HEAD + b"Content-Type: text/plain" + b"".join(b"; a%d=1" % n for n in range(101)) + b"\r\n\r\ntext\r\n"
        ),
        "more than 100 parameters in a header field",
    ),
    "text": (
        lambda: _HEAD + b"\r\n" + b"x" * (8 * 1024 * 1024 + 1),
        "more than 8388608 bytes of text: the rest is attached",
    ),
}
"""Field of Limits -> (a mail just over it, the defect that names it)."""

_BEYOND: dict[str, tuple[Callable[[], bytes], str]] = {
    "html built to exhaust": (lambda: FAMILIES["elements in elements"][0](5_000), "html too deep or too crowded"),
    "base64 in crumbs": (
        lambda: FAMILIES["paddings in base64"][0](5_000),
        "base64 in pieces of less than 32 characters",
    ),
    "multiparts around 32 MB": (
        lambda: FAMILIES["long multiparts in one another"][0](35 * 1024 * 1024 // 8),
        "parts nested in one another that hold more than 220200960 bytes together",
    ),
    "winmail.dat after winmail.dat": (_winmails, "more than 3 winmail.dat: the rest is not unpacked"),
    "files in winmail.dat": (lambda: _winmail(1_000), "more than 1000 attachments"),
    "text in winmail.dat": (
        lambda: _winmail(0, b"x" * (8 * 1024 * 1024 + 1)),
        "more than 8388608 bytes of text: that of winmail.dat",
    ),
}
"""What has no field of its own in Limits."""


def test_every_limit_has_its_mail() -> None:
    assert set(_OVER) == {one.name for one in fields(Limits)}


@pytest.mark.parametrize("name", [*_OVER, *_BEYOND])
def test_a_mail_over_a_limit_is_an_activity_with_its_header_and_its_raw_bytes(name: str) -> None:
    make, defect = (_OVER | _BEYOND)[name]
    raw = make()
    house = House(raw)
    house.configure(profile=replace(house.profile, maximum_message_size=len(raw)))

    house.route()

    (activity,) = house.crm.activities.values()
    assert any(told.startswith(f"{OVER_LIMIT}: {defect}") for told in activity.defects), activity.defects
    assert "ann@example.com" in str(activity.parties)
    assert activity.subject
    assert activity.date is not None
    assert activity.raw is not None
    assert house.blobs.get(activity.raw) == raw


@pytest.mark.parametrize("name", [name for name in _OVER if name not in ("bytes", "text")])
def test_a_mail_at_a_limit_is_within_it(name: str) -> None:
    make, _ = _OVER[name]

    mail = parse(make(), replace(Limits(), **{name: getattr(Limits(), name) * 2}))

    assert not any(told.startswith(OVER_LIMIT) for told in mail.defects)


def test_a_mail_over_the_size_has_nothing_but_its_header() -> None:
    mail = parse(_OVER["bytes"][0]())

    assert (mail.text, mail.html, mail.attachments) == ("", "", ())
    assert (mail.subject, mail.message_id, mail.size) == ("An order", "<1@example.com>", len(_OVER["bytes"][0]()))


def test_text_that_is_too_long_to_be_read_in_place_is_attached_whole() -> None:
    mail = parse(_OVER["text"][0]())

    assert mail.text == ""
    assert [len(one.content) for one in mail.attachments] == [8 * 1024 * 1024 + 1]


def test_parts_over_the_number_are_left_out_and_the_first_ones_stay() -> None:
    mail = parse(_OVER["parts"][0]())

    assert mail.text.count("x") == 1_000


def test_of_a_header_over_its_limits_the_first_fields_are_read() -> None:
    for name in ("headers", "header_bytes", "header_length"):
        mail = parse(_OVER[name][0]())

        assert mail.author is not None, name
        assert (mail.subject, mail.message_id) == ("An order", "<1@example.com>"), name


def test_addresses_over_the_number_are_left_out() -> None:
    assert len(parse(_OVER["addresses"][0]()).cc) == 2_000
