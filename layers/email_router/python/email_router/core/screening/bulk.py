"""Was this sent to a list of people?"""

from __future__ import annotations

from email_router.core.automatic_policy import is_bulk_mail
from email_router.core.case import Case, Passed, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import AutomaticMail

_TELLING = ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Precedence", "Feedback-ID")


def ask_bulk(case: Case) -> Verdict | Passed | None:
    """Ignore bulk mail (mailing lists, newsletters) where the mailbox drops it.  A delivery report is none."""
    message, policy = case.message, case.mailbox.bulk
    if not is_bulk_mail(message):
        return None
    shown = next((name for name in _TELLING if message.header(name)), None)
    evidence = f"it has a {shown} field" if shown else "its header fields are those of bulk mail"
    if policy is AutomaticMail.DROP:
        return Verdict(Outcome.IGNORED, "bulk", evidence)
    return Passed(f'{evidence}; {case.mailbox.address} has bulk = "{policy}"')
