"""Has an administrator approved the address?"""

from __future__ import annotations

from email_router.core.case import Case, Verdict
from email_router.core.ledger import Outcome


def ask_not_approved(case: Case) -> Verdict | None:
    """Ignore mail of a user or queue whose address is not approved ("Process emails only for approved users")."""
    if case.mailbox.approved:
        return None
    return Verdict(Outcome.IGNORED, "not_approved", f"the address {case.mailbox.address} is not approved")
