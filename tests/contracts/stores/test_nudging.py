"""What the stores of nudged collects promise, whether they keep things in memory or in AWS."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from email_router.core.collect_pace import CollectPace, Pace, Taken
from email_router.core.outgoing_nudges import OutgoingNudges
from email_router.edge.stores.collect_pace import DynamoCollectPace
from email_router.edge.stores.nudges import DynamoNudges, DynamoOutgoingNudges
from tests.cloud import Place
from tests.memory.nudging import MemoryCollectPace, MemoryOutgoingNudges

NOW = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


class Kept(NamedTuple):
    nudges: OutgoingNudges
    others: OutgoingNudges
    pace: CollectPace


@pytest.fixture(params=["memory", "moto", "ministack"])
def kept(request: pytest.FixtureRequest) -> Kept:
    if request.param == "memory":
        return Kept(MemoryOutgoingNudges(), MemoryOutgoingNudges(), MemoryCollectPace())
    place: Place = request.getfixturevalue(f"{request.param}_place")
    given: tuple[Any, Any] = (place.clients.dynamodb, place.router)
    return Kept(
        DynamoOutgoingNudges(*given, "contoso"),
        DynamoOutgoingNudges(*given, "fabrikam"),
        DynamoCollectPace(*given, "contoso"),
    )


def test_the_first_nudge_passes_and_those_of_the_next_minute_do_not(kept: Kept) -> None:
    assert [kept.nudges.nudge(later(seconds)) for seconds in (0, 0.001, 30, 59.9)] == [True, False, False, False]


def test_a_nudge_of_a_minute_ago_counts_as_lost(kept: Kept) -> None:
    kept.nudges.nudge(NOW)

    assert kept.nudges.nudge(later(60))
    assert not kept.nudges.nudge(later(61))


def test_a_nudge_that_was_cleared_makes_room_for_the_next(kept: Kept) -> None:
    kept.nudges.nudge(NOW)

    kept.nudges.clear()
    kept.nudges.clear()

    assert kept.nudges.nudge(later(1))


def test_organisations_are_nudged_apart(kept: Kept) -> None:
    kept.nudges.nudge(NOW)

    assert kept.others.nudge(NOW)


def test_an_organisation_s_nudge_and_a_mailbox_s_are_two_things(moto_place: Place) -> None:
    given: Any = moto_place.clients.dynamodb, moto_place.router, "contoso"
    DynamoNudges(*given).nudge("sales@contoso.example", NOW)

    assert DynamoOutgoingNudges(*given).nudge(NOW)


def test_of_many_nudges_at_once_one_passes(ministack_place: Place) -> None:
    nudges = DynamoOutgoingNudges(ministack_place.clients.dynamodb, ministack_place.router, "contoso")

    with ThreadPoolExecutor(8) as pool:
        passed = list(pool.map(lambda _: nudges.nudge(NOW), range(40)))

    assert passed.count(True) == 1


def test_a_pace_is_read_as_it_was_saved(kept: Kept) -> None:
    taken = {"sender é@contoso.example": (Taken(NOW, 3), Taken(later(1), 30)), "profile out": (Taken(NOW, 2),)}

    assert kept.pace.read() == Pace()
    assert kept.pace.save(Pace(taken))
    assert kept.pace.read() == Pace(taken, 1)


def test_of_two_who_read_the_same_pace_one_saves_it(kept: Kept) -> None:
    first = kept.pace.read()
    assert kept.pace.save(first.after({"a": 1}, NOW))
    assert not kept.pace.save(first.after({"a": 2}, NOW))

    second = kept.pace.read()
    assert kept.pace.save(second.after({"a": 2}, NOW))
    assert not kept.pace.save(replace(second, taken={}))
    assert kept.pace.read().left("a", 10, NOW) == 7
