"""Does a recipient take all mail?"""

from __future__ import annotations

from email_router.core.acceptance import accepted, deciding_mailboxes
from email_router.core.case import Case, Verdict
from email_router.core.mailbox import Accept


def ask_accept_all(case: Case) -> Verdict | None:
    """Deliver when one of the recipients accepts all e-mail messages (option 0)."""
    boxes = deciding_mailboxes(case, Accept.ALL)
    return accepted(case, "accept_all", f"{boxes[0].address} accepts all mail") if boxes else None
