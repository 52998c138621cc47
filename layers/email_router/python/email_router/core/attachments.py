"""Make attachments of the parts that are not the text."""

from __future__ import annotations

from dataclasses import dataclass

from email_router.core import encoded_words, headers, tnef
from email_router.core.limits import Defects, Limits
from email_router.core.message import Attachment
from email_router.core.parts import Part
from email_router.core.visible import file_name, one_line

_TEXTS = frozenset({"text/plain", "text/html"})
_USUAL_NAMES = {"text/calendar": "invite.ics", "application/ics": "invite.ics"}
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
NESTED = frozenset({"message/rfc822", "message/global"})


def is_body(part: Part) -> bool:
    """Tell whether the part is text to be read in place: plain or html, not declared an attachment, without a file name."""
    if part.media_type not in _TEXTS or part.disposition == "attachment":
        return False
    return not part.within or not part.declared_name


def from_part(part: Part, limits: Limits) -> Attachment:
    """Return the part as an attachment; an attached mail without a name is named after its subject, an invitation invite.ics."""
    name = file_name(part.declared_name)
    if not name and part.media_type in NESTED:
        name = file_name(f"{nested_subject(part.content, limits) or 'message'}.eml")
    elif not name:
        name = _USUAL_NAMES.get(part.media_type, "")
    content_id = one_line(encoded_words.decode(part.head.get("content-id") or "")).strip("<> ") or None
    related = part.within == "multipart/related" and content_id is not None and part.disposition != "attachment"
    return Attachment(name, part.media_type, part.content, part.disposition == "inline" or related, content_id)


def broken_off(part: Part) -> Attachment:
    """Return the bytes of a text that the end of the mail cut short, under the type its header declares."""
    declared = (part.head.get("content-type") or "").partition(";")[0].strip().lower()
    media_type = declared if declared.startswith("multipart/") else part.media_type
    return Attachment(f"cut-off.{'html' if part.media_type == 'text/html' else 'txt'}", media_type, part.content)


def nested_subject(content: bytes, limits: Limits) -> str:
    """Return the subject of an attached mail, or empty."""
    subject = headers.split(content, 0, len(content), limits, Defects()).get("subject")
    return one_line(encoded_words.decode(subject)) if subject else ""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a winmail.dat adds to its mail: files beside the original, and a text where the mail has none of its own."""

    files: tuple[Attachment, ...] = ()
    text: str = ""
    html: str = ""


def is_winmail(part: Part) -> bool:
    """Tell whether the part is a winmail.dat, by its type or its name."""
    return part.media_type in _TNEF or part.declared_name.lower() == "winmail.dat"


def unpacked(part: Part, limits: Limits) -> Unpacked:
    """Return what the part holds when it is a winmail.dat, else nothing."""
    if not is_winmail(part):
        return Unpacked()
    found = tnef.unpack(part.content)
    if found is None:
        return Unpacked()
    files = tuple(
        Attachment(
            file_name(one.name),
            one.media_type if "/" in one.media_type and one.media_type.isprintable() else "application/octet-stream",
            one.content,
            content_id=one_line(one.content_id).strip("<> ") or None,
        )
        for one in found.attachments[: limits.parts]
        if one.content or one.name
    )
    return Unpacked(files, found.text, found.html)
