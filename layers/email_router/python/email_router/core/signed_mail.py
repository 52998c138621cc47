"""Take the mail out of an opaque signature (RFC 8551 3.5.2, RFC 5652 5), without checking the signature."""

from __future__ import annotations

_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")  # OID 1.2.840.113549.1.7.2
_ENVELOPED_DATA = bytes.fromhex("06092a864886f70d010703")  # OID 1.2.840.113549.1.7.3
_AUTHENTICATED = bytes.fromhex("060b2a864886f70d0109100117")  # OID 1.2.840.113549.1.9.16.1.23
_PKCS7, _SMIME = bytes.fromhex("06092a864886f70d0107"), bytes.fromhex("060b2a864886f70d01091001")
_CMS = (_PKCS7, _SMIME)  # how every OID of CMS content begins
_SEQUENCE, _SET, _INTEGER, _OID, _ZERO = 0x30, 0x31, 0x02, 0x06, 0xA0
_OCTETS, _OCTETS_IN_PIECES = 0x04, 0x24
_LONG, _MOST_LENGTH_BYTES = 0x80, 4


class _Walk:
    """A position in BER bytes; every step raises ValueError when the next element is not the expected one."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def enter(self, tag: int) -> int | None:
        """Step into the next element; return where its content ends, None when only an end mark tells (X.690 8.1.3.6)."""
        data, at = self.data, self.at
        if at + 2 > len(data) or data[at] != tag:
            raise ValueError(tag)
        size, self.at = data[at + 1], at + 2
        if size == _LONG:
            return None
        if size > _LONG:
            count = size - _LONG
            if count > _MOST_LENGTH_BYTES:
                raise ValueError(count)
            size = int.from_bytes(data[self.at : self.at + count], "big")
            self.at += count
        return self.at + size

    def skip(self, tag: int) -> None:
        """Step over the next element."""
        end = self.enter(tag)
        if end is None:
            raise ValueError(tag)
        self.at = end

    def octets(self) -> bytes:
        """Return an octet string, whole or in pieces; a cut one gives what is there."""
        if self.data[self.at : self.at + 1] != bytes((_OCTETS_IN_PIECES,)):
            end = self.enter(_OCTETS)
            return self.data[self.at : end]
        last = self.enter(_OCTETS_IN_PIECES)
        last = len(self.data) if last is None else last
        pieces: list[bytes] = []
        while self.at < last and self.data[self.at] == _OCTETS:
            end = self.enter(_OCTETS)
            pieces.append(self.data[self.at : end])
            self.at = len(self.data) if end is None else end
        return b"".join(pieces)


def is_encrypted(message: bytes) -> bool:
    """Tell whether the bytes are CMS data that only its recipient's key opens (RFC 5652 6, RFC 5083).  Never raises."""
    walk = _Walk(message)
    try:
        walk.enter(_SEQUENCE)
    except (ValueError, IndexError):
        return False
    return message.startswith((_ENVELOPED_DATA, _AUTHENTICATED), walk.at)


def is_broken(message: bytes) -> bool:
    """Tell whether bytes that are declared to be CMS data are none, or signed data that is cut or mutilated.  Never raises.

    Signed data without content (certificates alone, RFC 8551 3.2.2) is whole, and so is a kind that is not opened here (compressed data).
    """
    walk = _Walk(message)
    try:
        walk.enter(_SEQUENCE)
        if not message.startswith(_SIGNED_DATA, walk.at):
            return not message.startswith(_CMS, walk.at)
        _to_content_type(walk)
    except (ValueError, IndexError):
        return True
    return walk.at > len(message)


def content(signature: bytes) -> bytes | None:
    """Return the MIME part inside CMS signed data, or None when it is no signed data or holds no content.  Linear; never raises."""
    walk = _Walk(signature)
    try:
        walk.enter(_SEQUENCE)
        if not signature.startswith(_SIGNED_DATA, walk.at):
            return None
        _to_content_type(walk)
        walk.enter(_ZERO)
        return walk.octets()
    except (ValueError, IndexError):
        return None


def _to_content_type(walk: _Walk) -> None:
    """Step from the OID of signed data over the one that tells what was signed."""
    walk.at += len(_SIGNED_DATA)
    walk.enter(_ZERO)
    walk.enter(_SEQUENCE)
    walk.skip(_INTEGER)
    walk.skip(_SET)
    walk.enter(_SEQUENCE)
    walk.skip(_OID)
