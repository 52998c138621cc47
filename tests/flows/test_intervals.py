"""A mailbox is looked into again before its interval is over, also while the interval grows, and not much more often."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from benchmarks.scale_hour import START, Hour, play
from email_router.core.flows.schedule import interval, is_due
from email_router.core.work import ScheduledMailbox

MINUTE = timedelta(minutes=1)


def box(number: int, minimum: int = 60, maximum: int = 900) -> ScheduledMailbox:
    return ScheduledMailbox(
        organisation="contoso",
        mailbox=f"box{number}@contoso.example",
        last_mail=START,
        minimum_interval=minimum,
        maximum_interval=maximum,
    )


def looks(mailbox: ScheduledMailbox, minutes: int) -> list[int]:
    return [minute for minute in range(minutes) if is_due(mailbox, START + minute * MINUTE)]


@pytest.mark.parametrize(("minimum", "maximum"), [(60, 900), (60, 60), (300, 3600), (120, 420)])
def test_no_look_comes_later_than_the_interval(minimum: int, maximum: int) -> None:
    for number in range(8):
        mailbox = box(number, minimum, maximum)
        found = looks(mailbox, 12 * 60)
        for before, later in pairwise(found):
            assert (later - before) * 60 <= interval(mailbox, START + later * MINUTE), (number, before, later)


def test_an_interval_that_grows_costs_one_look_for_each_of_its_lengths_at_the_most() -> None:
    for number in range(8):
        mailbox = box(number)
        lengths = [interval(mailbox, START + minute * MINUTE) // 60 for minute in range(12 * 60)]
        needed = sum(1 / length for length in lengths)
        assert len(looks(mailbox, 12 * 60)) <= needed + 1 + len(set(lengths))


def test_mailboxes_of_one_interval_are_spread_over_its_minutes() -> None:
    boxes = [replace(box(number, 900, 900), last_mail=None) for number in range(1500)]

    due = [sum(is_due(one, START + minute * MINUTE) for one in boxes) for minute in range(15)]

    assert sum(due) == 1500
    assert max(due) < 2 * 100


def test_mail_that_comes_shortens_the_interval_at_once() -> None:
    now = START + timedelta(hours=10)

    assert is_due(replace(box(1), last_mail=now - MINUTE), now)
    assert is_due(replace(box(1), last_mail=now - MINUTE), now + MINUTE)


def test_an_hour_of_a_small_population_keeps_every_mailbox_within_its_interval() -> None:
    """As `python -m benchmarks scale` plays it for 100,000 mailboxes."""
    enough = play(Hour(mailboxes=200, workers=2))
    too_few = play(Hour(mailboxes=200, workers=1, longest=60, shortest_pass=0.6))

    assert (enough.late, enough.twice) == (0, 0)
    assert enough.orders > 200 * 4
    assert too_few.late > 0
