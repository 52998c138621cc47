"""Read how long a server asks to be left alone.  It is asked again after a day at the latest, whatever it says."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 24 * 3600.0


def retry_after(text: str, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header (RFC 9110 10.2.3: seconds or a date), at most a day; None where it tells none."""
    text = text.strip()
    found = seconds(text)
    if found is not None or not text:
        return found
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return bounded(((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds())


def seconds(text: str, unit: float = 1.0) -> float | None:
    """Return a number of units (seconds each, such as 0.001) as seconds, none below zero, at most a day; None where the text is no number."""
    try:
        number = float(text)
    except ValueError:
        return None
    return bounded(number * unit) if number == number else None  # noqa: PLR0124 - not a number


def bounded(wait: float) -> float:
    """Return a wait that is neither below zero nor over a day."""
    return min(max(wait, 0.0), LONGEST_WAIT)
