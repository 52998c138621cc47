"""What the tests of every store put into it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from email_router.core.activity import Record
from email_router.core.ledger import Answer, KnownEmail, Outcome, Quarantined, Receipt, Retry, Trace
from email_router.core.mailbox_state import Lease, PassRecord
from tests.cloud import Stores

NOW = datetime(2026, 11, 2, 9, 0, 0, 123456, tzinfo=UTC)
SALES = "sales@contoso.example"
ANN = "Ann@contoso.example"
ALICE, BOB = "a" * 16, "b" * 16


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def lease_of(stores: Stores, mailbox: str = SALES, at: datetime = NOW) -> Lease:
    lease: Lease | None = stores.states.lease(mailbox, at, at + timedelta(seconds=330))
    assert lease is not None
    return lease


def overtaken(stores: Stores) -> Lease:
    """Return a lease that another worker has overtaken."""
    old = lease_of(stores)
    lease_of(stores, at=later(331))
    return old


def record(**given: Any) -> PassRecord:
    return PassRecord(**{"at": later(5), "last_mail": None, "next_retry": None, **given})


def trace(key: str = "k1", mailbox: str = SALES, **given: Any) -> Trace:
    plain = {
        "source": "pop3",
        "source_id": "7",
        "message_id": "<a@b.example>",
        "subject": "Hällo \ud83d\udce7 \udc80",
        "outcome": Outcome.IGNORED,
        "reason": "no_recipient_match",
        "rule": "accept",
        "answers": (Answer("duplicate", "no"), Answer("accept", "no", "replies only")),
        "headers": (("from", "a@b.example"), ("subject", "x")),
        "regarding": Record("contact", "1", "Ann"),
        "at": NOW,
    }
    return Trace(key=key, mailbox=mailbox, **{**plain, **given})


def receipt(key: str = "k1", mailbox: str = SALES, **given: Any) -> Receipt:
    return Receipt(key, mailbox, Outcome.IGNORED, "no_recipient_match", at=NOW, **given)


def known(activity: str = "a1", at: datetime = NOW, token: str | None = None) -> KnownEmail:
    return KnownEmail(activity=activity, participants=frozenset({ALICE, BOB}), at=at, token=token)


def retry(key: str = "k1", due: datetime = NOW, attempts: int = 1) -> Retry:
    return Retry(
        key=key, mailbox=SALES, source_id="7", blob="raw/k1", size=9, attempts=attempts, due=due, error="CRM said no"
    )


def entry(name: str, at: datetime = NOW) -> Quarantined:
    return Quarantined(
        id=name,
        key="k1",
        mailbox=SALES,
        source="pop3",
        source_id="7",
        reason="unreadable",
        text="no header",
        mend="look at it",
        blob="quarantine/1",
        size=9,
        message_id=None,
        subject="",
        at=at,
    )
