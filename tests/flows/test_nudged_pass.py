"""A flood of notifications costs two passes of a mailbox, and none of its mail waits for a third."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from email_router.core.errors import TryLater
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.work import MailboxWork
from tests.fakes import fail
from tests.flows.house import SALES, House, mail
from tests.memory.source import MemorySource

FLOOD = 10_000


def notify(house: House, times: int = 1) -> None:
    """What receive_notification does for so many notifications."""
    for _ in range(times):
        if house.nudges.nudge(SALES, house.clock.now()):
            house.queues.put_mailboxes([MailboxWork("contoso", SALES, "notification")])


def serve_queue(house: House) -> int:
    """Serve every order that lies on the queue, those that come meanwhile included; return how many."""
    served = 0
    while house.queues.mailboxes:
        work = house.queues.mailboxes.pop(0)
        house.route(work.mailbox, work.reason)
        served += 1
    return served


def looks(
    house: House, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[int], None] = lambda number: None
) -> list[str]:
    """Note each time that the mailbox's server is asked; `meanwhile` happens after the asking, told its number."""
    asked: list[str] = []
    for name in ("has_news", "pages"):
        monkeypatch.setattr(house.source, name, _noting(house.source, name, asked, meanwhile))
    return asked


def _noting(
    source: MemorySource, name: str, asked: list[str], meanwhile: Callable[[int], None]
) -> Callable[..., object]:
    real = getattr(source, name)

    def noting(*given: object) -> object:
        found = real(*given)
        found = found if isinstance(found, bool) else list(found)
        asked.append(name)
        meanwhile(len(asked))
        return found

    return noting


def test_a_flood_before_the_pass_costs_one_pass() -> None:
    house = House(mail(1))

    notify(house, FLOOD)

    assert len(house.queues.mailboxes) == 1
    assert serve_queue(house) == 1
    assert len(list(house.crm.emails())) == 1


def test_a_flood_before_and_during_the_pass_costs_two(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(mail(1))
    late = iter([mail(2)])

    def flood(number: int) -> None:
        if number <= 2:  # during the first pass only
            for one in late:
                house.source.put(one)
            notify(house, FLOOD)

    looks(house, monkeypatch, flood)
    notify(house, FLOOD)

    assert serve_queue(house) == 2
    assert len(list(house.crm.emails())) == 2


def test_a_notification_during_the_pass_asks_anew_because_the_nudge_was_taken_before_the_first_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House()
    notify(house)
    (work,) = house.queues.mailboxes
    house.queues.mailboxes.clear()
    looks(house, monkeypatch, lambda number: notify(house, 3))

    house.route(SALES, work.reason)

    assert [one.reason for one in house.queues.mailboxes] == ["notification"]


def test_while_another_worker_serves_a_flood_costs_its_holder_one_more_round(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(mail(1))
    outcomes: list[PassOutcome] = []

    def second_worker(number: int) -> None:
        """In the midst of the first round: mail arrives, Graph tells of it ten thousand times, and a second worker takes the order."""
        if number != 2:  # the first is the look before the lease
            return
        house.source.put(mail(2))
        notify(house, FLOOD)
        while house.queues.mailboxes:
            work = house.queues.mailboxes.pop()
            outcomes.append(house.route(work.mailbox, work.reason).outcome)

    asked = looks(house, monkeypatch, second_worker)

    summary = house.route(SALES, "schedule")

    assert summary.outcome is PassOutcome.ROUTED
    assert asked == ["has_news", "pages", "pages"]
    assert outcomes == [PassOutcome.BUSY]
    assert len(list(house.crm.emails())) == 2
    assert house.queues.mailboxes == []


def test_the_second_worker_leaves_the_nudge_so_that_a_flood_queues_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House(mail(1))
    house.states.lease(SALES, house.clock.now(), house.clock.advance(330))
    house.clock.advance(-330)
    notify(house)

    summary = house.route(SALES, house.queues.mailboxes.pop().reason)
    notify(house, FLOOD)

    assert summary.outcome is PassOutcome.BUSY
    assert house.queues.mailboxes == []
    assert house.states.read(SALES).again


def test_a_further_round_takes_the_nudge_whoever_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(mail(1))

    def ask(number: int) -> None:
        if number == 2:
            notify(house)
            house.route(SALES, "notification")

    looks(house, monkeypatch, ask)

    house.route(SALES, "schedule")

    assert house.nudges.standing == {}


def test_a_nudge_that_nobody_took_counts_for_a_minute_only() -> None:
    house = House()
    notify(house)
    house.queues.mailboxes.clear()  # the order was lost

    house.clock.advance(59)
    notify(house)
    assert house.queues.mailboxes == []
    house.clock.advance(1)
    notify(house)

    assert len(house.queues.mailboxes) == 1


def test_a_pass_that_nobody_nudged_writes_nothing_about_nudges(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(mail(1))
    cleared: list[str] = []
    monkeypatch.setattr(house.nudges, "clear", cleared.append)

    house.route(SALES, "schedule")

    assert cleared == []


def test_with_every_notification_lost_the_mail_comes_with_the_next_poll() -> None:
    house = House()
    house.source.put(mail(1))

    house.route(SALES, "schedule")

    assert len(list(house.crm.emails())) == 1


def test_a_pass_that_fails_before_its_first_look_leaves_the_mail_to_the_next_poll() -> None:
    house = House(mail(1))
    fail(house.nudges, "clear", TryLater("store away", shared=True))

    failed = house.route(SALES, "notification")
    house.route(SALES, "schedule")

    assert failed.outcome is PassOutcome.FAILED
    assert len(list(house.crm.emails())) == 1
