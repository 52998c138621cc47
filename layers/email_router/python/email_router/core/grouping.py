"""Cut what is many into groups that are taken at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def groups(things: Iterable[T], most: int) -> Iterator[list[T]]:
    """Yield the things in lists of at most so many."""
    rest = iter(things)
    while group := list(islice(rest, most)):
        yield group


def groups_within(
    things: Iterable[T], cost: Callable[[T], tuple[int, ...]], most: tuple[int, ...]
) -> Iterator[list[T]]:
    """Yield the things in lists, each as long as the costs of its things, added up kind by kind, stay within `most`.

    One that costs more stands alone.  A group that has reached a bound is given before another thing is asked for.
    """
    group: list[T] = []
    left = most
    for one in things:
        its = cost(one)
        if group and any(price > rest for price, rest in zip(its, left, strict=True)):
            yield group
            group, left = [], most
        group.append(one)
        left = tuple(rest - price for price, rest in zip(its, left, strict=True))
        if min(left) <= 0:
            yield group
            group, left = [], most
    if group:
        yield group
