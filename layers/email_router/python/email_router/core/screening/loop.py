"""Does this mail go round in a circle?"""

from __future__ import annotations

import re

from email_router.core.case import Case, Verdict
from email_router.core.compose import LOOP_MARK, read_loop_mark
from email_router.core.ledger import Outcome
from email_router.core.message import Message

_MOST_HOPS = 50  # hopcount_limit of Postfix
_AUTOMATIC = re.compile(
    r"out of (?:the )?office:|auto(?:matic)?[ -]?(?:reply|response)?:|automatische antwort:|abwesenheits\w{0,10}:"
    r"|r[ée]ponse automatique:|resp(?:ue|o)sta autom[áa]tica:|risposta automatica:|autosvar:|automatisch antwoord:",
    re.IGNORECASE,
)
_READ = 255


def ask_loop(case: Case) -> Verdict | None:
    """Ignore mail that would go on for ever: too many hops, our own mail back at its sender, robots alone."""
    hops = len(case.message.header_all("Received"))
    if hops > _MOST_HOPS:
        return Verdict(Outcome.IGNORED, "loop", f"{hops} Received fields, more than {_MOST_HOPS}")
    own = _own_mark(case)
    evidence = (_came_back(case, own) if own else None) or _robots(case.message, own)
    return Verdict(Outcome.IGNORED, "loop", evidence) if evidence else None


def _own_mark(case: Case) -> str | None:
    """Return by what the router knows its own mail, or None.

    The mark counts only with this organisation's name: another router's mail is mail.  An id known from an INCOMING
    mail has a claim on the same activity; it was fetched from another mailbox, not sent by us.
    """
    for mark in map(read_loop_mark, case.message.header_all(LOOP_MARK)):
        if mark and mark[0] == case.configuration.organisation:
            return f"{LOOP_MARK} names activity {mark[1][:64]}"
    if case.own and not (case.claim and case.claim.activity == case.own.activity):
        return f"its Message-ID is that of activity {case.own.activity}, which the router sent"
    return None


def _came_back(case: Case, own: str) -> str | None:
    """Tell that the mailbox itself sent this; what one mailbox of the organisation sends to another is no loop."""
    sender = case.message.author or case.message.sender
    box = case.configuration.mailbox(sender.address) if sender else None
    return f"{own}, and {box.address} sent it" if box and box.key == case.mailbox.key else None


def _robots(message: Message, own: str | None) -> str | None:
    """Tell that an automatic mail answers an automatic mail (RFC 3834 2), by our mark in it or by its subject.

    A delivery report answers nothing, though it may quote the fields of the mail it is about.
    """
    if not message.auto_submitted or message.delivery_report:
        return None
    if own and message.header(LOOP_MARK):
        return f"automatic, and {own}"
    marks = len(_AUTOMATIC.findall(message.subject[:_READ]))
    return f"automatic, and its subject bears {marks} marks of automatic answers" if marks > 1 else None
