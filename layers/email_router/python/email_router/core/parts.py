"""Cut a message into its parts by byte offsets (RFC 2046 5.1), without recursion."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from email_router.core import delimiters, headers, parameters, signed_mail, transfer
from email_router.core.headers import Head
from email_router.core.limits import Defects, Limits

_TYPE = re.compile(r"[!#-'*+.0-9A-Z^-~-]+/[!#-'*+.0-9A-Z^-~-]+")
_SIGNED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_ENCRYPTED = frozenset({"application/pgp-encrypted"})
# Each multipart is searched for its delimiters to the end of the one around it, and what is wrapped is copied: so nested ones may cost
# this many times the longest message in all.
_SEARCHED, _COPYING = 6, 3
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
    broken_off: bool = False
    """The mail ends inside this part, before the delimiter that closes it, or it is a multipart that cannot be cut into parts."""

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
    open_end: bool = False


def leaves(raw: bytes, head: Head, limits: Limits, defects: Defects) -> list[Part]:
    """Return all parts that are no multipart, in order, those inside an opaque signature behind it.

    Bounded by `limits.depth` and `limits.parts`; what is left out has a defect.
    """
    found: list[Part] = []
    stack = [_Node(raw, head, len(raw), 0, "")]
    seen = 0
    searchable = _SEARCHED * limits.bytes
    while stack:
        node = stack.pop()
        media_type, own = _content_type(node, limits, defects)
        if media_type.startswith("multipart/"):
            searchable -= node.end - node.head.body_at
            if node.depth >= limits.depth:
                node = replace(node, open_end=False)  # stays one attachment, whole
                defects.over(f"parts nested more than {limits.depth} deep")
            elif searchable < 0:
                defects.over(
                    f"parts nested in one another that hold more than {_SEARCHED * limits.bytes} bytes together"
                )
            else:
                inner = _inner(node, media_type, own, limits, defects, limits.parts - seen)
                seen += len(inner)
                searchable -= _COPYING * len(inner[0].raw) if inner and inner[0].raw is not node.raw else 0
                if inner:
                    stack.extend(reversed(inner))
                    continue
                node = replace(node, open_end=True)
        leaf = _leaf(node, media_type, own, limits, defects)
        found.append(leaf)
        sealed = media_type in _SIGNED or leaf.declared_name.lower().endswith(".p7m")
        openable = sealed and node.depth < limits.depth and searchable >= 0
        inside = signed_mail.content(leaf.content) if openable else None
        if (sealed and not inside and signed_mail.is_encrypted(leaf.content)) or media_type in _ENCRYPTED:
            defects.add("encrypted content: not readable here, kept as attachment")
        elif openable and not inside and signed_mail.is_broken(leaf.content):
            defects.add("signed or encrypted content that cannot be opened: kept as attachment")
        if inside and seen < limits.parts:
            seen += 1
            searchable -= _COPYING * len(inside)
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
    shown = "text/plain" if node.open_end and media_type.startswith("multipart/") else media_type
    return Part(node.head, shown, own, disposition, described, content, node.within, node.open_end)


def _inner(
    node: _Node, media_type: str, own: dict[str, str], limits: Limits, defects: Defects, room: int
) -> list[_Node]:
    """Return the parts of a multipart, or none when no delimiter is found in it."""
    raw, start, end = node.raw, node.head.body_at, node.end
    boundary = own.get("boundary", "").rstrip().encode("utf-8", "surrogatepass")
    sections = list(delimiters.sections(raw, start, end, boundary, defects, room)) if boundary else []
    if not sections:
        encoding = node.head.get("content-transfer-encoding") or ""
        decoded = transfer.decode(raw[start:end], encoding, Defects())
        guessed = _GUESSED.search(decoded, 0, limits.header_bytes)
        for likely in (boundary, guessed[1] if guessed else b""):
            if likely and not sections and likely in decoded:
                raw = decoded
                sections = list(delimiters.sections(raw, 0, len(raw), likely, defects, room))
        defects.add("a multipart without its boundary")
    if len(sections) > room:
        defects.over(f"more than {limits.parts} parts")
        sections = sections[:room]
    nodes = []
    for first, last in sections:
        head = headers.split(raw, first, last, limits, defects)
        nodes.append(_Node(raw, head, last, node.depth + 1, media_type, last == len(raw)))
    return nodes
