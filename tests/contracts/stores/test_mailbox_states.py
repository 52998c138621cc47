"""What the store of mailbox states promises: leases, positions, attempts, retries; whether it keeps things in memory or in AWS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from email_router.core.errors import StaleWorker
from email_router.core.fetched import Position
from tests.cloud import Stores
from tests.contracts.stores.contents import NOW, SALES, entry, later, lease_of, overtaken, receipt, record, retry, trace


class TestMailboxStates:
    def test_a_mailbox_never_seen_has_an_empty_state(self, stores: Stores) -> None:
        state = stores.states.read(SALES)

        assert (state.mailbox, state.position, state.token, state.lease_until) == (SALES, Position(), 0, None)

    def test_a_held_lease_is_given_to_nobody_else(self, stores: Stores) -> None:
        lease = lease_of(stores)

        assert stores.states.lease(SALES, later(329), later(700)) is None
        assert (lease.token, lease.crashed, lease.until) == (1, False, later(330))
        assert stores.states.read(SALES).lease_until == later(330)

    def test_an_expired_lease_tells_the_next_worker_that_the_last_one_died(self, stores: Stores) -> None:
        lease_of(stores)

        second = lease_of(stores, at=later(331))

        assert (second.token, second.crashed) == (2, True)

    def test_a_released_lease_is_no_crash(self, stores: Stores) -> None:
        assert stores.states.release(lease_of(stores), record())

        assert lease_of(stores, at=later(1)).crashed is False

    def test_release_leaves_what_the_pass_found_out(self, stores: Stores) -> None:
        lease = lease_of(stores)
        stores.states.begin(lease, "7")
        found = record(
            last_mail=later(-60),
            next_retry=later(60),
            failures=3,
            blocked_until=later(3600),
            error_kind="login_refused",
            error_text="no",
            error_mend="set the password",
        )

        assert stores.states.release(lease, found)

        state = stores.states.read(SALES)
        assert (state.last_mail, state.last_pass, state.next_retry) == (later(-60), later(5), later(60))
        assert (state.failures, state.blocked_until) == (3, later(3600))
        assert (state.error_kind, state.error_text, state.error_mend) == ("login_refused", "no", "set the password")
        assert (state.lease_until, dict(state.attempts), state.token) == (None, {}, 1)

    def test_a_pass_without_mail_keeps_the_time_of_the_last_mail_and_clears_the_error(self, stores: Stores) -> None:
        stores.states.release(lease_of(stores), record(last_mail=later(-60), error_kind="x", failures=1))

        stores.states.release(lease_of(stores, at=later(1)), record())

        state = stores.states.read(SALES)
        assert (state.last_mail, state.error_kind, state.failures, state.next_retry) == (later(-60), "", 0, None)

    def test_a_request_for_another_round_keeps_the_lease_once(self, stores: Stores) -> None:
        lease = lease_of(stores)

        assert stores.states.ask_again(SALES, lease.token)
        assert stores.states.ask_again(SALES, lease.token)
        assert stores.states.release(lease, record()) is False
        assert stores.states.lease(SALES, later(10), later(340)) is None
        assert stores.states.release(lease, record()) is True

    def test_nobody_can_be_asked_when_no_lease_is_held_or_the_token_moved_on(self, stores: Stores) -> None:
        assert stores.states.ask_again(SALES, 0) is False
        first = lease_of(stores)
        stores.states.release(first, record())
        assert stores.states.ask_again(SALES, first.token) is False
        second = lease_of(stores, at=later(1))
        assert stores.states.ask_again(SALES, first.token) is False
        assert stores.states.ask_again(SALES, second.token) is True

    def test_a_new_lease_starts_without_an_old_request(self, stores: Stores) -> None:
        first = lease_of(stores)
        stores.states.ask_again(SALES, first.token)

        second = lease_of(stores, at=later(331))

        assert second.state.again is False
        assert stores.states.release(second, record()) is True

    def test_a_stale_worker_writes_nothing(self, stores: Stores) -> None:
        old = overtaken(stores)

        writes: list[Callable[[], object]] = [
            lambda: stores.states.advance(old, Position(b"new", "m"), NOW),
            lambda: stores.states.begin(old, "7"),
            lambda: stores.states.release(old, record()),
            lambda: stores.states.add_retry(old, retry()),
            lambda: stores.states.drop_retry(old, retry()),
            lambda: stores.ledger.record([(receipt(), trace())], old),
            lambda: stores.quarantine.add(entry("q1"), old),
        ]
        for write in writes:
            with pytest.raises(StaleWorker):
                write()

        state = stores.states.read(SALES)
        assert (state.position, dict(state.attempts), state.token) == (Position(), {}, 2)
        assert stores.states.retries(SALES, None, 10) == []
        assert stores.ledger.receipts("k1") == []
        assert stores.ledger.traces("k1") == []
        assert stores.quarantine.entries() == []

    @pytest.mark.parametrize("size", [0, 1, 1024, 1025, 200_000])
    def test_a_position_comes_back_whole_whatever_its_size(self, stores: Stores, size: int) -> None:
        position = Position(bytes(range(256)) * (size // 256) + bytes(size % 256), "mark")
        lease = lease_of(stores)

        stores.states.advance(lease, position, later(2))

        state = stores.states.read(SALES)
        assert (stores.states.load(state).position, state.position.mark) == (position, "mark")
        assert state.position_saved == later(2)

    def test_the_blob_of_a_cursor_is_removed_once_nothing_points_to_it(self, stores: Stores) -> None:
        lease = lease_of(stores)
        stores.states.advance(lease, Position(b"x" * 2000), NOW)
        parked = stores.states.read(SALES)

        stores.states.advance(lease, Position(b"y" * 2000), NOW)
        stores.states.advance(lease, Position(b"y" * 2000), NOW)

        assert stores.states.load(stores.states.read(SALES)).position.cursor == b"y" * 2000
        with_nothing = stores.states.load(parked).position if stores.place else Position()
        assert with_nothing == Position()

    def test_a_position_is_touched_only_while_nobody_serves_the_mailbox(self, stores: Stores) -> None:
        stores.states.touch(SALES, 0, Position(b"first"), NOW)
        assert stores.states.read(SALES).position.cursor == b"first"
        lease = lease_of(stores)
        stores.states.touch(SALES, lease.token, Position(b"held"), NOW)
        stores.states.release(lease, record())
        stores.states.touch(SALES, 0, Position(b"old token"), NOW)
        assert stores.states.read(SALES).position.cursor == b"first"

        stores.states.touch(SALES, lease.token, Position(b"second", "m"), later(9))

        state = stores.states.read(SALES)
        assert (state.position, state.position_saved) == (Position(b"second", "m"), later(9))

    def test_a_message_begun_again_and_again_is_counted_over_crashes(self, stores: Stores) -> None:
        first = lease_of(stores)
        assert stores.states.begin(first, "AAMk/+=.é 1") == 1
        assert stores.states.begin(first, "8", finished=["AAMk/+=.é 1", "never begun"]) == 1
        second = lease_of(stores, at=later(331))
        assert dict(second.state.attempts) == {"8": 1}

        assert stores.states.begin(second, "8") == 2
        assert stores.states.begin(second, "9", finished=["8", "8"]) == 1

        assert dict(stores.states.read(SALES).attempts) == {"9": 1}

    def test_hundreds_of_finished_messages_are_forgotten_by_the_release(self, stores: Stores) -> None:
        lease = lease_of(stores)
        names = [f"AAMkAGI2{number:04d}" * 12 for number in range(300)]
        for name in names[:3]:
            stores.states.begin(lease, name)

        assert stores.states.begin(lease, "next", finished=names) == 1
        stores.states.release(lease, record())

        assert dict(stores.states.read(SALES).attempts) == {}

    def test_mailboxes_of_any_spelling_are_one(self, stores: Stores) -> None:
        lease_of(stores, "Sales@Contoso.example")

        assert stores.states.lease(SALES, later(1), later(2)) is None

    def test_retries_come_back_soonest_first_and_only_when_due(self, stores: Stores) -> None:
        lease = lease_of(stores)
        late, soon = retry("k2", later(600)), retry("k1", later(60))
        stores.states.add_retry(lease, late)
        stores.states.add_retry(lease, soon)

        assert stores.states.retries(SALES, None, 10) == [soon, late]
        assert stores.states.retries(SALES, None, 1) == [soon]
        assert stores.states.retries(SALES, later(59), 10) == []
        assert stores.states.retries(SALES, later(60), 10) == [soon]
        assert stores.states.read(SALES).next_retry == later(60)

    def test_a_further_attempt_takes_the_place_of_the_earlier_one(self, stores: Stores) -> None:
        lease = lease_of(stores)
        stores.states.add_retry(lease, retry("k1", later(60)))
        stores.states.add_retry(lease, retry("k2", later(300)))

        again = retry("k1", later(600), attempts=2)
        stores.states.add_retry(lease, again)

        assert stores.states.retries(SALES, None, 10) == [retry("k2", later(300)), again]
        assert stores.states.read(SALES).next_retry == later(300)

    def test_a_settled_retry_is_dropped_and_may_be_dropped_twice(self, stores: Stores) -> None:
        lease = lease_of(stores)
        stores.states.add_retry(lease, retry())

        stores.states.drop_retry(lease, retry())
        stores.states.drop_retry(lease, retry())

        assert stores.states.retries(SALES, None, 10) == []
