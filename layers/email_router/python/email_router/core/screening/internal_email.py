"""Did a user or queue of the organisation write this, and is such mail wanted?"""

from __future__ import annotations

from email_router.core.acceptance import deciding_mailboxes, sender_kinds
from email_router.core.case import Case, Passed, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import MailboxKind
from email_router.core.own_mail import own_mark


def ask_internal_email(case: Case) -> Verdict | Passed | None:
    """Ignore mail within the organisation as its settings say (reason code 4, InternalEmailReject).

    Mail from a queue is ignored where `internal_email_from_queues` is off (IgnoreInternalEmailFromQueues).  With
    `internal_email = "ignore"` all internal mail is (IgnoreInternalEmail), but for mail to a queue
    (DoNotIgnoreInternalEmailToQueues), and for mail that continues a known e-mail and of which the router has sent no
    copy that would be tracked already (IgnoreInternalEmailDetectionEnhancement).

    Only a From that can be read for certain is internal.  Whoever borrows an internal address gains nothing here: this
    question lets no mail in, and it can make vanish nothing but the mail that borrows.
    """
    kind = _kind_of_sender(case)
    if not kind or case.message.author is None:
        return None
    tracking = case.configuration.tracking
    who = f"{case.message.author.address} is a {kind} of the organisation"
    if kind == "queue" and not tracking.internal_email_from_queues:
        return Verdict(Outcome.IGNORED, "internal_email_reject", f"{who}, and mail from queues is not tracked")
    if tracking.internal_email == "track":
        return Passed(f"{who}; internal mail is tracked")
    wanted = _exception(case)
    if wanted:
        return Passed(f"{who}; {wanted}")
    return Verdict(Outcome.IGNORED, "internal_email_reject", f"{who}, and internal mail is not tracked")


def _kind_of_sender(case: Case) -> str:
    """Return user or queue by the configuration, else by the CRM; empty for anybody else."""
    author = case.message.author
    box = case.configuration.mailbox(author.address) if author else None
    if box and box.kind is not MailboxKind.FORWARD:
        return box.kind.value
    kinds = sender_kinds(case)
    return next((kind for kind in ("user", "queue") if kind in kinds), "")


def _exception(case: Case) -> str:
    """Return why internal mail is tracked although the organisation ignores it, or empty."""
    queues = [box for box in deciding_mailboxes(case) if box.kind is MailboxKind.QUEUE]
    if queues and case.configuration.tracking.internal_email_to_queues:
        return f"mail to the queue {queues[0].address} is tracked"
    if case.match and not own_mark(case):
        return f"it continues activity {case.match.email.activity}, and no copy that the router sent is known"
    return ""
