"""Is there a mail in these bytes at all?"""

from __future__ import annotations

from email_router.core.case import Case, Verdict
from email_router.core.ledger import Outcome


def ask_unreadable(case: Case) -> Verdict | None:
    """Quarantine bytes in which nothing looks like a mail: a person looks at them, nobody guesses."""
    if not case.message.unreadable:
        return None
    seen = "; ".join(case.message.defects[:3]) or f"{case.message.size} bytes without a header field"
    return Verdict(Outcome.QUARANTINED, "unreadable", seen)
