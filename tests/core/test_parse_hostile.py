"""A mail built to exhaust its reader costs no more than its size."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest

from email_router.core import dedupe, html, smart_hash
from email_router.core.linear_pattern import LinearPattern
from email_router.core.parse import parse
from email_router.core.settings import Tracking
from tests.core.hostile import FAMILIES

_SECONDS = 2.0
_GROWTH = 2.3  # twice the mail takes twice the time; the rest is noise
_MEASURABLE = 0.002  # seconds; below it the clock says nothing, and nothing is to be feared
_ENOUGH = 0.005  # seconds of the smallest of three mails: longer would only make the tests slow
_TRIES = 5
_ROUNDS = 8
_PAUSE = 0.1  # seconds between rounds: what disturbs one round may have ended by the next

_TRACKING = Tracking(smart_matching=True)
_TOKENS = "CRM:0001001 "


def _cost(work: Callable[[], object]) -> float:
    """Return the least CPU time of five tries, in seconds."""
    best = _SECONDS * 10
    for _ in range(_TRIES):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def _once(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _fitting(work: Callable[[int], Callable[[], object]], size: int) -> int:
    """Return the size, made smaller where that is enough to be measured."""
    whole = _once(work(size))
    while whole > 8 * _ENOUGH:
        size, whole = size // 2, whole / 2
    return size


def _grows(work: Callable[[int], Callable[[], object]], size: int) -> list[float]:
    """Return the costs at size / 4, size / 2 and size."""
    return [_cost(work(size * part // 4)) for part in (1, 2, 4)]


def _is_linear(costs: list[float]) -> bool:
    return all(after < _MEASURABLE or after / before <= _GROWTH for before, after in pairwise(costs))


def _assert_linear(work: Callable[[int], Callable[[], object]], size: int) -> None:
    """Measure at a size that is quickly done; where that is not enough, at twice it, and so on up to four times the whole.

    A small mail may fit a cache that one of twice its size does not; what grows faster than its size does so at every size.
    """
    fitting = _fitting(work, size)
    while not _is_linear(costs := _least(work, fitting)) and fitting < 4 * size:
        fitting = min(2 * fitting, 4 * size)

    assert _is_linear(costs), costs


def _least(work: Callable[[int], Callable[[], object]], size: int) -> list[float]:
    """Return the costs, measured again where they do not look linear: a busy machine may disturb a few, and the least of each counts."""
    costs = _grows(work, size)
    for _ in range(_ROUNDS):
        if _is_linear(costs):
            break
        time.sleep(_PAUSE)
        costs = [min(pair) for pair in zip(costs, _grows(work, size), strict=True)]
    return costs


@pytest.mark.alone
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_hostile_mail_is_read_within_bounds_in_time_that_grows_as_it_does(name: str) -> None:
    make, size = FAMILIES[name]
    whole = make(size)

    began = time.process_time()
    mail = parse(whole)
    cost = time.process_time() - began

    assert not any(defect.startswith("not read") for defect in mail.defects)
    assert cost < _SECONDS
    _assert_linear(lambda count: partial(parse, make(count)), size)


_ASKED: dict[str, tuple[Callable[[int], Callable[[], object]], int]] = {
    "keys of a long text": (
        lambda n: partial(dedupe.message_key, parse(b"From: a@example.com\n\n" + b"a " * n), "incoming"),
        1_000_000,
    ),
    "keys of many recipients": (
        lambda n: partial(dedupe.message_key, parse(b"To: " + b"a@example.com, " * n + b"\n\n"), "incoming"),
        4_000,
    ),
    "an id of quotes": (lambda n: partial(dedupe.normalised_id, "<" + '"a"' * n + "@example.com>"), 200_000),
    "an id of comments": (lambda n: partial(dedupe.normalised_id, "<" + "(" * n + "@example.com>"), 200_000),
    "words of a subject": (lambda n: partial(smart_hash.subject_hash, "Re: " * n, _TRACKING), 100_000),
    "people of a mail": (lambda n: partial(smart_hash.participants, ["a@example.com"] * n), 40_000),
    "text of html": (lambda n: partial(html.to_text, html.sanitize("<p>a<br>b &amp; c</p>" * n)), 20_000),
    "blanks of html": (lambda n: partial(html.to_text, " \n" * n), 400_000),
    "a tenant's pattern": (lambda n: partial(LinearPattern("(a|a)*b|(x+x+)+y").remove, "a" * n + "x" * n), 8_000),
}
"""What is asked of a message behind the parser -> (what asks for n, the n that it is tried with)."""


@pytest.mark.alone
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", _ASKED)
def test_what_is_asked_of_a_message_takes_time_that_grows_as_it_does(name: str) -> None:
    work, size = _ASKED[name]

    _assert_linear(work, size)


def test_the_comparison_tells_what_is_not_linear() -> None:
    def quadratic(count: int) -> Callable[[], object]:
        return lambda: sum(len("x" * count) for _ in range(count))

    costs = [_cost(quadratic(count)) for count in (20_000, 40_000, 80_000)]

    assert not _is_linear(costs)
