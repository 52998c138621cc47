"""Does any user or queue among the recipients take mail at all?"""

from __future__ import annotations

from email_router.core.acceptance import deciding_mailboxes, unapproved
from email_router.core.case import Case, Verdict
from email_router.core.ledger import Outcome


def ask_no_recipient_match(case: Case) -> Verdict | None:
    """Ignore mail when no approved user or queue among its recipients has an accept option other than none."""
    if deciding_mailboxes(case):
        return None
    waiting = unapproved(case)
    nobody = f"neither {case.mailbox.address} nor another recipient accepts any mail"
    return Verdict(Outcome.IGNORED, "no_recipient_match", f"{nobody}; {waiting}" if waiting else nobody)
