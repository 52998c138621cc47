"""A winmail.dat is unpacked as far as its bytes go, and no count in it is believed."""

from __future__ import annotations

import struct
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from email_router.core import tnef
from email_router.core.parse import parse

_WINMAIL = parse((Path(__file__).parents[1] / "mails" / "winmail.eml").read_bytes()).attachments[0].content
_PROPERTIES = struct.pack("<IHBHHI", 0x223E9F78, 1, 1, 0x9003, 6, 4_000)


def test_a_stream_is_unpacked() -> None:
    found = tnef.unpack(_WINMAIL)

    assert found is not None
    assert found.html == "<p>Grüße aus Outlook</p>"
    assert [(one.name, one.content, one.content_id) for one in found.attachments] == [
        ("Größe der Datei.txt", b"the file", "file1@x")
    ]


def test_what_is_no_stream_is_nothing() -> None:
    assert tnef.unpack(b"") is None
    assert tnef.unpack(b"%PDF-1.4 invented") is None


def test_counts_of_four_billion_cost_nothing() -> None:
    most = b"\xff\xff\xff\xff"

    for kind in (0x1003, 0x1E, 0x101F, 0x0102, 0x1048):
        found = tnef.unpack(_PROPERTIES + most + struct.pack("<HH", kind, 0x1000) + most + b"x" * 20)
        assert found is not None


@given(st.integers(6, len(_WINMAIL) - 1), st.binary(max_size=8))
def test_a_mutilated_stream_is_read_as_far_as_it_goes(at: int, inserted: bytes) -> None:
    assert tnef.unpack(_WINMAIL[:at]) is not None
    assert tnef.unpack(_WINMAIL[:at] + inserted + _WINMAIL[at + len(inserted) :]) is not None
