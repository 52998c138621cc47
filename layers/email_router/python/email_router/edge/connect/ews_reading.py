"""Read what stands in an answer of Exchange, and tell an answer of an unexpected shape as that: of its mailbox, for later, never a crash."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from email_router.edge.connect.ews_errors import unexpected

if TYPE_CHECKING:
    from collections.abc import Callable

    from email_router.edge.connect.ews import EwsClient

_Given = ParamSpec("_Given")
_Read = TypeVar("_Read")
_LONGEST_NUMBER = 19
ODD = (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError)
"""What reading raises where an answer is not what it should be."""


def reads(
    function: Callable[Concatenate[EwsClient, _Given], _Read],
) -> Callable[Concatenate[EwsClient, _Given], _Read]:
    """Have a function that reads answers raise TryLater "ews_answer" for one of an unexpected shape."""

    @wraps(function)
    def reading(client: EwsClient, /, *given: _Given.args, **named: _Given.kwargs) -> _Read:
        try:
            return function(client, *given, **named)
        except ODD as problem:
            raise unexpected(client.address, f"{function.__name__}: {type(problem).__name__}") from problem

    return reading


def number(text: str) -> int | None:
    """Return a number of at most 19 digits, else None."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER else None


def instant(text: str) -> datetime | None:
    """Return the instant, by UTC where no zone stands there, or None where it is none."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
