"""Does a recipient take all mail?"""

from __future__ import annotations

from email_router.core.acceptance import accepted, deciding_mailboxes, unapproved
from email_router.core.case import Case, Passed, Verdict
from email_router.core.mailbox import Accept


def ask_accept_all(case: Case) -> Verdict | Passed | None:
    """Deliver when one of the recipients accepts all e-mail messages (option 0); tell of recipients who are not approved."""
    boxes = deciding_mailboxes(case, Accept.ALL)
    if boxes:
        return accepted(case, "accept_all", f"{boxes[0].address} accepts all mail")
    waiting = unapproved(case)
    return Passed(waiting) if waiting else None
