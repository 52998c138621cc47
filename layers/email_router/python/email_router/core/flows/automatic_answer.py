"""Keep automatic e-mails of the CRM from writing to other robots: mark them, count them, refuse what answers a robot."""

from __future__ import annotations

from datetime import datetime

from email_router.core.activity import EmailActivity
from email_router.core.errors import MessageRefused
from email_router.core.flows.outgoing import Outgoing
from email_router.core.ledger import Wanted
from email_router.core.lookup_ids import id_forms
from email_router.core.mailbox import Direction
from email_router.core.quick import QUICK, next_quick


def refuse(email: EmailActivity, answered: EmailActivity | None) -> None:
    """Raise MessageRefused for an automatic e-mail that answers what a machine wrote (RFC 3834 2): nobody would ever end it."""
    if not email.automatic or answered is None or answered.direction is Direction.OUTGOING or not answered.automatic:
        return
    text = f"e-mail {email.id} is automatic, and so is the e-mail {answered.id} that it answers"
    mend = "Let the CRM's workflow answer no e-mail that is automatic; a person may answer it."
    raise MessageRefused(text, kind="automatic_answer", mend=mend)


def marks(email: EmailActivity, *, answers: bool) -> tuple[tuple[str, str], ...]:
    """Return the fields by which other systems know that a machine wrote the e-mail (RFC 3834 5; Exchange reads the second one only)."""
    if not email.automatic:
        return ()
    kind = "auto-replied" if answers else "auto-generated"
    return (("Auto-Submitted", kind), ("X-Auto-Response-Suppress", "OOF, AutoReply"))


def quick_of(out: Outgoing, answered: EmailActivity | None, now: datetime) -> int:
    """Return how often in a row the conversation has been answered at once, this time included.

    The store is asked only for what came in a moment ago: most answers take longer, and cost no read.
    """
    came = answered.received if answered and answered.direction is Direction.INCOMING else None
    if answered is None or came is None or abs(now - came) > QUICK:
        return 0
    tokens = (answered.tracking_token,) if answered.tracking_token else ()
    found = out.ledger.find(Wanted(message_ids=id_forms(answered.message_id), tokens=tokens))
    return next_quick(now, came, (*found.message_ids.values(), *found.tokens.values()))
