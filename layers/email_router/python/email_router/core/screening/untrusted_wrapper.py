"""Did this come to the forward mailbox as somebody's inbox rule sends it?"""

from __future__ import annotations

from email_router.core.case import Case, Passed, Verdict
from email_router.core.ledger import Outcome
from email_router.core.mailbox import MailboxKind


def ask_untrusted_wrapper(case: Case) -> Verdict | Passed | None:
    """Quarantine mail of a forward mailbox unless a user or queue of the organisation wrapped it, and that is proven.

    Anybody could mail a forged wrapper, and with it a mail from anybody to anybody.
    """
    wrapper = case.fetched.wrapper
    if wrapper is None:
        doubt = "it was not unwrapped" if case.receiving.kind is MailboxKind.FORWARD else ""
    elif not wrapper.found:
        doubt = f"it wraps no message: {wrapper.evidence}"
    elif not wrapper.sender:
        doubt = "the sender of the wrapper cannot be read"
    elif not case.configuration.internal(wrapper.sender):
        doubt = f"{wrapper.sender} is no user or queue of the organisation"
    else:
        doubt = (
            "" if wrapper.authenticated else f"the wrapper of {wrapper.sender} is not authenticated: {wrapper.evidence}"
        )
    if doubt:
        return Verdict(Outcome.QUARANTINED, "untrusted_wrapper", doubt)
    return Passed(f"{wrapper.sender} wrapped it: {wrapper.evidence}") if wrapper else None
