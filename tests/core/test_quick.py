"""How often in a row a conversation was answered faster than people write."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from email_router.core.ledger import KnownEmail
from email_router.core.quick import MOST_QUICK, QUICK, next_quick, quick_at
from tests.core.cases import NOW

SECOND = timedelta(seconds=1)


def at(seconds: float, quick: int) -> KnownEmail:
    """Return an e-mail that came so many seconds before now."""
    return KnownEmail(activity="a", at=NOW - timedelta(seconds=seconds), quick=quick)


def test_ten_answers_within_two_minutes_each_are_a_robots() -> None:
    assert (10, timedelta(minutes=2)) == (MOST_QUICK, QUICK)


@pytest.mark.parametrize(("seconds", "quick"), [(0, 7), (120, 7), (121, 0), (-120, 7), (-121, 0)])
def test_what_comes_in_carries_on_the_count_of_a_moment_ago_however_the_clocks_differ(seconds: int, quick: int) -> None:
    assert quick_at(NOW, [at(seconds, 7)]) == quick


def test_the_highest_count_of_a_moment_ago_counts() -> None:
    assert quick_at(NOW, [None, at(10, 2), at(20, 5), at(300, 9), None]) == 5
    assert quick_at(NOW, [None]) == 0
    assert quick_at(NOW, []) == 0


@pytest.mark.parametrize(("took", "quick"), [(0, 4), (120, 4), (121, 0), (-120, 4), (-121, 0)])
def test_an_answer_at_once_adds_one_and_one_that_took_its_time_starts_anew(took: int, quick: int) -> None:
    came = NOW - timedelta(seconds=took)

    assert next_quick(NOW, came, [replace(at(0, 3), at=came)]) == quick


def test_a_first_answer_at_once_counts_one() -> None:
    assert next_quick(NOW, NOW - SECOND, []) == 1
    assert next_quick(NOW, NOW - SECOND, [at(500, 8)]) == 1


@given(st.lists(st.integers(0, 300), max_size=30))
def test_a_burst_of_mail_that_comes_in_is_no_dialogue(pauses: list[int]) -> None:
    earlier = [at(pause, 0) for pause in pauses]

    assert quick_at(NOW, earlier) == 0


@given(st.integers(1, 119))
def test_two_robots_reach_the_bound_in_ten_rounds_whatever_their_pace(pace: int) -> None:
    now, last, rounds = NOW, KnownEmail(activity="a", at=NOW), 0

    while (came := quick_at(now, [last])) < MOST_QUICK:
        answered = now + timedelta(seconds=pace)
        last = KnownEmail(
            activity="a", at=answered, quick=next_quick(answered, now, [last, replace(last, quick=came, at=now)])
        )
        now, rounds = answered + timedelta(seconds=pace), rounds + 1

    assert rounds == MOST_QUICK
