"""Did a machine write this?"""

from __future__ import annotations

from email_router.core.case import Case, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import AutomaticMail


def ask_auto_reply(case: Case) -> Verdict | None:
    """Ignore automatic replies where the mailbox drops them (RFC 3834).  A delivery report is none."""
    message = case.message
    if not message.auto_submitted or message.delivery_report or case.mailbox.auto_reply is not AutomaticMail.DROP:
        return None
    shown = message.header("Auto-Submitted")
    evidence = f"Auto-Submitted: {shown[:40]}" if shown else "its header fields are those of an automatic reply"
    return Verdict(Outcome.IGNORED, "auto_reply", evidence)
