"""Write the arguments of IMAP commands: strings, folder names, sets of UIDs, days.  Nothing that ends a command ever gets into one."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from email_router.core.errors import MailboxBlocked

if TYPE_CHECKING:
    from collections.abc import Iterable

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FORBIDDEN = re.compile("[\r\n\0]")
_ESCAPED = re.compile(r'(["\\])')
_SHIFTED = re.compile(r"&([^-]*)-")
_LONGEST_NAME = 1000


def has_line_break(text: str) -> bool:
    """Tell whether a text holds CR, LF or NUL, none of which a quoted string may hold (RFC 3501 9, QUOTED-CHAR)."""
    return _FORBIDDEN.search(text) is not None


def quoted(text: str) -> bytes:
    """Return a quoted string.  Raises ValueError for what would end the command; callers have asked has_line_break() before."""
    if has_line_break(text):
        raise ValueError("a line break or NUL in a quoted string")
    return b'"' + _ESCAPED.sub(r"\\\1", text).encode() + b'"'


def folder_name(name: str, who: str, *, utf8: bool = False) -> bytes:
    """Return a folder's name as it goes over the line: in modified UTF-7 (RFC 3501 5.1.3), or as it is after ENABLE UTF8=ACCEPT (RFC 6855).

    Raises MailboxBlocked "folder_missing" for a name that no folder can have.
    """
    if not name or len(name) > _LONGEST_NAME or has_line_break(name):
        raise MailboxBlocked(
            f"{who}: {name[:100]!r} is no folder's name: expected 1 to 1,000 characters without line breaks",
            kind="folder_missing",
            mend="Mend `folders` of the profile.",
        )
    return quoted(name if utf8 else encode_utf7(name))


def encode_utf7(name: str) -> str:
    """Return a name in modified UTF-7: printable ASCII as it is, & as &-, all else in base64 of UTF-16 with , for / between & and -."""
    parts = []
    for plain, run in groupby(name, lambda character: " " <= character <= "~"):
        text = "".join(run)
        if plain:
            parts.append(text.replace("&", "&-"))
        else:
            parts.append(
                f"&{b64encode(text.encode('utf-16-be', 'surrogatepass')).rstrip(b'=').decode().replace('/', ',')}-"
            )
    return "".join(parts)


def decode_utf7(name: str) -> str:
    """Return the name that modified UTF-7 stands for; what is no such text stays as it came."""
    return _SHIFTED.sub(_shifted, name)


def _shifted(found: re.Match[str]) -> str:
    coded = found[1].replace(",", "/")
    if not coded:
        return "&"
    try:
        return b64decode(coded + "=" * (-len(coded) % 4), validate=True).decode("utf-16-be")
    except ValueError:
        return found[0]


def uid_set(uids: Iterable[int]) -> bytes:
    """Return ascending UIDs as a set, runs written as first:last."""
    runs: list[list[int]] = []
    for uid in uids:
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return b",".join(b"%d" % first if first == last else b"%d:%d" % (first, last) for first, last in runs)


def day_before(instant: datetime) -> bytes:
    """Return the day before an instant's, for SINCE: that one heeds no time and no zone (RFC 3501 6.4.4), so a day of room is left."""
    day = (instant.astimezone(UTC) - timedelta(days=1)).date()
    return f"{day.day}-{MONTHS[day.month - 1]}-{day.year:04d}".encode()
