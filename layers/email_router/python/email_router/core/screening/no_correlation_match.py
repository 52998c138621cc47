"""What is left: nobody wants this, and it continues nothing."""

from __future__ import annotations

from email_router.core.acceptance import deciding_mailboxes
from email_router.core.case import Case, Verdict
from email_router.core.ledger import Outcome
from email_router.core.tracking_token import find_tokens


def ask_no_correlation_match(case: Case) -> Verdict:
    """Ignore the mail: this question is the last one and always answers, so that every mail gets a verdict.

    Server-side synchronization uses the code in the same broad sense: no user or queue is configured to promote
    this mail.
    """
    message = case.message
    tokens = find_tokens(message.subject, case.configuration.tracking)
    claim = (
        f"token {tokens[-1]}"
        if tokens
        else "In-Reply-To"
        if message.in_reply_to
        else "References"
        if message.references
        else ""
    )
    options = ", ".join(sorted({box.accept for box in deciding_mailboxes(case)}))
    if case.match:
        seen = "it continues a known e-mail, which these options do not ask for"
    else:
        seen = f"its {claim} leads to no known e-mail" if claim else "it is no reply"
    return Verdict(Outcome.IGNORED, "no_correlation_match", f"recipients accept {options or 'none'}; {seen}")
