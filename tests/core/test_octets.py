"""Octets that lie elsewhere answer what bytes answer, and are never held whole."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from email_router.core import octets as octets_module
from email_router.core.octets import LongOctets, Reader, in_base64, pieces_of, regrouped, replaced
from tests.lying import lying

WANTED = [b"a", b"\r\n.", b"ab\r\n", b"\r\n\r\n", b"zz"]
DATA = st.lists(st.sampled_from([b"a", b"b", b"\r\n", b".", b"abab", b"\xe9"]), max_size=40).map(b"".join)
PLACES = st.integers(0, 80)


@pytest.fixture(autouse=True, scope="module")
def small_pieces() -> Iterator[None]:
    """Let what is looked for lie across many borders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(octets_module, "_AT_ONCE", 3)
        yield


def alike(long: LongOctets, data: bytes, start: int, end: int) -> None:
    assert len(long) == len(data)
    assert long[start:end] == data[start:end]
    assert (long[start:], long[:end], long[:]) == (data[start:], data[:end], data)
    assert long.isascii() == data.isascii()
    for wanted in WANTED:
        assert long.find(wanted, start, end) == data.find(wanted, start, end)
        assert long.find(wanted, start) == data.find(wanted, start)
        assert long.rfind(wanted, start, end) == data.rfind(wanted, start, end)
        assert long.rfind(wanted) == data.rfind(wanted)
        assert long.startswith(wanted, start) == data.startswith(wanted, start)
        assert long.endswith(wanted) == data.endswith(wanted)


@settings(max_examples=150)
@given(DATA, PLACES, PLACES)
def test_they_answer_as_bytes_do(data: bytes, start: int, end: int) -> None:
    alike(lying(data), data, start, end)


@settings(max_examples=100)
@given(DATA, DATA, PLACES, PLACES, PLACES)
def test_with_another_head_too(data: bytes, head: bytes, cut: int, start: int, end: int) -> None:
    cut = min(cut, len(data))

    long = replaced(lying(data), cut, head)

    assert isinstance(long, LongOctets)
    alike(long, head + data[cut:], start, end)
    assert replaced(data, cut, head) == head + data[cut:]


@settings(max_examples=100)
@given(DATA, st.binary(max_size=7), st.binary(max_size=7), PLACES, PLACES)
def test_coded_between_others_too(data: bytes, before: bytes, behind: bytes, start: int, end: int) -> None:
    alike(in_base64(lying(data), before, behind), before + base64.b64encode(data) + behind, start, end)


@given(st.lists(DATA, max_size=8), st.integers(1, 9))
def test_pieces_are_regrouped_and_nothing_is_lost(pieces: list[bytes], size: int) -> None:
    found = list(regrouped(iter(pieces), size))

    assert b"".join(found) == b"".join(pieces)
    assert all(len(piece) == size for piece in found[:-1])
    assert all(0 < len(piece) <= size for piece in found)


def test_those_that_are_held_are_one_piece_and_others_as_many_as_it_takes() -> None:
    assert list(pieces_of(b"abcdefgh")) == [b"abcdefgh"]
    assert list(pieces_of(lying(b"abcdefgh"), 3)) == [b"abc", b"def", b"gh"]


def test_a_file_of_them_is_read_from_any_place() -> None:
    file = io.BufferedReader(Reader(lying(b"abcdefgh")), 3)

    assert file.read(5) == b"abcde"
    assert file.seek(-3, io.SEEK_END) == 5
    assert file.read() == b"fgh"
    assert file.seek(0) == 0
    assert file.read() == b"abcdefgh"
