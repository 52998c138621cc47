"""What the stores promise to a comparison, whether they keep things in memory or in AWS."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from email_router.core.ledger import Outcome, Receipt, Trace, Wanted
from email_router.core.mailbox_state import Lease, PassRecord
from email_router.core.work import RECONCILE, MailboxWork
from email_router.wiring import events
from tests.cloud import Stores

NOW = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=UTC)
SALES = "sales@contoso.example"
ANN = "ann@contoso.example"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def leased(stores: Stores, at: datetime = NOW) -> Lease:
    lease: Lease | None = stores.states.lease(SALES, at, at + timedelta(seconds=330))
    assert lease is not None
    return lease


def passed(stores: Stores, at: datetime = NOW, **record: Any) -> None:
    """Let a pass begin and end."""
    given = {"at": at, "last_mail": None, "next_retry": None, **record}
    assert stores.states.release(leased(stores, at), PassRecord(**given))


def noted(key: str, mailbox: str = SALES, **given: Any) -> tuple[Receipt, Trace]:
    copy = given.get("copy", "")
    receipt = Receipt(key, mailbox, Outcome.IGNORED, "bulk", at=NOW, **given)
    trace = Trace(
        key=key,
        mailbox=mailbox,
        source="pop3",
        source_id=copy or "1",
        message_id=None,
        subject="",
        outcome=Outcome.IGNORED,
        reason="bulk",
        rule="bulk",
        at=NOW,
        copy=copy,
    )
    return receipt, trace


class TestCopies:
    def test_the_receipt_of_a_further_copy_is_found_by_its_place(self, stores: Stores) -> None:
        rows = [noted("k1", source="mark-1"), noted("k1", source="mark-2", copy="mark-2"), noted("k2", source="mark-3")]
        stores.ledger.record(rows, leased(stores))

        asked = (("k1", SALES, "mark-2"), ("k1", SALES, "mark-1"), ("k1", ANN, "mark-2"), ("k2", SALES, "mark-3"))
        found = stores.ledger.find(Wanted(keys=("k1", "k2"), mailboxes=(SALES,), copies=asked))

        assert set(found.copies) == {("k1", SALES, "mark-2")}
        assert found.copies["k1", SALES, "mark-2"] == rows[1][0]
        assert found.receipts["k1", SALES] == rows[0][0]
        assert found.receipts["k2", SALES] == rows[2][0]

    def test_copies_are_found_without_asking_for_anything_else(self, stores: Stores) -> None:
        rows = [noted("k9", source="mark-9", copy="mark-9")]
        stores.ledger.record(rows, leased(stores))

        found = stores.ledger.find(Wanted(copies=(("k9", SALES, "mark-9"),)))

        assert dict(found.copies) == {("k9", SALES, "mark-9"): rows[0][0]}
        assert not found.receipts

    def test_three_hundred_places_are_asked_at_once(self, stores: Stores) -> None:
        asked = tuple((f"many-{number}", SALES, f"mark-{number}") for number in range(300))
        stores.ledger.record([noted("many-7", source="mark-7", copy="mark-7")], leased(stores))

        found = stores.ledger.find(Wanted(keys=tuple(key for key, _, _ in asked), mailboxes=(SALES,), copies=asked))

        assert list(found.copies) == [("many-7", SALES, "mark-7")]


class TestStates:
    def test_a_mailbox_never_seen_was_never_compared_and_nothing_is_suspected(self, stores: Stores) -> None:
        state = stores.states.read(SALES)

        assert (state.reconciled, state.suspected) == (None, False)

    def test_when_it_was_compared_stands_until_the_next_time(self, stores: Stores) -> None:
        passed(stores, reconciled=later(1), suspected=False)
        passed(stores, later(400))

        assert stores.states.read(SALES).reconciled == later(1)
        passed(stores, later(800), reconciled=later(801))
        assert stores.states.read(SALES).reconciled == later(801)

    def test_a_doubt_stands_until_it_is_taken_back(self, stores: Stores) -> None:
        passed(stores, suspected=True)
        passed(stores, later(400))
        assert stores.states.read(SALES).suspected

        passed(stores, later(800), suspected=False)
        assert not stores.states.read(SALES).suspected

    def test_a_lease_tells_both(self, stores: Stores) -> None:
        passed(stores, reconciled=later(1), suspected=True)

        state = leased(stores, later(400)).state

        assert (state.reconciled, state.suspected) == (later(1), True)


def test_an_order_tells_where_a_comparison_goes_on_and_is_as_before_where_it_does_not() -> None:
    order = {"organisation": "contoso", "mailbox": SALES, "reason": RECONCILE, "after": "INBOX/7.12"}

    assert events.mailbox_work(order) == MailboxWork("contoso", SALES, RECONCILE, "INBOX/7.12")
    del order["after"]
    assert events.mailbox_work(order) == MailboxWork("contoso", SALES, RECONCILE)


def test_an_order_is_read_as_it_was_queued(stores: Stores) -> None:
    wanted = MailboxWork("contoso", SALES, RECONCILE, "INBOX/7.12")

    plain = MailboxWork("contoso", ANN)

    assert stores.queues.put_mailboxes([wanted, plain]) == 2

    if stores.place is None:
        assert stores.queues.mailboxes == [wanted, plain]
        return
    bodies = [body for _, body in stores.place.bodies(stores.place.mailbox_queue)]
    assert [events.mailbox_work(body) for body in bodies] == [wanted, plain]
    assert "after" not in bodies[1]
