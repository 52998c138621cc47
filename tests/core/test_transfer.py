"""Encoded content is decoded in pieces as it was made, unless the pieces are made to be slow."""

from __future__ import annotations

import base64
import binascii
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core import transfer
from email_router.core.limits import Defects


def _decoded(content: bytes, encoding: str = "base64") -> tuple[bytes, tuple[str, ...]]:
    defects = Defects()
    return transfer.decode(content, encoding, defects), defects.as_tuple()


@pytest.mark.parametrize("size", [55, 1_000, 4_096])
def test_a_file_encoded_piece_by_piece_comes_out_whole(size: int) -> None:
    content = random.Random(size).randbytes(300_000)
    pieces = [base64.b64encode(content[at : at + size]) for at in range(0, len(content), size)]

    assert _decoded(b"\r\n".join(pieces)) == (content, ("base64 goes on after its padding",))


def test_crumbs_of_base64_are_read_as_far_as_the_bound() -> None:
    decoded, defects = _decoded(b"QQ==" * 50_000)

    assert set(decoded) == {ord("A")}
    assert 1_000 < len(decoded) < 50_000
    assert "over limit: base64 in pieces of less than 32 characters" in defects


def test_base64_soiled_with_anything_gives_what_it_holds() -> None:
    content = random.Random(1).randbytes(6_000)
    soiled = base64.encodebytes(content).rstrip(b"=\n")[:-1].replace(b"\n", b"\x00*\xff\n")

    decoded, defects = _decoded(soiled)

    assert content.startswith(decoded)
    assert len(decoded) >= len(content) - 3
    assert set(defects) <= {"broken base64"}


@given(
    st.binary(max_size=400),
    st.lists(st.tuples(st.integers(0, 600), st.sampled_from([b"\r\n", b" ", b"*", b"\xff", b"-", b"\0"])), max_size=9),
)
def test_base64_is_read_as_the_standard_library_reads_it(content: bytes, soil: list[tuple[int, bytes]]) -> None:
    coded = base64.b64encode(content).rstrip(b"=")
    for at, byte in soil:
        coded = coded[:at] + byte + coded[at:]

    padding = b"=" * (-len(base64.b64encode(content).rstrip(b"=")) % 4)
    decoded, defects = _decoded(coded + padding)

    if "declared as base64, which it is not" in defects:
        assert decoded == coded + padding
    else:
        assert decoded == binascii.a2b_base64(coded + padding)
        assert decoded == content


def test_uuencoded_lines_are_read_whatever_ends_them() -> None:
    for end in (b"\n", b"\r\n", b"\r"):
        assert (
            _decoded(
                b"begin 644 a" + end + b"#0V%T" + end + end + b"#0V%T" + end + b"`" + end + b"end" + end, "x-uuencode"
            )[0]
            == b"CatCat"
        )


@pytest.mark.parametrize("blanks", [b" ", b"\t", b" \t "])
def test_a_soft_line_break_with_blanks_behind_it_joins_the_lines(blanks: bytes) -> None:
    assert _decoded(b"soft =" + blanks + b"\r\nend\r\n", "quoted-printable") == (b"soft end\r\n", ())
    assert _decoded(b"soft =" + blanks + b"\nend=" + blanks, "quoted-printable") == (b"soft end", ())


def test_an_equals_sign_that_is_no_soft_break_stays() -> None:
    assert _decoded(b"a = b\r\nc =3D d\r\n", "quoted-printable")[0] == b"a = b\r\nc = d\r\n"


def test_blanks_behind_equals_signs_are_read_in_one_pass() -> None:
    content = (b"=" + b" " * 50) * 40_000

    assert _decoded(content, "quoted-printable")[0].startswith(b"= ")
