"""Prove that composed bytes say what was meant: they are read back and compared before anything is stored or sent.

Composing guards every value by itself; this guards against what such guards forget.  It shares with composing what is meant (how a name is
cleaned, in what order parts stand) and no code that writes.  A header field that nobody wrote or that stands elsewhere, an address, subject
or id that reads otherwise, a text or an attachment that is another: the e-mail is refused, not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from email.utils import format_datetime
from typing import ParamSpec, TypeVar

from email_router.core import compose, read_back, wire
from email_router.core.compose import Outgoing
from email_router.core.enclosed import Enclosed, content_of
from email_router.core.errors import MessageRefused
from email_router.core.message import Address, Importance
from email_router.core.octets import Octets
from email_router.core.read_back import Fields, Misread

_P = ParamSpec("_P")
_T = TypeVar("_T")
_PRIORITY = {Importance.HIGH: ("high", "1"), Importance.LOW: ("low", "5")}
_DATE = len("Tue, 24 Nov 2026 12:00:00 +0000")  # an offset of seconds has no place in a date (RFC 5322 3.3)
_LINE_END = "\n"
_UNTYPED = "application/octet-stream"
_UNKNOWN = "a header field that nobody wrote"


class _OtherError(Exception):
    """Something reads otherwise than it was meant; the text names it."""


def prove(mail: Outgoing, raw: Octets) -> None:
    """Return when the bytes read as the mail that was meant.  Raises MessageRefused "unsafe" naming what does not."""
    try:
        rest, start = _header(mail, raw)
        _whole(mail, raw, rest, start)
    except _OtherError as other:
        raise MessageRefused(
            f"the composed mail does not read as it was meant: {other}",
            kind="unsafe",
            mend="Take odd characters out of subject, names and file names, and send again.",
        ) from other


def _header(mail: Outgoing, raw: Octets) -> tuple[Fields, int]:
    """Prove the header's own fields; return those of the content, and where it begins."""
    fields, start = _read(_UNKNOWN, read_back.fields_of, raw, 0)
    meant = _meant(mail)
    if [name for name, _ in fields[: len(meant)]] != [name for name, _ in meant]:
        raise _OtherError(_UNKNOWN)
    for (name, value), (_, wanted) in zip(fields, meant, strict=False):
        if value != wanted and (isinstance(wanted, str) or not _read(name, wanted, value)):
            raise _OtherError(name)
    return fields[len(meant) :], start


def _meant(mail: Outgoing) -> list[tuple[str, str | Callable[[str], bool]]]:
    """Return the fields that are to stand in the header, in order, each with its value or with what tells whether one is meant."""
    nobody = [] if mail.cc else [("To", "undisclosed-recipients:;")]
    answered = wire.message_ids((mail.in_reply_to or "",))
    references = compose.kept_references(mail)
    return [
        ("Date", format_datetime(mail.date)[:_DATE]),
        ("From", lambda value: _same_people((mail.sender,), value)),
        *([("To", lambda value: _same_people(mail.to, value))] if mail.to else nobody),
        *([("Cc", lambda value: _same_people(mail.cc, value))] if mail.cc else ()),
        ("Subject", lambda value: read_back.text(value) == _shown(mail.subject)),
        ("Message-ID", mail.message_id),
        *(("In-Reply-To", one) for one in answered),
        *([("References", " ".join(references))] if references else ()),
        *zip(("Importance", "X-Priority"), _PRIORITY.get(mail.importance, ()), strict=False),
        *((name, value.strip()) for name, value in mail.headers if value.strip()),
        ("MIME-Version", "1.0"),
    ]


def _whole(mail: Outgoing, raw: Octets, rest: Fields, start: int) -> None:
    shown, attached = compose.shown_and_attached(mail)
    if sorted(map(id, shown + attached)) != sorted(map(id, mail.attachments)):
        raise _OtherError("an attachment")
    texts = [_Text("plain", mail.text)] if mail.text or not mail.html else []
    bodies: list[_Node] = [*texts]
    if mail.html:
        bodies.append(_together("related", [_Text("html", mail.html), *map(_File, shown)]))
    _together("mixed", [_together("alternative", bodies), *map(_File, attached)]).prove(raw, rest, start, len(raw))


