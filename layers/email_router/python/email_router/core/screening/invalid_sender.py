"""Is it for its sender that nobody wants this?"""

from __future__ import annotations

from email_router.core.acceptance import deciding_mailboxes, sender_doubt
from email_router.core.case import Case, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import Accept
from email_router.core.tracking_token import find_tokens


def ask_invalid_sender(case: Case) -> Verdict | None:
    """Ignore mail whose sender cannot be read, or is unknown where a recipient accepts by sender (options 2 and 3).

    A mail that claims to be a reply is passed on: that its token or id leads nowhere tells more than its sender.
    """
    message = case.message
    if message.in_reply_to or message.references or find_tokens(message.subject, case.configuration.tracking):
        return None
    if message.author is None:
        return Verdict(Outcome.IGNORED, "invalid_sender", "From names not exactly one mailbox that can be read")
    by_sender = deciding_mailboxes(case, Accept.CONTACTS, Accept.RECORDS)
    if not by_sender:
        return None
    seen = sender_doubt(case) or ("it is a record of another kind" if case.sender_records else "it is unknown")
    return Verdict(
        Outcome.IGNORED,
        "invalid_sender",
        f"{by_sender[0].address} accepts {by_sender[0].accept}; of the sender: {seen}",
    )
