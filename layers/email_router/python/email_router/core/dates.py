"""Read the date of a header as an instant in UTC (RFC 5322 3.3 and 4.3), also one that a program wrote as ISO 8601."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz

_MONTHS = {
    "jan": 1,
    "feb": 2,
    "mar": 3,
    "apr": 4,
    "may": 5,
    "jun": 6,
    "jul": 7,
    "aug": 8,
    "sep": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
}
_USUAL = re.compile(
    r"(?:[A-Za-z]{3},? +)?(\d{1,2}) +([A-Za-z]{3}) +(\d{4}) +(\d{1,2}):(\d\d)(?::(\d\d))? +([+-])(\d\d)(\d\d)(?![\d])"
)
_ISO = re.compile(
    r"\s*(\d{4})(-?)(\d\d)\2(\d\d)[Tt ]\s?(\d\d)(:?)(\d\d)(?:\6(\d\d)(?:[.,]\d{1,9})?)?\s?(?:[Zz]|([+-])(\d\d):?(\d\d)?)?\s*"
)
_COMMENT = re.compile(r"\([^()]*+\)")
_LONGEST = 200
_FIRST_YEAR = 1901
_MAX_OFFSET = 24 * 3600


def instant(value: str | None) -> datetime | None:
    """Return the instant in UTC, whole seconds, or None when the value is no date; a date without a zone is taken as UTC."""
    if not value or len(value) > _LONGEST:
        return None
    usual = _USUAL.match(value)
    if usual:
        day, month, year, hour, minute, second, sign, hours, minutes = usual.groups()
        offset = int(hours) * 3600 + int(minutes) * 60
        number = _MONTHS.get(month.lower())
        if number is None:
            return None
        return _utc(
            (int(year), number, int(day), int(hour), int(minute), int(second or 0)), -offset if sign == "-" else offset
        )
    return _iso(value) if is_iso(value) else _unusual(value)


def is_iso(value: str) -> bool:
    """Tell whether the value has the form of ISO 8601, which no mail should have (2026-11-02T09:30:00+01:00)."""
    return len(value) <= _LONGEST and _ISO.fullmatch(value) is not None


def _iso(value: str) -> datetime | None:
    found = _ISO.fullmatch(value)
    if found is None:
        return None
    year, _, month, day, hour, _, minute, second, sign, hours, minutes = found.groups()
    offset = int(hours or 0) * 3600 + int(minutes or 0) * 60
    fields = (int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
    return _utc(fields, -offset if sign == "-" else offset)


def _unusual(value: str) -> datetime | None:
    try:
        fields = parsedate_tz(_COMMENT.sub(" ", value).strip())
    except (ValueError, IndexError, TypeError, OverflowError):
        return None
    if fields is None:
        return None
    return _utc((fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]), fields[9] or 0)


def _utc(fields: tuple[int, int, int, int, int, int], offset: int) -> datetime | None:
    year, month, day, hour, minute, second = fields
    if abs(offset) >= _MAX_OFFSET or year < _FIRST_YEAR:
        return None
    try:
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC) - timedelta(seconds=offset)
    except (ValueError, OverflowError):
        return None