class _Text:
    """A text of the author's."""

    def __init__(self, subtype: str, text: str) -> None:
        self._type = f"text/{subtype}; charset=utf-8"
        lines = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
        self._content = f"{lines.removesuffix(_LINE_END)}\n".replace("\n", "\r\n").encode("utf-8", "replace")

    def prove(self, raw: Octets, fields: Fields, start: int, end: int) -> None:
        """Prove that this text stands there under these fields."""
        quoted = self._content.isascii()
        encoding = "quoted-printable" if quoted else "base64"
        _only(fields, [("Content-Type", self._type), ("Content-Transfer-Encoding", encoding)], "the text")
        if quoted:
            same = read_back.is_quoted_printable(raw, start, end, self._content)
        else:
            same = read_back.is_base64(raw, start, end, (self._content,))
        if not same:
            raise _OtherError("the text")


class _File:
    """An attachment."""

    def __init__(self, attachment: Enclosed) -> None:
        self._attachment = attachment

    def prove(self, raw: Octets, fields: Fields, start: int, end: int) -> None:
        """Prove that this attachment stands there under these fields."""
        one = self._attachment
        what = "an attachment"
        read = [_read(what, _described, name, value) for name, value in fields]
        cid = next((value for name, (value, _) in zip(fields, read, strict=True) if name[0] == "Content-ID"), None)
        file_name = _shown(one.name).replace("/", "_").replace("\\", "_")
        media_type = read[0][0] if read and read[0][0] == one.media_type.strip().lower() else _UNTYPED
        meant = [
            ("Content-Type", (media_type, file_name)),
            ("Content-Disposition", ("inline" if one.inline and cid else "attachment", file_name)),
            ("Content-Transfer-Encoding", ("base64", "")),
            *([("Content-ID", (f"<{one.content_id}>", ""))] if cid else []),
        ]
        found = [(name, value) for (name, _), value in zip(fields, read, strict=True)]
        if found != meant or not read_back.is_base64(raw, start, end, content_of(one)):
            raise _OtherError(what)


class _Several:
    """A multipart."""

    def __init__(self, kind: str, parts: list[_Node]) -> None:
        self._kind = kind
        self._parts = parts

    def prove(self, raw: Octets, fields: Fields, start: int, end: int) -> None:
        """Prove that these parts stand there, and no others."""
        what = "an attachment" if self._kind == "mixed" else "the text"
        if [name for name, _ in fields] != ["Content-Type"]:
            raise _OtherError(_UNKNOWN)
        spans = _read(what, lambda: list(read_back.parts_of(raw, self._kind, fields[0][1], start, end)))
        if len(spans) != len(self._parts):
            raise _OtherError(what)
        for (begin, stop), part in zip(spans, self._parts, strict=True):
            inner, content = _read(what, read_back.fields_of, raw, begin)
            part.prove(raw, inner, content, stop)


_Node = _Text | _File | _Several


def _together(kind: str, parts: list[_Node]) -> _Node:
    return parts[0] if len(parts) == 1 else _Several(kind, parts)


def _described(name: str, value: str) -> tuple[str, str]:
    parameter = {"Content-Type": "name", "Content-Disposition": "filename"}.get(name)
    return read_back.parameter_of(value, parameter) if parameter else (value, "")


def _only(fields: Fields, meant: Fields, what: str) -> None:
    if [name for name, _ in fields] != [name for name, _ in meant]:
        raise _OtherError(_UNKNOWN)
    if fields != meant:
        raise _OtherError(what)


def _read(what: str, reads: Callable[_P, _T], *args: _P.args, **named: _P.kwargs) -> _T:
    try:
        return reads(*args, **named)
    except Misread as wrong:
        raise _OtherError(what) from wrong


def _same_people(people: Iterable[Address], value: str) -> bool:
    found = read_back.mailboxes(value)
    meant = list(people)
    return len(found) == len(meant) and all(
        name == _shown(one.name) and _same_address(one.address, address)
        for (name, address), one in zip(found, meant, strict=True)
    )


def _same_address(meant: str, read: str) -> bool:
    """Tell whether an address is the one meant: letter by letter, but for a domain of other letters, which stands there in A-labels."""
    return read == meant.strip() or (
        not meant.isascii()
        and read == wire.international_address(meant)
        and read.rpartition("@")[0] == meant.strip().rpartition("@")[0]
    )


def _shown(text: str) -> str:
    """Return the text as any reader sees it: what cannot be UTF-8 is a question mark."""
    line = wire.printable(text)
    return line if line.isascii() else line.encode("utf-8", "replace").decode()
