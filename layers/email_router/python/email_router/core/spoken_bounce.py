"""Read bounces that mail servers write in their own words: the patterns of flufl.bounce first, then the usual shape of a line."""

from __future__ import annotations

import email
import logging
import re
from collections.abc import Callable
from email.message import Message
from functools import cache

from email_router.core.charset import decode
from email_router.core.message import ReportedRecipient
from email_router.core.parts import Part

# flufl.bounce tries some hundred patterns on every line: short lines and a short message keep their worst case at a second.
_READ_AT_MOST = 48 * 1024
_LONGEST_LINE = 300
_ASCII = bytes(range(128)) + b"?" * 128
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(r"(?<![\d.:@-])([45])\d\d[ -]")
_PLACES = (
    re.compile(r"^[\s>*-]{0,8}(?:\"[^\"]{0,100}\" )?<([^\s<>@]+@[^\s<>@]+)>"),
    re.compile(r"^[\s>*-]{0,8}([^\s<>@:;,()\"]+@[^\s<>@:;,()\"]+):?(?:\s|$)"),
    re.compile(r"^[45]\d\d[ -](?:[45]\.\d{1,3}\.\d{1,3} )?<([^\s<>@]+@[^\s<>@]+)>\.\.\."),
    re.compile(r"RCPT TO:\s{0,4}<?([^\s<>@]+@[^\s<>@]+?)>?(?:\s|$)", re.IGNORECASE),
    re.compile(
        r"(?:deliver(?:ed)? to|recipient|user|address|to|for|errors?)[ :]{1,4}[<\"']?([^\s<>@\"']+@[^\s<>@\"',;]+)",
        re.IGNORECASE,
    ),
)
_COPY_BEGINS = re.compile(
    r"^(?:received:|return-path:|message-id:|-{2,}.{0,40}(?:original|copy|returned|unsent|header|undelivered))",
    re.IGNORECASE,
)
# What a mail server says at the top of a report, right before the addresses.
_OPENING = re.compile(
    r"could not (?:be delivered to|deliver (?:the |your )?(?:message|e-?mail) to)|^-{2,} ?(?:failed recipients|non-?delivery report)",
    re.IGNORECASE | re.MULTILINE,
)
_OPENS_WITHIN, _ADDRESS_WITHIN = 400, 300
_COPY_TO = re.compile(r"^[> \t]{0,8}(?:to|cc)[ \t]{0,4}:(.{0,600})", re.IGNORECASE | re.MULTILINE)
_ANY_ADDRESS = re.compile(r"[^\s<>@:;,()\"']+@[^\s<>@:;,()\"']+")
_COPY_TYPES = frozenset({"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers"})
_NOT_YET = re.compile(
    r"delay|deferred|warning|not yet been|will (?:keep|continue|be retried)|still (?:being )?tr|keep trying|temporar|"
    r"do not need to resend",
    re.IGNORECASE,
)


def failures(raw: bytes, leaves: list[Part], subject: str) -> tuple[ReportedRecipient, ...]:
    """Return the recipients whom a bounce tells of; none when its words are unknown.  Never raises."""
    text = _first_text(leaves)
    later = bool(_NOT_YET.search(subject))
    temporary, permanent = _said(text, *_known_words(raw))
    if temporary or permanent:
        found = [_recipient(one, text, permanent=True) for one in sorted(permanent)]
        found += [_recipient(one, text, permanent=False) for one in sorted(temporary - permanent)]
        return tuple(found)
    return tuple(_recipient(one, text, permanent=not later) for one in _usual_places(text))


def opens_as_report(leaves: list[Part]) -> bool:
    """Tell whether a mail begins as a server's report does: the sentence that it could not deliver, and an address right after it."""
    text = _first_text(leaves)
    opening = _OPENING.search(text, 0, _OPENS_WITHIN)
    if opening is None or any(line.startswith(">") for line in text[: opening.start()].splitlines()):
        return False
    return bool(_usual_places(text[opening.start() : opening.end() + _ADDRESS_WITHIN]))


