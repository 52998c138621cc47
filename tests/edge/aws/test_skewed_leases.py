"""Two workers on the real stores, whose clocks are ten minutes apart: the fencing token says who writes, no clock does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from email_router.core.errors import StaleWorker
from email_router.core.fetched import Position
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.mailbox import AfterDelivery
from email_router.core.mailbox_state import PassRecord
from tests.cloud import Place, aws_stores
from tests.contracts.stores.contents import entry, retry
from tests.deliveries import NOW, SALES, delivery, later
from tests.edge.aws.test_row_sizes import in_aws
from tests.flows.house import House, mail
from tests.flows.test_skewed_clocks import TEN_MINUTES, beside, interrupted


@pytest.mark.parametrize("skew", [-TEN_MINUTES, TEN_MINUTES])
@pytest.mark.parametrize(("port", "method"), [("crm", "deliver"), ("states", "advance"), ("states", "release")])
def test_the_one_ahead_takes_over_and_the_one_behind_waits(
    moto_place: Place, skew: int, port: str, method: str
) -> None:
    stores = aws_stores(moto_place)
    house = in_aws(House(mail(1), mail(2), after_delivery=AfterDelivery.DELETE), stores)
    other, ends = beside(house, skew), list[PassOutcome]()
    interrupted(house, getattr(house, port), method, lambda: ends.append(other.route().outcome))

    mine = house.route()

    assert (mine.outcome is PassOutcome.STALE) == (skew > 0)
    assert (PassOutcome.BUSY in ends) == (skew < 0)
    assert stores.states.read(SALES).token == (2 if skew > 0 else 1)
    assert stores.states.read(SALES).position.cursor == b"2"
    assert sorted(one.message_id or "" for one in stores.crm.emails()) == [
        "<m1@fabrikam.example>",
        "<m2@fabrikam.example>",
    ]
    assert stores.quarantine.entries() == []


def test_no_write_of_a_worker_that_was_overtaken_early_is_taken(moto_place: Place) -> None:
    stores = aws_stores(moto_place)
    old = stores.states.lease(SALES, NOW, later(330))
    stores.states.add_retry(old, retry())
    assert stores.states.lease(SALES, later(TEN_MINUTES), later(TEN_MINUTES + 330)).crashed
    before = stores.states.read(SALES)
    writes: list[Callable[[], object]] = [
        lambda: stores.crm.deliver([delivery(1)], old),
        lambda: stores.ledger.record([(delivery(1).receipt, delivery(1).trace)], old),
        lambda: stores.quarantine.add(entry("q1"), old),
        lambda: stores.states.add_retry(old, retry("k2")),
        lambda: stores.states.drop_retry(old, retry()),
        lambda: stores.states.begin(old, "1"),
        lambda: stores.states.advance(old, Position(b"9"), NOW),
        lambda: stores.states.release(old, PassRecord(at=NOW, last_mail=NOW, next_retry=None)),
    ]

    for write in writes:
        with pytest.raises(StaleWorker):
            write()
    stores.states.touch(SALES, old.token, Position(b"9"), NOW)

    assert not stores.states.ask_again(SALES, old.token)
    assert stores.states.read(SALES) == before
    assert list(stores.crm.emails()) == []
    assert stores.quarantine.entries() == []
    assert [one.key for one in stores.states.retries(SALES, None, 9)] == ["k1"]
