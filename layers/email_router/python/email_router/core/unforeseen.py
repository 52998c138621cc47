"""Tell of a failure that nobody foresaw by its type and place: its own text may hold whatever a server or a sender wrote."""

from __future__ import annotations

from pathlib import PurePath
from traceback import extract_tb

from email_router.core.errors import RouterError

_PLACES = 4


def place_of(problem: BaseException) -> str:
    """Return where it was raised: file, line and function of the innermost calls, innermost last."""
    calls = extract_tb(problem.__traceback__)[-_PLACES:]
    return " > ".join(f"{PurePath(call.filename).name}:{call.lineno} in {call.name}" for call in calls)


def unforeseen(address: str, problem: BaseException) -> RouterError:
    """Return what the mailbox's state says of it; not what it says itself."""
    text = f"{address}: a failure that the router does not know: {type(problem).__name__} at {place_of(problem)}"
    mend = "The pass is tried again, each message by itself.  If it stays, report the type and place: it is an error of the router."
    return RouterError(text, kind="unforeseen", mend=mend)
