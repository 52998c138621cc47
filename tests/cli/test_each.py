"""Many mailboxes are worked on a few at a time, and answered in their order."""

from __future__ import annotations

import threading
import time
from io import StringIO

import pytest
from rich.console import Console

from email_router.cli.run import each
from email_router.cli.run.each import AT_ONCE, for_each


def test_answers_come_in_the_order_of_the_questions_whoever_is_ready_first() -> None:
    last_is_ready = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert last_is_ready.wait(10)
        if number == 2:
            last_is_ready.set()
        return number * 10

    assert for_each("counting", [0, 1, 2], work) == [0, 10, 20]


def test_no_more_than_a_few_are_under_way_at_a_time() -> None:
    lock, together = threading.Lock(), threading.Barrier(AT_ONCE)
    under_way, most = 0, 0

    def work(number: int) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        together.wait(10)  # passes only when as many as are allowed are here at once
        with lock:
            under_way -= 1

    for_each("counting", range(AT_ONCE * 3), work)

    assert most == AT_ONCE


def test_what_was_not_begun_when_one_failed_is_not_begun_any_more() -> None:
    begun = []
    failed = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            failed.set()
            raise KeyboardInterrupt
        assert failed.wait(10)
        time.sleep(0.02)  # the others take their time, however busy the machine is

    with pytest.raises(KeyboardInterrupt):
        for_each("counting", range(1000), work)

    assert len(begun) < 1000


def test_the_caller_says_how_many_are_under_way_at_a_time() -> None:
    together = threading.Barrier(AT_ONCE * 2)

    for_each("counting", range(AT_ONCE * 2), lambda _: together.wait(10), AT_ONCE * 2)


def test_one_that_takes_long_keeps_no_other_waiting() -> None:
    others = threading.Semaphore(0)

    def work(number: int) -> int:
        if number == 0:
            assert all(others.acquire(timeout=10) for _ in range(20))
        else:
            others.release()
        return number

    assert for_each("counting", range(21), work) == list(range(21))


@pytest.mark.parametrize("late", [False, True])
def test_a_bar_is_shown_on_a_terminal_once_it_takes_long(monkeypatch: pytest.MonkeyPatch, *, late: bool) -> None:
    shown = StringIO()
    monkeypatch.setattr(each, "errors", lambda: Console(file=shown, force_terminal=True, width=100))
    monkeypatch.setattr(each, "_SECONDS_BEFORE_A_BAR", 0.0 if late else 1000.0)
    bar = "testing access"
    given_up = time.monotonic() + 30

    def work(number: int) -> None:
        while late and bar not in shown.getvalue() and time.monotonic() < given_up:
            time.sleep(0.01)

    for_each(bar, range(3), work)

    assert (bar in shown.getvalue(), "/3" in shown.getvalue()) == (late, late)


def test_nothing_to_do_is_done_at_once() -> None:
    assert for_each("counting", [], str) == []
