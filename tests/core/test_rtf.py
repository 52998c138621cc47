"""The text that Outlook keeps as compressed RTF is read, in its own html where it has one, and costs no more than its size."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core import compressed_rtf, rtf, tnef

_EXAMPLE = bytes.fromhex(
    "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
)
"""The example of MS-OXRTFCP 3.1.1."""
_FROM_HTML = (
    rb"{\rtf1\ansi\ansicpg1252\fromhtml1 \deff0{\fonttbl{\f0\fswiss Arial;}{\f1\fmodern\fcharset204 Courier;}}"
    rb"{\*\htmltag19 <html>}{\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 Gr\'fc\'dfe \u8364? \f1 \'cf\'f0\'e8\f0 "
    rb"{\*\htmltag84 <b>}bold{\*\htmltag92 </b>}\htmlrtf\par}\htmlrtf0{\*\htmltag72 </p>}{\*\htmltag27 </html>}}"
)


def _stored(text: bytes) -> bytes:
    return struct.pack("<IIII", len(text) + 12, len(text), 0x414C454D, 0) + text


def _winmail(compressed: bytes) -> bytes:
    padded = compressed + bytes(-len(compressed) % 4)
    properties = struct.pack("<IHHII", 1, 0x0102, 0x1009, 1, len(compressed)) + padded
    return struct.pack("<IHBHHI", 0x223E9F78, 1, 1, 0x9003, 6, len(properties)) + properties + b"\0\0"


def test_compressed_rtf_is_unpacked() -> None:
    assert compressed_rtf.unpack(_EXAMPLE) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"


@pytest.mark.parametrize("content", [b"", b"LZFu", _EXAMPLE[:15], _EXAMPLE[:8] + b"ZZZZ" + _EXAMPLE[12:]])
def test_what_is_no_compressed_rtf_gives_nothing(content: bytes) -> None:
    assert compressed_rtf.unpack(content) == b""


def test_the_announced_size_is_not_believed_and_the_output_is_capped() -> None:
    head = struct.pack("<IIII", 0xFFFFFFFF, 0xFFFFFFFF, 0x75465A4C, 0)

    assert len(compressed_rtf.unpack(head + b"\0aaaaaaaa" * 300_000)) == 1024 * 1024
    assert len(compressed_rtf.unpack(head + b"\xff" * 10_000)) <= 8 * 17 * 10_000


def test_plain_rtf_becomes_text_without_what_is_not_shown() -> None:
    source = rb"{\rtf1\ansi{\info{\title x}}Hello \{w\}\par World \u-10179?\u-8704?{\*\foo no}{\pict\bin4 }}}} no}end}"

    assert rtf.to_text(source) == ("Hello {w}\nWorld \U0001f600end", False)


def test_rtf_made_from_html_becomes_that_html_again() -> None:
    assert rtf.to_text(_FROM_HTML) == ("<html><p>Grüße € При<b>bold</b></p></html>", True)


def test_a_winmail_with_nothing_but_rtf_has_a_text() -> None:
    plain, page = tnef.unpack(_winmail(_EXAMPLE)), tnef.unpack(_winmail(_stored(_FROM_HTML)))

    assert plain is not None
    assert page is not None
    assert (plain.text, plain.html) == ("hello world", "")
    assert page.html.startswith("<html><p>Grüße")


@given(st.binary(max_size=200), st.integers(0, len(_FROM_HTML)), st.binary(max_size=8))
def test_any_bytes_are_read_without_an_error(content: bytes, at: int, inserted: bytes) -> None:
    compressed_rtf.unpack(_EXAMPLE[:12] + content)
    rtf.to_text(b"{\\rtf1" + content)
    rtf.to_text(_FROM_HTML[:at] + inserted + _FROM_HTML[at:])
