"""How a run knows that the stack has nothing left to do, or that nobody works on what is left."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count, repeat

from email_router.cli.embedded.quiet import Backlog, Depth
from email_router.cli.run.once import Signs, wait_for

QUIET = Backlog(work={"mailbox": Depth()}, dead={})
BUSY = Backlog(work={"mailbox": Depth(waiting=1, in_flight=1)}, dead={})
STUCK = Backlog(work={"mailbox": Depth(in_flight=1)}, dead={})


def signs(seen: Iterator[Backlog], stores: Iterator[object], *, failed: bool = False) -> Signs:
    return Signs(lambda: next(seen), lambda: next(stores), lambda: failed)


def test_waiting_ends_when_the_queues_stay_quiet() -> None:
    told: list[str] = []

    ended = wait_for(signs(chain([BUSY, STUCK], repeat(QUIET)), repeat(0)), told.append, "routing")

    assert ended.quiet
    assert told[:3] == ["routing; orders in the queues: 2", "routing; orders in the queues: 1", "routing"]


def test_a_moment_of_quiet_between_two_orders_ends_nothing() -> None:
    seen = chain([QUIET, BUSY, QUIET, BUSY], repeat(QUIET))

    ended = wait_for(signs(seen, count()), lambda _: None, "routing", stalled=0.3)

    assert ended.quiet
    assert next(seen) == QUIET


def test_waiting_ends_when_nothing_moves_any_more() -> None:
    ended = wait_for(signs(repeat(STUCK), repeat(0)), lambda _: None, "routing", stalled=0.3, stalled_after_failure=60)

    assert not ended.quiet
    assert ended.backlog == STUCK


def test_waiting_goes_on_while_the_stores_change() -> None:
    stores = chain(range(5), repeat(5))

    ended = wait_for(signs(chain(repeat(STUCK, 6), repeat(QUIET)), stores), lambda _: None, "routing", stalled=0.2)

    assert ended.quiet


def test_waiting_is_shorter_where_a_function_has_failed() -> None:
    watched = signs(repeat(STUCK), repeat(0), failed=True)

    ended = wait_for(watched, lambda _: None, "routing", stalled=60, stalled_after_failure=0.3)

    assert not ended.quiet
