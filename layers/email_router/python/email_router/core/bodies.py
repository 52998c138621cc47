"""Sort the parts of a mail into what is read in place and what is attached."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from email_router.core import attachments, calendar_text, headers, html, parts, uuencoded
from email_router.core.charset import decode
from email_router.core.limits import Defects, Limits
from email_router.core.message import Attachment
from email_router.core.parts import Part
from email_router.core.visible import file_name, plain

_META_CHARSET = re.compile(rb"<meta\s[^<>]{0,200}?charset\s{0,4}=\s{0,4}[\"']?([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_META_WITHIN = 2_048
_REPORTS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_REPORT_FIELD = re.compile(
    rb"^(?:reporting-mta|final-recipient|original-envelope-id)[ \t]*:", re.IGNORECASE | re.MULTILINE
)
# What stands in for a missing text: so many mails attached to one another, so many of one mail, each with so small a part of the limits.
_MOST_LEVELS, _MOST_STAND_INS, _SMALL_PART = 3, 5, 10
_MOST_WINMAIL = 3


@dataclass(frozen=True, slots=True)
class Contents:
    """The text, the sanitized html and the attachments of a mail."""

    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)
    attachments: tuple[Attachment, ...] = ()


def sort(leaves: list[Part], limits: Limits, defects: Defects, level: int = 0) -> Contents:
    """Return text (the text/plain parts joined by a newline, else made from the html), html and attachments, all decoded.

    A winmail.dat stays attached and its files stand behind it; its text counts only where the mail has none of its own.  Files that a
    text carries uuencoded are attached.  A text that the end of the mail cut short is shown, and its bytes are attached too.  A mail
    without any text shows that of its invitation, else that of the mail attached to it, `level` mails deep at most three.  Text beyond
    `limits.text` is attached; files out of winmail.dat and texts are at most `limits.parts` with all other attachments.
    """
    plains: list[str] = []
    pages: list[str] = []
    attached: list[Attachment] = []
    winmail = attachments.Unpacked()
    room, unpacked = limits.text, 0
    for part in leaves:
        is_body = attachments.is_body(part)
        if is_body and len(part.content) > room:
            defects.over(f"more than {limits.text} bytes of text: the rest is attached")
        elif is_body:
            room -= len(part.content)
            files = _body(part, plains, pages, max(0, limits.parts - len(attached)))
            attached.extend(files)
            if part.broken_off and not files and part.content.strip():
                attached.append(attachments.broken_off(part))
            continue
        attached.append(attachments.from_part(part, limits))
        if attachments.is_winmail(part):
            unpacked += 1
            inside = _from_winmail(part, unpacked, room, attached, limits, defects)
            winmail = inside if inside.text or inside.html else winmail
    safe = _page(pages if any(page.strip() for page in pages) else [plain(winmail.html)], defects)
    text = "\n".join(plains)
    if not text.strip():
        text = plain(winmail.text) or (html.to_text(safe) if safe else text)
    if not text.strip() and not safe:
        text, safe = _stand_in(leaves, limits, defects, level) or (text, safe)
    return Contents(text, safe, tuple(attached))


def _from_winmail(
    part: Part, number: int, room: int, attached: list[Attachment], limits: Limits, defects: Defects
) -> attachments.Unpacked:
    """Attach the files of the mail's winmail.dat of this number; return what it holds, or nothing where its text does not fit."""
    if number > _MOST_WINMAIL:
        defects.over(f"more than {_MOST_WINMAIL} winmail.dat: the rest is not unpacked")
        return attachments.Unpacked()
    inside = attachments.unpacked(part, limits)
    _add(inside.files, attached, limits, defects)
    if len(inside.text) + len(inside.html) > room:
        defects.over(f"more than {limits.text} bytes of text: that of winmail.dat stays in it")
        return attachments.Unpacked()
    return inside


def _add(files: Sequence[Attachment], attached: list[Attachment], limits: Limits, defects: Defects) -> None:
    """Attach the files that lay in something else, as far as there is room."""
    room = max(0, limits.parts - len(attached))
    if len(files) > room:
        defects.over(f"more than {limits.parts} attachments")
    attached.extend(files[:room])


def _body(part: Part, plains: list[str], pages: list[str], room: int) -> list[Attachment]:
    """Put one text where it belongs; return the files that it carried uuencoded, those beyond `room` stay in it."""
    if part.media_type != "text/plain":
        pages.append(_text(part, part.content))
        return []
    content, files = uuencoded.take_out(part.content, room)
    plains.append(_text(part, content))
    return [Attachment(file_name(decode(one.name)), "application/octet-stream", one.content) for one in files]


def _stand_in(leaves: list[Part], limits: Limits, defects: Defects, level: int) -> tuple[str, str] | None:
    """Return text and html for a mail that has none of its own: its invitation in words, else what is attached."""
    calendars = [part for part in leaves if part.media_type == "text/calendar"]
    for part in calendars[:_MOST_STAND_INS]:
        if told := calendar_text.in_words(_text(part, part.content)):
            return plain(told), ""
    texts: list[str] = []
    pages: list[str] = []
    small = replace(limits, parts=limits.parts // _SMALL_PART, text=limits.text // _SMALL_PART)
    likely = [part for part in leaves if part.media_type in _REPORTS | attachments.NESTED][:_MOST_STAND_INS]
    for part in likely:
        if part.media_type in _REPORTS and not _REPORT_FIELD.search(part.content[: small.text]):
            texts.append(plain(decode(part.content[: small.text])))
        elif part.media_type in attachments.NESTED and level < _MOST_LEVELS:
            head = headers.split(part.content, 0, len(part.content), limits, Defects())
            inner = sort(parts.leaves(part.content, head, small, Defects()), small, Defects(), level + 1)
            texts.append(inner.text)
            pages.append(inner.html)
    if not any(text.strip() for text in texts):
        return None
    defects.add("no text of its own: that of the attached mail is shown")
    return "\n".join(text for text in texts if text.strip()), "\n".join(page for page in pages if page)


def _text(part: Part, content: bytes) -> str:
    charset = part.parameters.get("charset")
    if not charset and part.media_type == "text/html":
        told = _META_CHARSET.search(content[:_META_WITHIN])
        charset = told[1].decode("ascii") if told else None
    return plain(decode(content, charset))


def _page(pages: list[str], defects: Defects) -> str:
    whole = pages[0] if len(pages) == 1 else "\n".join(pages)  # many small ones cost as much as a large one
    if html.is_hostile(whole):
        defects.over(f"html too deep or too crowded: the text of its first {html.KEPT_AS_TEXT} characters is kept")
        return html.as_text(whole)
    return "\n".join(html.sanitize(page) for page in pages)
