"""A mail inside an opaque signature is shown, unverified, and the signature stays attached."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core import signed_mail
from email_router.core.parse import parse

_INNER = b"Content-Type: text/plain; charset=utf-8\r\n\r\nsigned words"
_DATA = bytes.fromhex("06092a864886f70d010701")
_SIGNED = bytes.fromhex("06092a864886f70d010702")


def _element(tag: int, content: bytes) -> bytes:
    size = len(content)
    return bytes((tag,)) + (bytes((size,)) if size < 128 else b"\x82" + size.to_bytes(2, "big")) + content


def _open(tag: int, content: bytes) -> bytes:
    return bytes((tag, 0x80)) + content + b"\0\0"


def _whole(inner: bytes) -> bytes:
    capsule = _element(0x30, _DATA + _element(0xA0, _element(0x04, inner)))
    return _element(0x30, _SIGNED + _element(0xA0, _element(0x30, b"\x02\x01\x01\x31\x00" + capsule)))


def _in_pieces(inner: bytes) -> bytes:
    pieces = b"".join(_element(0x04, inner[at : at + 10]) for at in range(0, len(inner), 10))
    capsule = _open(0x30, _DATA + _open(0xA0, _open(0x24, pieces)))
    return _open(0x30, _SIGNED + _open(0xA0, _open(0x30, b"\x02\x01\x01\x31\x00" + capsule)))


@pytest.mark.parametrize("signature", [_whole(_INNER), _in_pieces(_INNER)])
def test_the_mail_inside_is_read_and_the_signature_kept(signature: bytes) -> None:
    head = b"From: a@example.com\r\nContent-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\n"

    mail = parse(head + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(signature))

    assert mail.text == "signed words"
    assert [one.name for one in mail.attachments] == ["smime.p7m"]
    assert "signed content: the signature is not checked" in mail.defects


@pytest.mark.parametrize(
    "content", [b"", b"\x30", b"\x30\x80", _whole(_INNER)[:20], b"%PDF-1.4", _element(0x30, _DATA)]
)
def test_what_holds_no_mail_gives_none(content: bytes) -> None:
    assert signed_mail.content(content) is None


_UNOPENED = "signed or encrypted content that cannot be opened: kept as attachment"
_CERTIFICATES = _element(
    0x30, _SIGNED + _element(0xA0, _element(0x30, b"\x02\x01\x01\x31\x00" + _element(0x30, _DATA) + b"\x31\x00"))
)


@pytest.mark.parametrize(
    "declared", ["smime-type=signed-data; name=smime.p7m", "smime-type=enveloped-data", "name=a.p7m"]
)
@pytest.mark.parametrize("content", [b"garbage", _whole(_INNER)[:20], b""])
def test_what_is_declared_signed_or_encrypted_and_is_neither_is_told(declared: str, content: bytes) -> None:
    head = f"From: a@example.com\r\nContent-Type: application/pkcs7-mime; {declared}\r\n"

    mail = parse(head.encode() + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(content))

    assert _UNOPENED in mail.defects
    assert [one.content for one in mail.attachments] == [content]


@pytest.mark.parametrize("content", [_CERTIFICATES, _whole(_INNER)])
def test_what_is_signed_has_no_such_defect_nor_have_certificates_alone(content: bytes) -> None:
    head = b"From: a@example.com\r\nContent-Type: application/pkcs7-mime\r\n"

    mail = parse(head + b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(content))

    assert _UNOPENED not in mail.defects


@given(st.integers(0, 60), st.binary(max_size=6))
def test_a_mutilated_signature_is_read_without_an_error(at: int, inserted: bytes) -> None:
    for signature in (_whole(_INNER), _in_pieces(_INNER)):
        signed_mail.content(signature[:at] + inserted + signature[at + len(inserted) :])
