"""What is left: nobody wants this, and it continues nothing."""

from __future__ import annotations

from email_router.core.acceptance import deciding_mailboxes
from email_router.core.case import Case, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import Accept
from email_router.core.tracking_token import find_tokens


def ask_no_correlation_match(case: Case) -> Verdict:
    """Ignore the mail: this question is the last one and always answers, so that every mail gets a verdict.

    Server-side synchronization uses the code in the same broad sense: no user or queue is configured to promote
    this mail.
    """
    options = {box.accept for box in deciding_mailboxes(case)}
    shown = ", ".join(sorted(options)) or "none"
    return Verdict(Outcome.IGNORED, "no_correlation_match", f"recipients accept {shown}; {_seen(case, options)}")


def _seen(case: Case, options: set[Accept]) -> str:
    """Return what the mail names: a find that was not linked comes with the settings that kept it apart."""
    if case.match:
        return "it continues a known e-mail, which these options do not ask for"
    if case.refused and Accept.REPLIES not in options:
        return "it names a known e-mail, which these options do not ask for"
    if case.refused:
        first = case.refused[0]
        found = f"it would continue activity {first.activity} ({first.rule}: {first.evidence})"
        return f"{found}, but {' and '.join(first.settings)}"
    claim = _claim(case)
    return f"its {claim} leads to no known e-mail" if claim else "it is no reply"


def _claim(case: Case) -> str:
    """Return by what the mail claims to be a reply, or empty."""
    tokens = find_tokens(case.message.subject, case.configuration.tracking)
    if tokens:
        return f"token {tokens[-1]}"
    if case.message.in_reply_to:
        return "In-Reply-To"
    return "References" if case.message.references else ""
