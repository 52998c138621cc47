"""Tell which users and queues have a say in whether a mail comes in, and how a yes is worded."""

from __future__ import annotations

from email_router.core.case import Case, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import Accept, Mailbox, MailboxKind


def deciding_mailboxes(case: Case, *options: Accept) -> tuple[Mailbox, ...]:
    """Return the approved users and queues among the recipients whose accept option is one of `options`.

    When no option is named, all but none count.  The mailbox that is judged comes first, named as recipient or not:
    mail by Bcc or a distribution list is its own, too.  Then To, Cc, Bcc and Delivered-To, by address or alias: any
    one of them that accepts, accepts (Power Platform: "Email message filtering and correlation").
    """
    named = [address.address for address in case.message.recipients]
    boxes = [case.mailbox]
    boxes.extend(box for one in (*named, *case.message.delivered_to) if (box := case.configuration.mailbox(one)))
    wanted = options or (Accept.ALL, Accept.REPLIES, Accept.CONTACTS, Accept.RECORDS)
    able = [box for box in boxes if box.approved and box.kind is not MailboxKind.FORWARD and box.accept in wanted]
    first_at = {box.key: at for at, box in reversed(list(enumerate(able)))}
    return tuple(able[at] for at in sorted(first_at.values()))


def accepted(case: Case, reason: str, evidence: str) -> Verdict:
    """Return the verdict that lets the mail in; one of which only the header was read comes in as over_limit."""
    if case.fetched.complete:
        return Verdict(Outcome.DELIVERED, reason, evidence)
    limit = case.profile.maximum_message_size
    size = f"{case.fetched.size} bytes, more than the profile's {limit}, so only its header was read"
    return Verdict(Outcome.DELIVERED, "over_limit", f"{size}; {reason}: {evidence}")
