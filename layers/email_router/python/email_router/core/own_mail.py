"""Know the router's own mail when it comes back."""

from __future__ import annotations

from email_router.core.case import Case
from email_router.core.compose import LOOP_MARK, read_loop_mark
from email_router.core.message import Message

ACCESS_TEST = "access-test-"
"""With this begins the activity in the mark of a mail that tests a mailbox: no e-mail of the CRM, so the store knows nothing of it."""

_SHOWN = 64
_LONGEST = 200  # no activity is called by more, and the name is a key of the store


def activity_in(mark: str, organisation: str) -> str:
    """Return the activity that a mark of this organisation names, or empty: another router's mail is mail."""
    read = read_loop_mark(mark)
    return read[1] if read and read[0] == organisation and len(read[1]) <= _LONGEST else ""


def marked_activity(message: Message, organisation: str) -> str:
    """Return the activity that a mark of this organisation names, or empty.  Whether this router sent it is another question."""
    marks = (activity_in(value, organisation) for value in message.header_all(LOOP_MARK))
    return next(filter(None, marks), "")


def own_mark(case: Case) -> str:
    """Return in words by what the router knows the message as one that it sent; empty when it does not."""
    if case.own is None:
        return ""
    if marked_activity(case.message, case.configuration.organisation) == case.own.activity:
        return f"{LOOP_MARK} names activity {case.own.activity[:_SHOWN]}"
    return f"its Message-ID is that of activity {case.own.activity[:_SHOWN]}"


def sent_by_mailbox(case: Case) -> bool:
    """Tell whether the message is a copy of one that its mailbox sent, under whichever of its addresses."""
    if case.own is None:
        return False
    return _mailbox_of(case, case.own.sender) == case.mailbox.key


def takes_our_id(case: Case) -> bool:
    """Tell whether somebody else uses the Message-ID of an e-mail that the router sent: another From, and no mark that says it is ours."""
    own, author = case.own, case.message.author
    if own is None or marked_activity(case.message, case.configuration.organisation) == own.activity:
        return False
    if author is None:
        return True
    return _mailbox_of(case, author.address) != _mailbox_of(case, own.sender)


def foreign_mark(case: Case) -> str:
    """Return in words what a mark of this organisation's name is on a mail that is none of ours; empty where there is nothing to tell."""
    activity = marked_activity(case.message, case.configuration.organisation)
    if not activity or case.message.delivery_report is not None:
        return ""
    if case.quoted == activity:
        return f"it repeats the mark of activity {activity[:_SHOWN]}, which it answers"
    return f"{LOOP_MARK} names activity {activity[:_SHOWN]}, which this router has not sent"


def _mailbox_of(case: Case, sender: str) -> str:
    """Return the key of the mailbox with this address, whichever of its addresses it is; of an unknown one the address itself."""
    box = case.configuration.mailbox(sender)
    return box.key if box else sender.strip().casefold()
