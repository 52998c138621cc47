"""Is this in response to an e-mail of the CRM?"""

from __future__ import annotations

from email_router.core.acceptance import accepted, deciding_mailboxes
from email_router.core.case import Case, Verdict
from email_router.core.mailbox import Accept


def ask_correlation_match(case: Case) -> Verdict | None:
    """Deliver what continues a known e-mail when one of the recipients accepts replies (option 1).

    A delivery report about a known e-mail is a response to it, too.  Options 2 and 3 do not accept by correlation:
    "only messages that resolve to a lead, contact, or account are tracked", and "the system correlates a reply
    after the email is filtered" (Power Platform: "Email message filtering and correlation").
    """
    boxes = deciding_mailboxes(case, Accept.REPLIES)
    if not boxes or not (case.match or case.reported):
        return None
    seen = f"matched by {case.match.rule or case.match.method}" if case.match else "a report about a known e-mail"
    return accepted(case, "correlation_match", f"{boxes[0].address} accepts replies; {seen}")
