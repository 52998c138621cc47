"""Was this sent to a list of people?"""

from __future__ import annotations

from email_router.core.case import Case, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import AutomaticMail


def ask_bulk(case: Case) -> Verdict | None:
    """Ignore bulk mail (mailing lists, newsletters) where the mailbox drops it.  A delivery report is none."""
    message = case.message
    if not message.bulk or message.delivery_report or case.mailbox.bulk is not AutomaticMail.DROP:
        return None
    shown = next((name for name in ("List-Id", "List-Unsubscribe", "Precedence") if message.header(name)), None)
    return Verdict(
        Outcome.IGNORED, "bulk", f"it has a {shown} field" if shown else "its header fields are those of bulk mail"
    )
