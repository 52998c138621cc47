"""What the schedule of mailboxes promises, whether it keeps things in memory or in AWS."""

from __future__ import annotations

from email_router.core.fetched import Position
from tests.cloud import Stores
from tests.contracts.stores.contents import ANN, NOW, SALES, later, lease_of, record


class TestSchedule:
    def test_only_scheduled_mailboxes_are_listed_with_what_their_state_says(self, stores: Stores) -> None:
        stores.states.schedule(SALES, 60, 900)
        stores.states.schedule(ANN.casefold(), 60, 600)
        stores.states.release(lease_of(stores), record(last_mail=NOW, next_retry=later(60), blocked_until=later(9)))
        stores.states.unschedule(ANN.casefold())

        (listed,) = stores.schedule.mailboxes()

        assert (listed.organisation, listed.mailbox) == (stores.organisation, SALES)
        assert (listed.minimum_interval, listed.maximum_interval) == (60, 900)
        assert (listed.last_mail, listed.next_retry, listed.blocked_until) == (NOW, later(60), later(9))

    def test_scheduling_again_changes_the_bounds_and_nothing_else(self, stores: Stores) -> None:
        lease = lease_of(stores)
        stores.states.advance(lease, Position(b"here"), NOW)

        stores.states.schedule(SALES, 60, 900)
        stores.states.schedule(SALES, 30, 300)

        (listed,) = stores.schedule.mailboxes()
        assert (listed.minimum_interval, listed.maximum_interval) == (30, 300)
        assert stores.states.read(SALES).position == Position(b"here")
        assert stores.states.read(SALES).token == lease.token

    def test_scheduling_again_lifts_a_block_and_tells_why_it_was_there(self, stores: Stores) -> None:
        stores.states.schedule(SALES, 60, 900)
        stores.states.release(lease_of(stores), record(blocked_until=later(3600), error_kind="login_refused"))

        stores.states.schedule(SALES, 60, 900)

        (listed,) = stores.schedule.mailboxes()
        assert listed.blocked_until is None
        assert stores.states.read(SALES).blocked_until is None
        assert stores.states.read(SALES).error_kind == "login_refused"
