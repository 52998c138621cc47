"""Is this in response to an e-mail of the CRM?"""

from __future__ import annotations

from email_router.core.acceptance import accepted, deciding_mailboxes
from email_router.core.case import Case, Verdict
from email_router.core.mailbox import Accept


def ask_correlation_match(case: Case) -> Verdict | None:
    """Deliver what continues a known e-mail when one of the recipients accepts replies (option 1).

    A delivery report about a known e-mail is a response to it, too, and so is an automatic answer or bulk mail that a
    policy keeps unmatched: the mailbox wants replies, and this is one, though it joins no conversation.  Options 2 and
    3 do not accept by correlation: "only messages that resolve to a lead, contact, or account are tracked", and "the
    system correlates a reply after the email is filtered" (Power Platform: "Email message filtering and correlation").
    """
    boxes = deciding_mailboxes(case, Accept.REPLIES)
    if not boxes or not (case.match or case.reported):
        return None
    return accepted(case, "correlation_match", f"{boxes[0].address} accepts replies; {_seen(case)}")


def _seen(case: Case) -> str:
    if case.match is None:
        return "a report about a known e-mail"
    how = case.match.rule or case.match.method
    if case.unmatched:
        return f"it would continue activity {case.match.email.activity} ({how}), but {case.unmatched}"
    return f"matched by {how}"
