"""Cut a message into its parts by byte offsets (RFC 2046 5.1), without recursion."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from email_router.core import headers, parameters, signed_mail, transfer
from email_router.core.headers import Head
from email_router.core.limits import Defects, Limits

_TYPE = re.compile(r"[!#-'*+.0-9A-Z^-~-]+/[!#-'*+.0-9A-Z^-~-]+")
_SIGNED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_LF, _CR = 10, 13
_GUESSED = re.compile(rb"^--([!-~]{1,70})[ \t]*\r?\ncontent-", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """One leaf of the MIME tree: `content` is decoded, `within` the media type around it (empty for the whole message)."""

    head: Head
    media_type: str
    parameters: dict[str, str]
    disposition: str
    disposition_parameters: dict[str, str]
    content: bytes
    within: str

    @property
    def declared_name(self) -> str:
        """The file name as declared, or empty."""
        return self.disposition_parameters.get("filename") or self.parameters.get("name") or ""


@dataclass(frozen=True, slots=True)
class _Node:
    """A part not yet looked into: its header and where its body lies."""

    raw: bytes
    head: Head
    end: int
    depth: int
    within: str


def leaves(raw: bytes, head: Head, limits: Limits, defects: Defects) -> list[Part]:
    """Return all parts that are no multipart, in order, those inside an opaque signature behind it.

    Bounded by `limits.depth` and `limits.parts`; what is left out has a defect.
    """
    found: list[Part] = []
    stack = [_Node(raw, head, len(raw), 0, "")]
    seen = 0
    while stack:
        node = stack.pop()
        media_type, own = _content_type(node, limits, defects)
        if media_type.startswith("multipart/"):
            if node.depth >= limits.depth:
                defects.over(f"parts nested more than {limits.depth} deep")
            else:
                inner = _inner(node, media_type, own, limits, defects, limits.parts - seen)
                seen += len(inner)
                if inner:
                    stack.extend(reversed(inner))
                    continue
                media_type = "text/plain"
        leaf = _leaf(node, media_type, own, limits, defects)
        found.append(leaf)
        inside = signed_mail.content(leaf.content) if media_type in _SIGNED and node.depth < limits.depth else None
        if inside and seen < limits.parts:
            seen += 1
            defects.add("signed content: the signature is not checked")
            head = headers.split(inside, 0, len(inside), limits, defects)
            stack.append(_Node(inside, head, len(inside), node.depth + 1, media_type))
    return found


def _content_type(node: _Node, limits: Limits, defects: Defects) -> tuple[str, dict[str, str]]:
    value = node.head.get("content-type")
    default = "message/rfc822" if node.within == "multipart/digest" else "text/plain"
    if not value:
        return default, {}
    media_type, own = parameters.parse(value, limits, defects)
    if _TYPE.fullmatch(media_type, 0):
        return media_type, own
    if media_type.partition("/")[0] != "text":
        defects.add("a content type is none")
    return "text/plain", own


def _leaf(node: _Node, media_type: str, own: dict[str, str], limits: Limits, defects: Defects) -> Part:
    value = node.head.get("content-disposition")
    disposition, described = parameters.parse(value, limits, defects) if value else ("", {})
    encoding = node.head.get("content-transfer-encoding") or ""
    content = transfer.decode(node.raw[node.head.body_at : node.end], encoding, defects)
    return Part(node.head, media_type, own, disposition, described, content, node.within)


def _inner(
    node: _Node, media_type: str, own: dict[str, str], limits: Limits, defects: Defects, room: int
) -> list[_Node]:
    """Return the parts of a multipart, or none when no delimiter is found in it."""
    raw, start, end = node.raw, node.head.body_at, node.end
    boundary = own.get("boundary", "").rstrip().encode("utf-8", "surrogatepass")
    sections = list(_sections(raw, start, end, boundary, defects, room)) if boundary else []
    if not sections:
        encoding = node.head.get("content-transfer-encoding") or ""
        decoded = transfer.decode(raw[start:end], encoding, Defects())
        guessed = _GUESSED.search(decoded, 0, limits.header_bytes)
        if boundary and boundary in decoded:
            raw, sections = decoded, list(_sections(decoded, 0, len(decoded), boundary, defects, room))
        elif guessed:
            raw, sections = decoded, list(_sections(decoded, 0, len(decoded), guessed[1], defects, room))
        defects.add("a multipart without its boundary")
    if len(sections) > room:
        defects.over(f"more than {limits.parts} parts")
        sections = sections[:room]
    nodes = []
    for first, last in sections:
        head = headers.split(raw, first, last, limits, defects)
        nodes.append(_Node(raw, head, last, node.depth + 1, media_type))
    return nodes


def _sections(
    raw: bytes, start: int, end: int, boundary: bytes, defects: Defects, room: int
) -> Iterator[tuple[int, int]]:
    """Yield the extents between delimiter lines, one more than there is room for.

    Parts after the closing delimiter are read too: what another reader shows, ours must not hide.
    """
    marker = b"--" + boundary
    opened = -1
    closed = False
    count = 0
    at = raw.find(marker, start, end)
    while at >= 0 and count <= room:
        after = at + len(marker)
        if at == start or raw[at - 1] == _LF:
            line_end = raw.find(b"\n", after, end) + 1 or end
            rest = raw[after:line_end].strip()
            if rest in (b"", b"--"):
                if opened >= 0:
                    count += 1
                    yield opened, _before_newline(raw, opened, at)
                elif closed and not rest:
                    defects.add("parts after the closing boundary")
                closed = bool(rest)
                opened = -1 if closed else line_end
                after = line_end
        at = raw.find(marker, after, end)
    if opened >= 0 and count <= room:
        if opened < end:
            yield opened, end
        defects.add("a multipart without its closing boundary")


def _before_newline(raw: bytes, first: int, at: int) -> int:
    """Return where a part ends whose delimiter begins at `at`: the line end before it belongs to the delimiter."""
    last = at - 1 if at > first and raw[at - 1] == _LF else at
    return last - 1 if last > first and raw[last - 1] == _CR else last
