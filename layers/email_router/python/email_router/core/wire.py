"""Make text and bytes fit for the wire: ASCII, short lines, and no character that could end a line."""

from __future__ import annotations

import binascii
import re
import unicodedata
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING
from urllib.parse import quote

from email_router.core.errors import MessageRefused
from email_router.core.octets import Octets, regrouped, replaced

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PLAIN = re.compile("[\x20-\x7e]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_LOCAL = re.compile(r'[A-Za-z0-9!#$%&\'*+/=?^_`{|}~.\x80-\U0010ffff-]+|"(?:[ !#-\[\]-~]|\\[ -~])*"')
_DOMAIN = re.compile(r"[A-Za-z0-9._-]+|\[[A-Za-z0-9.:]+\]")
_DOTS = re.compile("[.\u3002\uff0e\uff61]")  # RFC 3490 3.1
_DEVIATING = re.compile("[\u00df\u03c2\u200c\u200d]")
_ID = re.compile(r"<[!-;=?-~]{1,900}>")
_SAFE_NAME = re.compile(r"[A-Za-z0-9!#$&()+,.;=@^_`{}~ -]{1,60}")

_WORD = "=?"
"""How an encoded word begins (RFC 2047 2)."""

_WORD_BYTES = 39
"""Bytes in one encoded word: with the field's name before it a line stays within the 76 characters of RFC 2047 2."""
_LINE = 76
_LINES = Struct(f"{_LINE}s" * 32)  # cuts in C, twice as fast as slices
_CONTINUES = 0x80  # of UTF-8 (RFC 3629 3): a byte inside a character
_LONGEST_ADDRESS = 254  # RFC 3696 erratum 1690
_LONGEST_WORD = 900
_LONGEST_LABEL = 63  # RFC 1035 2.3.4
_SEGMENT = 54
_NOT_ASCII = re.compile(rb"<?(?P<address>[^\s<>,@]*[\x80-\xff][^\s<>,@]*@[^\s<>,@]+)>?")
_NEEDS_NO_CODE = bytes(range(ord(" "), ord("~") + 1)) + b"\t\r\n"
_ESCAPES = ord("=")
_CONTROL_BYTE = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LAST_BLANK = re.compile(rb"[ \t](?=\r\n)")
_PIECE = 57 * 32 * 64
"""Bytes that are coded at once: whole lines of base64."""


def printable(text: str) -> str:
    """Return the text on one line: each run of control characters and line separators becomes one space."""
    return text.strip() if text.isprintable() else _CONTROL.sub(" ", text).strip()


def refuse_control(text: str, what: str) -> None:
    """Raise MessageRefused "unsafe" when the text holds a control character or is not ASCII; `what` names it, never its text.

    An encoded word may hide a control character from us that a reader decodes (CVE-2024-6923), so it is refused too.
    """
    if not _PLAIN.fullmatch(text) or _WORD in text:
        raise MessageRefused(
            f"{what} holds a control character or is not ASCII",
            kind="unsafe",
            mend=f"Correct the {what} and send again.",
        )


def mail_address(address: str) -> str:
    """Return an address as it may stand on the wire of any server, its domain in A-labels (RFC 5890).

    Raises MessageRefused "address" for what is no local-part@domain in ASCII; quoting is never repaired.
    """
    found = international_address(address)
    if not found.isascii():
        raise MessageRefused(
            "the address of a recipient or the sender has letters outside ASCII before the @, and this way out takes none",
            kind="address",
            mend="Give an address in ASCII, or send through an SMTP server that offers SMTPUTF8 (RFC 6531).",
        )
    return found


@lru_cache(maxsize=4096)
def international_address(address: str) -> str:
    """Return an address as it may stand on the wire of a server with SMTPUTF8 (RFC 6531 3.3): letters of any script before the @.

    Its domain is in A-labels, so that an address needs SMTPUTF8 when what is returned is not ASCII.  Raises MessageRefused "address" for
    what is no local-part@domain; quoting is never repaired, and no letter is replaced by another that looks the same.
    """
    local, at, domain = address.strip().rpartition("@")
    try:
        ascii_domain = domain if domain.isascii() else _a_labels(domain)
        length = len(local.encode()) + len(ascii_domain) + 1
    except UnicodeError:
        ascii_domain, length = "", 0
    if (
        not at
        or _WORD in local
        or not local.isprintable()
        or not _LOCAL.fullmatch(local)
        or not _DOMAIN.fullmatch(ascii_domain)
        or length > _LONGEST_ADDRESS
    ):
        raise MessageRefused(
            "a recipient's or the sender's address is not one that mail can be sent to",
            kind="address",
            mend="Correct the address: local-part@domain.",
        )
    return f"{local}@{ascii_domain}"


def downgraded(composed: Octets) -> Octets:
    """Return a composed mail with a header in ASCII, for a server without SMTPUTF8; always the same one.

    Of our own mails addresses alone are not ASCII there.  Each becomes an empty group that is named after it in an encoded word (RFC 6857
    3.1.8): everyone reads who else was written to, and an answer to all leaves him out.
    """
    if composed.isascii():
        return composed
    end = composed.find(b"\r\n\r\n")
    return replaced(composed, end, _NOT_ASCII.sub(_as_group, composed[:end]))


def _as_group(found: re.Match[bytes]) -> bytes:
    return f"{encoded_words(found['address'].decode('utf-8', 'replace'))} :;".encode("ascii")


def _a_labels(domain: str) -> str:
    """Return a domain in ASCII.  Raises UnicodeError for what is none.

    The standard library knows IDNA of 2003, which writes ß as ss, and alters the last sigma of a word: straße.de and strasse.de are two
    domains (RFC 5894 7.2), so labels with those are written as IDNA of 2008 does.  Joiners, which 2003 drops, mean something in some places
    only: they are refused.
    """
    if not _DEVIATING.search(domain):
        return domain.encode("idna").decode("ascii")
    return ".".join(map(_a_label, _DOTS.split(domain)))


def _a_label(label: str) -> str:
    if not label or "\u200c" in label or "\u200d" in label:
        raise UnicodeError("an empty label, or a joiner")
    if not _DEVIATING.search(label):
        return label.encode("idna").decode("ascii")
    small = unicodedata.normalize("NFC", label.lower())
    _DEVIATING.sub("s", small).encode("idna")  # judges the other characters
    written = f"xn--{small.encode('punycode').decode('ascii')}"
    if len(written) > _LONGEST_LABEL:
        raise UnicodeError("a label of more than 63 characters")
    return written


def message_ids(ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return those that may stand on the wire; what is no id in <>, or a reader might decode, is left out."""
    return tuple(each for each in ids if _ID.fullmatch(each) and _WORD not in each)


def unstructured(text: str, name_length: int) -> str:
    """Return a field's free text (RFC 5322 2.2.1), folded, as encoded words (RFC 2047) where it is not plain ASCII."""
    text = printable(text)
    if not _PLAIN.fullmatch(text) or _WORD in text or "  " in text or max(map(len, text.split(" "))) > _LONGEST_WORD:
        return encoded_words(text)
    return fold(text, name_length)


def phrase(name: str) -> str:
    """Return a display name (RFC 5322 3.4): atoms, a quoted string, or encoded words."""
    name = printable(name)
    if len(name) <= _LINE and _PLAIN.fullmatch(name) and _WORD not in name:
        if not name or (_ATOMS.fullmatch(name) and "  " not in name):
            return name
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return encoded_words(name)


def encoded_words(text: str) -> str:
    """Return the text as base64 encoded words of UTF-8, never split inside a character, one a line."""
    words: list[bytes] = []
    raw = text.encode("utf-8", "replace")
    start = 0
    while start < len(raw):
        end = min(start + _WORD_BYTES, len(raw))
        while end < len(raw) and raw[end] & 0xC0 == _CONTINUES:
            end -= 1
        words.append(raw[start:end])
        start = end
    return "\r\n ".join(f"=?utf-8?b?{binascii.b2a_base64(word, newline=False).decode('ascii')}?=" for word in words)


def fold(text: str, name_length: int) -> str:
    """Return ASCII text folded before single spaces so that lines keep to 76 characters where words allow."""
    if len(text) + name_length + 2 <= _LINE:
        return text
    lines: list[str] = []
    line, room = "", _LINE - name_length - 2
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > room:
            lines.append(line)
            line, room = word, _LINE - 1
        else:
            line = f"{line} {word}" if line else word
    return "\r\n ".join([*lines, line])


def parameter(name: str, value: str) -> str:
    """Return ASCII parameters of a MIME field for the value, each with its semicolon; in segments of RFC 2231 unless it is plain."""
    if _SAFE_NAME.fullmatch(value):
        return f';\r\n {name}="{value}"'
    encoded = quote(value, safe="", errors="replace")
    segments: list[str] = []
    while encoded:
        end = min(_SEGMENT, len(encoded))
        if end < len(encoded):
            end -= next((back for back in (1, 2) if encoded[end - back] == "%"), 0)
        segments.append(encoded[:end])
        encoded = encoded[end:]
    segments[0] = f"utf-8''{segments[0]}"
    if len(segments) == 1:
        return f";\r\n {name}*={segments[0]}"
    return "".join(f";\r\n {name}*{number}*={segment}" for number, segment in enumerate(segments))


def fallback_parameter(name: str, value: str) -> str:
    """Return the parameter for readers that know no RFC 2231: quoted, as encoded words where it is not plain."""
    return f';\r\n {name}="{value if _SAFE_NAME.fullmatch(value) else encoded_words(value)}"'


def quoted_printable(text: bytes) -> bytes:
    """Return ASCII text with CRLF line ends and a final one as quoted-printable (RFC 2045 6.7).

    The standard library's takes twice as long, and makes lines of more than 76 characters where one ends in a tab.
    """
    escaped = text.replace(b"=", b"=3D")
    if text.translate(None, _NEEDS_NO_CODE):
        escaped = _CONTROL_BYTE.sub(_escape, escaped)
    lines = escaped.split(b"\r\n")
    if [*map(bytes.rstrip, lines)] != lines:  # searching the text for blanks before a line end takes twice as long
        escaped = _LAST_BLANK.sub(_escape, escaped)
        lines = escaped.split(b"\r\n")
    if max(map(len, lines)) <= _LINE:
        return escaped
    near, most, twice = _LINE - 3, _LINE - 1, 2 * _LINE - 1
    return b"\r\n".join(
        [
            line
            if len(line) <= _LINE
            else line[:most] + b"=\r\n" + line[most:]  # as nearly always: one cut, no escape near it
            if len(line) <= twice and b"=" not in line[near:most]
            else _softly(line)
            for line in lines
        ]
    )


def _escape(found: re.Match[bytes]) -> bytes:
    return b"=%02X" % ord(found[0])


def _softly(line: bytes) -> bytes:
    """Cut a long line by soft line ends, never inside an escape."""
    most = _LINE - 1
    parts: list[bytes] = []
    at, last = 0, len(line) - _LINE
    while at < last:
        end = at + most
        if line[end - 1] == _ESCAPES:
            end -= 1
        elif line[end - 2] == _ESCAPES:
            end -= 2
        parts.append(line[at:end])
        at = end
    parts.append(line[at:])
    return b"=\r\n".join(parts)


def base64_lines(content: bytes) -> bytes:
    """Return the bytes as base64 in lines of 76 (RFC 2045 6.8), a final CRLF included."""
    return b"".join(base64_pieces((content,)))


def base64_pieces(content: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what comes in pieces as base64 in lines, so that little more than one piece is held."""
    nothing = True
    for piece in regrouped(content, _PIECE):
        nothing = False
        yield _lines_of(binascii.b2a_base64(piece, newline=False))
    if nothing:
        yield b"\r\n"


def _lines_of(encoded: bytes) -> bytes:
    whole = len(encoded) - len(encoded) % _LINES.size
    lines = [line for group in _LINES.iter_unpack(memoryview(encoded)[:whole]) for line in group]
    lines += [encoded[at : at + _LINE] for at in range(whole, len(encoded), _LINE)]
    return b"\r\n".join(lines) + b"\r\n"
