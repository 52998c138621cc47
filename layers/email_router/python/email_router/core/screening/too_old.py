"""Is the message older than the profile wants?"""

from __future__ import annotations

from datetime import UTC, datetime

from email_router.core.case import Case, Passed, Verdict
from email_router.core.dates import instant
from email_router.core.ledger import Outcome


def ask_too_old(case: Case) -> Verdict | Passed | None:
    """Ignore what came before `process_received_after`.

    The server's time counts.  Where it tells none (POP3), what it wrote into the topmost Received field: the Date is the sender's word,
    whose clock may stand at 1970, and counts only for a mail that no server has stamped.  A message without any time passes.
    """
    bound = case.profile.process_received_after
    if bound is None:
        return None
    stamped = case.fetched.received or instant((case.message.header("received") or "").rpartition(";")[2].strip())
    came = stamped or case.message.date
    if came is None:
        return Passed("neither the server nor the mail tells when it came")
    told = "received" if stamped else "dated"
    seen = f"{told} {_utc(came):%Y-%m-%dT%H:%M:%SZ}, wanted from {_utc(bound):%Y-%m-%dT%H:%M:%SZ} on"
    return Passed(seen) if _utc(came) >= _utc(bound) else Verdict(Outcome.IGNORED, "too_old", seen)


def _utc(moment: datetime) -> datetime:
    """Return the instant in UTC; one without a zone was meant so."""
    if moment.tzinfo is None:
        return moment.replace(tzinfo=UTC)
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # year 1 or 9999 beside a zone: the zone does not matter then
        return moment.replace(tzinfo=UTC)
