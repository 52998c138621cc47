"""The parts of a multipart are found however many lines are nearly delimiters, and wherever they lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core import delimiters
from email_router.core.limits import Defects
from email_router.core.parse import parse

_MANY = 1_000


def _parts(body: bytes, boundary: bytes = b"b") -> list[bytes]:
    return [body[first:last] for first, last in delimiters.sections(body, 0, len(body), boundary, Defects(), _MANY)]


@pytest.mark.parametrize("misses", [0, 3, 199, 200, 201, 5_000])
def test_parts_behind_lines_that_are_nearly_delimiters_are_found(misses: int) -> None:
    near = b"--bx\r\n" * misses

    assert _parts(b"--b\r\n" + near + b"one\r\n--b \t\r\ntwo\r\n--b--\r\n") == [near + b"one", b"two"]


@pytest.mark.parametrize("misses", [0, 300])
def test_what_stands_in_a_line_is_no_delimiter(misses: int) -> None:
    near = b"--bx\n" * misses

    assert _parts(b"--b\n" + near + b"x--b\n\n--b--") == [near + b"x--b\n"]


@pytest.mark.parametrize("misses", [0, 300])
def test_parts_behind_the_closing_delimiter_are_found(misses: int) -> None:
    defects = Defects()
    body = b"--b\n" + b"--bx\n" * misses + b"one\n--b--\nbetween\n--b\ntwo\n--b--\n"

    found = [body[first:last] for first, last in delimiters.sections(body, 0, len(body), b"b", defects, _MANY)]

    assert [one[-3:] for one in found] == [b"one", b"two"]
    assert "parts after the closing boundary" in defects.found


@given(
    st.lists(
        st.sampled_from([b"--b", b"--", b"-", b"b", b"\n", b"\r\n", b" ", b"x", b"--b--\n", b"--b\n"]), max_size=30
    )
)
def test_after_many_near_misses_the_same_parts_are_found_as_before(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    opening, misses = b"--b\n", b"--bx\n" * 250

    without = _parts(opening + b"y\n" + body)
    behind = _parts(opening + misses + b"y\n" + body)

    assert [behind[0].removeprefix(misses), *behind[1:]] == without


def test_a_delimiter_beyond_a_stride_is_found() -> None:
    filling = b"- QUJD" * 40_000

    assert _parts(b"--b\n" + filling + b"\n--b\ntwo\n--b--\n") == [filling, b"two"]


def test_nested_multiparts_of_an_honest_mail_are_all_opened() -> None:
    head = b"From: a@example.com\r\n"
    opened = b"".join(b"Content-Type: multipart/mixed; boundary=b%02d\r\n\r\n--b%02d\r\n" % (n, n) for n in range(49))
    closed = b"".join(b"--b%02d--\r\n" % n for n in reversed(range(49)))

    mail = parse(head + opened + b"\r\n" + b"x" * 100_000 + b"\r\n" + closed)

    assert mail.text.strip() == "x" * 100_000
    assert not any(defect.startswith("over limit") for defect in mail.defects)
