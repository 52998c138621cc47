"""Is the message older than the profile wants?"""

from __future__ import annotations

from datetime import UTC, datetime

from email_router.core.case import Case, Passed, Verdict
from email_router.core.ledger import Outcome


def ask_too_old(case: Case) -> Verdict | Passed | None:
    """Ignore what came before `process_received_after`.

    The server's time counts, or the Date where it tells none (POP3).  A message without any time passes.
    """
    bound = case.profile.process_received_after
    came = case.fetched.received or case.message.date
    if bound is None:
        return None
    if came is None:
        return Passed("neither the server nor the mail tells when it came")
    told = "received" if case.fetched.received else "dated"
    seen = f"{told} {_utc(came):%Y-%m-%dT%H:%M:%SZ}, wanted from {_utc(bound):%Y-%m-%dT%H:%M:%SZ} on"
    return Passed(seen) if _utc(came) >= _utc(bound) else Verdict(Outcome.IGNORED, "too_old", seen)


def _utc(instant: datetime) -> datetime:
    """Return the instant in UTC; one without a zone was meant so."""
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError:  # year 1 or 9999 beside a zone: the zone does not matter then
        return instant.replace(tzinfo=UTC)
