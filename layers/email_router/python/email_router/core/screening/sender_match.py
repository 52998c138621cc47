"""Is the sender somebody the CRM knows?"""

from __future__ import annotations

from email_router.core.acceptance import accepted, deciding_mailboxes, sender_doubt, sender_kinds
from email_router.core.case import Case, Passed, Verdict
from email_router.core.mailbox import Accept

_PEOPLE = frozenset({"contact", "lead", "account"})


def ask_sender_match(case: Case) -> Verdict | Passed | None:
    """Deliver when the sender is one that a recipient chose.

    That is a lead, contact or account (option 2), or any e-mail enabled record (option 3).  A From that cannot be
    read for certain is nobody's, and so is an address that too many records have.
    """
    kinds = sender_kinds(case)
    known = [
        *(kinds & _PEOPLE and deciding_mailboxes(case, Accept.CONTACTS)),
        *(kinds and deciding_mailboxes(case, Accept.RECORDS)),
    ]
    if not known:
        doubt = sender_doubt(case)
        return Passed(doubt) if doubt else None
    return accepted(
        case,
        "sender_match",
        f"{known[0].address} accepts {known[0].accept}; the sender is a {', '.join(sorted(kinds))}",
    )
