"""What is many is cut into groups that are taken at once: everything once, in its order, and no group shorter than it need be."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from email_router.core.grouping import groups, groups_within

COSTS = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 60)), max_size=40)


def total(group: list[tuple[int, int]]) -> tuple[int, int]:
    """Add the costs up, kind by kind."""
    return sum(one for one, _ in group), sum(other for _, other in group)


def fits(group: list[tuple[int, int]], most: tuple[int, int]) -> bool:
    """Tell whether a group stays within its bounds."""
    return all(cost <= bound for cost, bound in zip(total(group), most, strict=True))


@given(COSTS, st.tuples(st.integers(1, 8), st.integers(1, 100)))
def test_groups_stay_within_every_bound_and_take_what_they_can(
    things: list[tuple[int, int]], most: tuple[int, int]
) -> None:
    found = list(groups_within(things, lambda one: one, most))

    assert [one for group in found for one in group] == things
    assert all(fits(group, most) or len(group) == 1 for group in found)
    assert not any(fits([*group, following[0]], most) for group, following in itertools.pairwise(found))


@given(st.lists(st.integers(), max_size=30), st.integers(1, 7))
def test_groups_of_a_number_are_full_but_for_the_last(things: list[int], most: int) -> None:
    found = list(groups(iter(things), most))

    assert [one for group in found for one in group] == things
    assert [len(group) for group in found[:-1]] == [most] * (len(found) - 1 if found else 0)
    assert all(0 < len(group) <= most for group in found)


def test_a_group_that_is_full_is_given_before_more_is_read() -> None:
    read: list[int] = []

    def things() -> Iterator[int]:
        for number in range(10):
            read.append(number)
            yield number

    first = next(groups_within(things(), lambda _: (1,), (3,)))

    assert (first, read) == ([0, 1, 2], [0, 1, 2])
