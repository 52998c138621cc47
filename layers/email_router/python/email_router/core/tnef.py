"""Unpack Outlook's winmail.dat (MS-OXTNEF), bounded by its own size.

Our own reader, as tnefparse trusts the counts in the file: four bytes keep it busy for hours.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from email_router.core import compressed_rtf, rtf
from email_router.core.charset import decode

_SIGNATURE = 0x223E9F78
_ATTACHMENT_BEGINS, _ATTACHMENT_TITLE, _ATTACHMENT_DATA, _ATTACHMENT_PROPERTIES = 0x9002, 0x8010, 0x800F, 0x9005
_MESSAGE_PROPERTIES, _BODY, _CODE_PAGE = 0x9003, 0x800C, 0x9007
_PR_BODY, _PR_RTF, _PR_HTML, _PR_DATA, _PR_SHORT_NAME, _PR_LONG_NAME = 0x1000, 0x1009, 0x1013, 0x3701, 0x3704, 0x3707
_PR_MIME_TAG, _PR_CONTENT_ID, _PR_CODE_PAGE = 0x370E, 0x3712, 0x3FDE
_FIXED = {0x02: 4, 0x03: 4, 0x04: 4, 0x0A: 4, 0x0B: 4, 0x05: 8, 0x06: 8, 0x07: 8, 0x14: 8, 0x40: 8, 0x48: 16}
_VARIABLE = frozenset({0x0D, 0x1E, 0x1F, 0x102})
_OBJECT, _UNICODE, _MULTIPLE, _NAMED = 0x0D, 0x1F, 0x1000, 0x8000
_OBJECT_ID = 16  # an embedded object begins with the id of its interface
_MOST = 10_000


@dataclass(slots=True)
class TnefAttachment:
    """One file in a winmail.dat; `name` and `media_type` may be empty."""

    name: str = ""
    content: bytes = field(default=b"", repr=False)
    media_type: str = ""
    content_id: str = ""


@dataclass(slots=True)
class Tnef:
    """What a winmail.dat holds: its text as it stands there, or taken out of its RTF where it has nothing else."""

    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    attachments: list[TnefAttachment] = field(default_factory=list)
    has_rtf: bool = False


def unpack(content: bytes) -> Tnef | None:
    """Return the parts of a TNEF stream, or None when it is none.  A broken end loses what stands after the break; never raises."""
    if len(content) < 6 or struct.unpack_from("<I", content)[0] != _SIGNATURE:  # noqa: PLR2004 - signature and key
        return None
    found = Tnef()
    code_page = "cp1252"
    for name, value in _attributes(content):
        if name == _ATTACHMENT_BEGINS:
            found.attachments.append(TnefAttachment())
        elif name == _CODE_PAGE and len(value) >= 4:  # noqa: PLR2004
            code_page = f"cp{struct.unpack_from('<I', value)[0]}"
        elif name == _BODY:
            found.text = found.text or _text(value, 0, code_page)
        elif name == _MESSAGE_PROPERTIES:
            _read_message(found, dict(_properties(value)), code_page)
        elif found.attachments:
            _read_attachment(found.attachments[-1], name, value, code_page)
    return found


def _attributes(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield id and value of each attribute: level, id, type, length, value, checksum."""
    position = 6
    for _ in range(_MOST):
        if position + 9 > len(content):
            return
        _, name, _, size = struct.unpack_from("<BHHI", content, position)
        yield name, content[position + 9 : position + 9 + size]
        position += 9 + size + 2


def _read_message(found: Tnef, properties: dict[int, tuple[int, bytes]], code_page: str) -> None:
    page = properties.get(_PR_CODE_PAGE)
    internet = code_page
    if page and len(page[1]) >= 4:  # noqa: PLR2004
        internet = f"cp{struct.unpack_from('<I', page[1])[0]}".replace("cp65001", "utf-8")
    if _PR_BODY in properties:
        found.text = _text(properties[_PR_BODY][1], properties[_PR_BODY][0], code_page)
    if _PR_HTML in properties:
        found.html = _text(properties[_PR_HTML][1], properties[_PR_HTML][0], internet)
    if _PR_RTF in properties and not found.has_rtf and not found.text.strip() and not found.html.strip():
        found.has_rtf = True  # once: it is the costliest of all
        told, is_html = rtf.to_text(compressed_rtf.unpack(properties[_PR_RTF][1]))
        found.text, found.html = ("", told) if is_html else (told, "")


def _read_attachment(attachment: TnefAttachment, name: int, value: bytes, code_page: str) -> None:
    if name == _ATTACHMENT_TITLE:
        attachment.name = _text(value, 0, code_page)
    elif name == _ATTACHMENT_DATA:
        attachment.content = value
    elif name == _ATTACHMENT_PROPERTIES:
        properties = dict(_properties(value))
        for wanted in (_PR_LONG_NAME, _PR_SHORT_NAME):
            if wanted in properties:
                attachment.name = _text(properties[wanted][1], properties[wanted][0], code_page) or attachment.name
                break
        if _PR_DATA in properties:
            kind, data = properties[_PR_DATA]
            attachment.content = data[_OBJECT_ID:] if kind == _OBJECT else data
        if _PR_MIME_TAG in properties:
            attachment.media_type = _text(properties[_PR_MIME_TAG][1], properties[_PR_MIME_TAG][0], code_page).lower()
        if _PR_CONTENT_ID in properties:
            attachment.content_id = _text(properties[_PR_CONTENT_ID][1], properties[_PR_CONTENT_ID][0], code_page)


def _properties(value: bytes) -> Iterator[tuple[int, tuple[int, bytes]]]:
    """Yield id -> (type, bytes) of the single-valued properties; stops at the first that does not fit into the bytes."""
    try:
        count, position = struct.unpack_from("<I", value)[0], 4
        for _ in range(min(count, _MOST)):
            kind, name = struct.unpack_from("<HH", value, position)
            position = _after_name(value, position + 4) if name >= _NAMED else position + 4
            single = kind & ~_MULTIPLE
            values = 1
            if kind & _MULTIPLE or single in _VARIABLE:
                values = struct.unpack_from("<I", value, position)[0]
                position += 4
            if single in _FIXED:
                size, start = _FIXED[single], position
                position += size * values
            elif single in _VARIABLE:
                position, start, size = _last_value(value, position, values)
            else:
                return
            if position > len(value) + 3:  # the padding of the last one may be missing
                return
            yield name, (single, value[start : start + size])
    except struct.error:
        return


def _after_name(value: bytes, position: int) -> int:
    """Return where the value of a named property begins: a GUID and a number or a padded name stand before it."""
    kind, size = struct.unpack_from("<16xII", value, position)
    return position + 24 + (_padded(size) if kind else 0)


def _last_value(value: bytes, position: int, values: int) -> tuple[int, int, int]:
    """Skip the values of a property; return the end, and start and size of the last."""
    start = size = 0
    for _ in range(min(values, _MOST)):
        size = struct.unpack_from("<I", value, position)[0]
        start = position + 4
        position = start + _padded(size)
    return position, start, size


def _padded(size: int) -> int:
    return size + -size % 4


def _text(value: bytes, kind: int, code_page: str) -> str:
    text = value.decode("utf-16-le", "replace") if kind == _UNICODE else decode(value, code_page)
    return text.rstrip("\0")
