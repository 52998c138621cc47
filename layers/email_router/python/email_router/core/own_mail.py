"""Know the router's own mail when it comes back."""

from __future__ import annotations

from email_router.core.case import Case
from email_router.core.compose import LOOP_MARK, read_loop_mark
from email_router.core.message import Message

_SHOWN = 64


def marked_activity(message: Message, organisation: str) -> str:
    """Return the activity that a mark of this organisation names, or empty: another router's mail is mail."""
    marks = map(read_loop_mark, message.header_all(LOOP_MARK))
    return next((mark[1] for mark in marks if mark and mark[0] == organisation), "")


def own_mark(case: Case) -> str:
    """Return in words by what the router knows the message as one that it sent; empty when it does not."""
    activity = marked_activity(case.message, case.configuration.organisation)
    if activity:
        return f"{LOOP_MARK} names activity {activity[:_SHOWN]}"
    return f"its Message-ID is that of activity {case.own.activity}, which the router sent" if case.own else ""