def returned_to(leaves: list[Part]) -> tuple[ReportedRecipient, ...]:
    """Return the only recipient of the mail that came back, for a bounce that names nobody; why it failed stays open."""
    copy = next((decode(part.content[:_READ_AT_MOST]) for part in leaves if part.media_type in _COPY_TYPES), "")
    if not copy:
        text = _decoded_text(leaves)
        copy = text[len(_first_text(leaves)) :]
    header = copy.lstrip().partition("\n\n")[0] if not copy.lstrip().startswith("-") else copy
    found = {one for line in _COPY_TO.findall(header) for one in _ANY_ADDRESS.findall(line)}
    return tuple(ReportedRecipient(one, "", permanent=False) for one in found) if len(found) == 1 else ()


def _said(text: str, temporary: set[str], permanent: set[str]) -> tuple[set[str], set[str]]:
    """Leave out what stands in the copy of the mail only, where the server's own words name somebody."""
    lowered = text.lower()
    told = {one for one in temporary | permanent if one.lower() in lowered}
    return (temporary & told, permanent & told) if told else (temporary, permanent)


def _known_words(raw: bytes) -> tuple[set[str], set[str]]:
    lines = (line[:_LONGEST_LINE] for line in raw[:_READ_AT_MOST].split(b"\n"))
    short = b"\n".join(lines)
    # Some detectors fall over raw bytes in a header or a missing From, and take the others down with them.
    repaired = b"From: nobody@localhost.invalid\n" + short.lstrip().translate(_ASCII)
    for content in (short, repaired):
        try:
            temporary, permanent = _detectors()(email.message_from_bytes(content))
        except Exception:  # noqa: BLE001, S112 - foreign patterns on hostile text; a bounce we cannot read is an ordinary mail
            continue
        return _addresses(temporary), _addresses(permanent)
    return set(), set()


@cache
def _detectors() -> Callable[[Message], tuple[frozenset[bytes], frozenset[bytes]]]:
    """Load flufl.bounce, for mails that look like bounces only, and keep it from logging tracebacks and mails."""
    from flufl.bounce import all_failures  # noqa: PLC0415 - loaded for bounces only

    logging.getLogger("flufl.bounce").disabled = True
    return all_failures


def _addresses(found: frozenset[bytes]) -> set[str]:
    texts = (one.decode("ascii", "replace") for one in found)
    return {one for one in texts if one.count("@") == 1 and one.isprintable() and not set(one) & set(' {}<>"')}


def _first_text(leaves: list[Part]) -> str:
    """Return what the server says, without the copy of the mail below it."""
    said: list[str] = []
    for line in _decoded_text(leaves).split("\n"):
        if _COPY_BEGINS.match(line):
            break
        said.append(line[:_LONGEST_LINE])
    return "\n".join(said)


def _decoded_text(leaves: list[Part]) -> str:
    part = next((one for one in leaves if one.media_type.startswith("text/")), None)
    if part is None:
        return ""
    return decode(part.content[:_READ_AT_MOST], part.parameters.get("charset")).replace("\r\n", "\n")


def _usual_places(text: str) -> list[str]:
    """Return the addresses that stand where servers put them, by the first kind of place that holds any."""
    for place in _PLACES:
        matches = (place.search(line) for line in text.split("\n"))
        found = dict.fromkeys(match[1].rstrip(".>)'\"") for match in matches if match)
        if found:
            return list(found)[:100]
    return []


def _recipient(address: str, text: str, *, permanent: bool) -> ReportedRecipient:
    """Give the recipient the status told after its address, when that agrees."""
    at = max(text.lower().find(address.lower()), 0)
    told = _STATUS.search(text, at, at + 2_000)
    reply = _REPLY.search(text, at, at + 2_000)
    status = told[1] if told and told[1].startswith("5" if permanent else "4") else ""
    sure = (reply and reply[1] == "4") or (
        told and text.startswith("(#", told.start() - 2)
    )  # qmail puts its verdict in (#...)
    if permanent and not status and sure and told and told[1].startswith("4"):
        return ReportedRecipient(address, told[1], permanent=False)
    return ReportedRecipient(address, status, permanent)
