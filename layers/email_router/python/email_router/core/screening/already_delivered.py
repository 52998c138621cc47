"""Has this mailbox had the message before?"""

from __future__ import annotations

from email_router.core.case import Case, Passed, Verdict
from email_router.core.ledger import Outcome


def ask_already_delivered(case: Case) -> Verdict | Passed | None:
    """Ignore what this mailbox has a receipt for, whatever became of it then.

    A claim alone says only that another mailbox had it.  A receipt under the id of a DIFFERENT mail (another From
    or Date than the claim's) is none: whoever sends first with a known id must not make the real mail vanish.  A
    failed one was never settled.  Whoever retries a quarantined message leaves its receipt out of the case.
    """
    receipt, claim = case.receipt, case.claim
    if claim and case.identity and claim.identity != case.identity:
        return Passed("another mail, with another From or Date, had its Message-ID before")
    if receipt is None:
        return Passed(f"{claim.mailbox} has it, as activity {claim.activity}") if claim else None
    if receipt.outcome is Outcome.FAILED:
        return Passed(f"{receipt.mailbox} had it before and could not deliver it")
    activity = f" as activity {receipt.activity}" if receipt.activity else ""
    return Verdict(
        Outcome.IGNORED, "duplicate", f"{receipt.mailbox} had it before: {receipt.outcome}, {receipt.reason}{activity}"
    )
