"""Sort the parts of a mail into what is read in place and what is attached."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from email_router.core import attachments, html
from email_router.core.charset import decode
from email_router.core.limits import Defects, Limits
from email_router.core.message import Attachment
from email_router.core.parts import Part
from email_router.core.visible import plain

_META_CHARSET = re.compile(rb"<meta\s[^<>]{0,200}?charset\s{0,4}=\s{0,4}[\"']?([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_META_WITHIN = 2_048


@dataclass(frozen=True, slots=True)
class Contents:
    """The text, the sanitized html and the attachments of a mail."""

    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    attachments: tuple[Attachment, ...] = ()


def sort(leaves: list[Part], limits: Limits, defects: Defects) -> Contents:
    """Return text (the text/plain parts joined by a newline, else made from the html), html and attachments, all decoded.

    A winmail.dat stays attached and its files stand behind it; its text counts only where the mail has none of its own.
    """
    plains: list[str] = []
    pages: list[str] = []
    attached: list[Attachment] = []
    winmail = attachments.Unpacked()
    for part in leaves:
        if attachments.is_body(part):
            (plains if part.media_type == "text/plain" else pages).append(_text(part))
            continue
        attached.append(attachments.from_part(part, limits))
        inside = attachments.unpacked(part, limits)
        attached.extend(inside.files)
        winmail = inside if inside.text or inside.html else winmail
    safe = _page(pages if any(page.strip() for page in pages) else [plain(winmail.html)], defects)
    text = "\n".join(plains)
    if not text.strip():
        text = plain(winmail.text) or (html.to_text(safe) if safe else text)
    return Contents(text, safe, tuple(attached))


def _text(part: Part) -> str:
    charset = part.parameters.get("charset")
    if not charset and part.media_type == "text/html":
        told = _META_CHARSET.search(part.content[:_META_WITHIN])
        charset = told[1].decode("ascii") if told else None
    return plain(decode(part.content, charset))


def _page(pages: list[str], defects: Defects) -> str:
    if any(html.is_hostile(page) for page in pages):
        defects.add("html too deep or too crowded: kept as text")
    return "\n".join(html.sanitize(page) for page in pages)
