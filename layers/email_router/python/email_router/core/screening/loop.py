"""Does this mail go round in a circle?"""

from __future__ import annotations

import re

from email_router.core.automatic_policy import is_automatic_answer
from email_router.core.case import Case, Passed, Verdict
from email_router.core.ledger import Outcome
from email_router.core.own_mail import foreign_mark, own_mark, sent_by_mailbox
from email_router.core.quick import MOST_QUICK

_MOST_HOPS = 50  # hopcount_limit of Postfix
_AUTOMATIC = re.compile(
    r"out of (?:the )?office:|auto(?:matic)?[ -]?(?:reply|response)?:|automatische antwort:|abwesenheits\w{0,10}:"
    r"|r[ée]ponse automatique:|resp(?:ue|o)sta autom[áa]tica:|risposta automatica:|autosvar:|automatisch antwoord:",
    re.IGNORECASE,
)
_READ = 255


def ask_loop(case: Case) -> Verdict | Passed | None:
    """Ignore mail that would go on for ever: too many hops, our own mail back at its sender, robots alone.

    A dialogue that is too fast for people is set aside for one: whether it is a loop cannot be known for certain.
    """
    hops = len(case.message.header_all("Received"))
    if hops > _MOST_HOPS:
        return Verdict(Outcome.IGNORED, "loop", f"{hops} Received fields, more than {_MOST_HOPS}")
    evidence = _came_back(case) or _robots(case)
    if evidence:
        return Verdict(Outcome.IGNORED, "loop", evidence)
    if case.quick >= MOST_QUICK and case.message.delivery_report is None:
        return Verdict(Outcome.QUARANTINED, "loop", f"{case.quick} answers in a row followed within two minutes")
    seen = foreign_mark(case)
    if case.own:
        seen = f"{own_mark(case)}, which {case.own.sender} sent, not {case.mailbox.address}"
    return Passed(seen) if seen else None


def _came_back(case: Case) -> str:
    """Tell that the mailbox itself sent this; what one mailbox of the organisation sends to another is no loop.

    From says nothing: lists and forwarders rewrite it so that their mail passes DMARC.
    """
    return f"{own_mark(case)}, and {case.mailbox.address} sent it" if sent_by_mailbox(case) else ""


def _robots(case: Case) -> str:
    """Tell that an automatic mail answers an automatic mail (RFC 3834 2), by our mark that it repeats or by its subject.

    A delivery report answers nothing, though it may quote the fields of the mail it is about.
    """
    if not is_automatic_answer(case.message):
        return ""
    if case.quoted:
        return f"automatic, and it repeats our mark of activity {case.quoted[:64]}"
    marks = len(_AUTOMATIC.findall(case.message.subject[:_READ]))
    return f"automatic, and its subject bears {marks} marks of automatic answers" if marks > 1 else ""
