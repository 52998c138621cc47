"""Tell which users and queues have a say in whether a mail comes in, for whom its sender stands, and how a yes is worded."""

from __future__ import annotations

from email_router.core.case import Case, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import Accept, Mailbox, MailboxKind
from email_router.core.parties import in_doubt


def deciding_mailboxes(case: Case, *options: Accept) -> tuple[Mailbox, ...]:
    """Return the approved users and queues among the recipients whose accept option is one of `options`.

    When no option is named, all but none count.  The mailbox that is judged comes first, named as recipient or not:
    mail by Bcc or a distribution list is its own, too.  Then To, Cc, Bcc and Delivered-To, by address or alias: any
    one of them that accepts, accepts (Power Platform: "Email message filtering and correlation").  With
    `acceptance = "syncing-mailbox"` nobody but the mailbox that is judged has a say.  A queue has its own option; that
    of its owner never counts.
    """
    wanted = options or (Accept.ALL, Accept.REPLIES, Accept.CONTACTS, Accept.RECORDS)
    able = [
        box for box in _asked(case) if box.approved and box.kind is not MailboxKind.FORWARD and box.accept in wanted
    ]
    first_at = {box.key: at for at, box in reversed(list(enumerate(able)))}
    return tuple(able[at] for at in sorted(first_at.values()))


def unapproved(case: Case) -> str:
    """Return in words which recipients would have a say if an administrator approved their addresses, or empty."""
    able = [box for box in _asked(case) if box.kind is not MailboxKind.FORWARD and box.accept is not Accept.NONE]
    waiting = dict.fromkeys(f"{box.address} accepts {box.accept}" for box in able if not box.approved)
    return "; ".join(f"{one}, but is not approved" for one in waiting)


def _asked(case: Case) -> list[Mailbox]:
    if case.configuration.tracking.acceptance == "syncing-mailbox":
        return [case.mailbox]
    named = [address.address for address in case.message.recipients]
    found = map(case.configuration.mailbox, (*named, *case.message.delivered_to))
    return [case.mailbox, *(box for box in found if box)]


def sender_kinds(case: Case) -> frozenset[str]:
    """Return the kinds of record that the sender may be; none for a From that cannot be read, or that stands for nobody."""
    if case.message.author is None or sender_doubt(case):
        return frozenset()
    return frozenset(record.kind for record in case.sender_records)


def sender_doubt(case: Case) -> str:
    """Return why the sender is nobody although records have the address (more than 100, or `ambiguous_sender`), or empty."""
    author, records = case.message.author, case.sender_records
    if author is None or not in_doubt(case.message, {author.key: records}, case.configuration.tracking):
        return ""
    return f"{len(records)} records have its address, so it stands for none of them"


def accepted(case: Case, reason: str, evidence: str) -> Verdict:
    """Return the verdict that lets the mail in; one of which only the header was read comes in as over_limit."""
    if case.fetched.complete:
        return Verdict(Outcome.DELIVERED, reason, evidence)
    limit = case.profile.maximum_message_size
    size = f"{case.fetched.size} bytes, more than the profile's {limit}, so only its header was read"
    return Verdict(Outcome.DELIVERED, "over_limit", f"{size}; {reason}: {evidence}")
