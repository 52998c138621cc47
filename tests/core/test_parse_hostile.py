"""A mail built to exhaust its reader costs no more than its size."""

from __future__ import annotations

import time

import pytest

from email_router.core.parse import parse
from tests.core.hostile import FAMILIES

_SECONDS = 2.0
_GROWTH = 3.0  # doubling the mail doubles the time; the rest is noise
_MEASURABLE = 0.05


def _cost(raw: bytes, tries: int) -> float:
    """Return the least CPU time of several tries, in seconds."""
    best = _SECONDS * 10
    for _ in range(tries):
        began = time.process_time()
        parse(raw)
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", FAMILIES)
def test_a_hostile_mail_is_read_within_bounds(name: str) -> None:
    make, size = FAMILIES[name]

    mail = parse(make(size))
    cost = _cost(make(size), 1)

    assert not any(defect.startswith("not read") for defect in mail.defects)
    assert cost < _SECONDS


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", FAMILIES)
def test_time_grows_no_faster_than_the_mail(name: str) -> None:
    make, size = FAMILIES[name]
    for _ in range(3):  # a busy machine may disturb one comparison, not three
        whole, half = _cost(make(size), 3), _cost(make(size // 2), 3)
        if whole < _MEASURABLE or whole / half < _GROWTH:
            return

    assert whole / half < _GROWTH
