"""Did a machine write this?"""

from __future__ import annotations

from email_router.core.automatic_policy import is_automatic_answer
from email_router.core.case import Case, Passed, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import AutomaticMail


def ask_auto_reply(case: Case) -> Verdict | Passed | None:
    """Ignore automatic replies where the mailbox drops them (RFC 3834).  A delivery report is none."""
    message, policy = case.message, case.mailbox.auto_reply
    if not is_automatic_answer(message):
        return None
    shown = message.header("Auto-Submitted")
    evidence = f"Auto-Submitted: {shown[:40]}" if shown else "its header fields are those of an automatic reply"
    if policy is AutomaticMail.DROP:
        return Verdict(Outcome.IGNORED, "auto_reply", evidence)
    return Passed(f'{evidence}; {case.mailbox.address} has auto_reply = "{policy}"')
