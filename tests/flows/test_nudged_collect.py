"""Collects that a CRM nudges between the ticks: what is new leaves at once, and no rate is passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from email_router.core.activity import EmailStatus, Party, Role
from email_router.core.collect_pace import CollectPace, Pace
from email_router.core.flows.collect_outgoing import CollectOutgoing
from email_router.core.flows.outgoing import Delays
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.write_back import WriteBack
from tests.flows.house import ANN, SALES
from tests.flows.office import ERIN, Office
from tests.memory.nudging import MemoryCollectPace

BOB = "bob@contoso.example"


class Nudged(Office):
    """An office whose collects share one pace; `pace` may be another's who is faster."""

    def __init__(self, server: str = "smtp", **rates: int | str) -> None:
        super().__init__(server)
        self.pace: CollectPace = MemoryCollectPace()
        self.taken: list[tuple[datetime, str]] = []
        self._written = 0
        profile = replace(self.configuration.profiles[0], **rates)  # type: ignore[arg-type]  # fields by name
        free = Profile(name="free", direction=Direction.OUTGOING, server="smtp")
        people = (Mailbox(address=ANN, outgoing="out"), Mailbox(address=BOB, outgoing="free"))
        boxes = (*self.configuration.mailboxes, *people)
        self.configuration = replace(self.configuration, profiles=(profile, free), mailboxes=boxes)

    def put(self, sender: str, count: int = 1) -> None:
        for _ in range(count):
            self._written += 1
            self.write(f"e{self._written:05d}", parties=(Party(Role.FROM, sender), Party(Role.TO, ERIN)))

    def collect(self) -> int:
        """Queue what is due; all that is queued is sent at once."""
        road = self.road()
        queued = CollectOutgoing(
            configuration=self.configuration,
            clock=self.clock,
            meters=self.meters,
            crm=road.crm,
            queues=road.queues,
            delays=Delays(),
            pace=self.pace,
        ).collect()
        for order in self.queues.outgoing:
            for activity in order.activities:
                self.taken.append((self.clock.now(), order.sender))
                self.crm.write_back(WriteBack(activity=activity, status=EmailStatus.SENT))
        self.queues.outgoing.clear()
        return queued

    def most_in_a_minute(self, *senders: str) -> int:
        moments = sorted(at for at, sender in self.taken if sender in senders)
        return max(sum(1 for at in moments if 0 <= (at - start).total_seconds() < 58) for start in moments)


class Overtaken(MemoryCollectPace):
    """A pace that another collect changes each time."""

    def save(self, pace: Pace) -> bool:
        del pace
        return False


def test_what_is_new_between_two_ticks_leaves_at_once() -> None:
    at = Nudged()
    at.put(SALES, 3)
    assert at.collect() == 3

    at.clock.advance(1)
    at.put(SALES)

    assert at.collect() == 1


@pytest.mark.parametrize(
    ("server", "rates", "senders", "most"),
    [
        ("smtp", {"sender_rate": 7}, (SALES,), 7),
        ("smtp", {"profile_rate": 10}, (SALES, ANN), 10),
        ("exchange-online", {"protocol": "graph"}, (SALES,), 30),
        ("exchange-online", {"protocol": "graph", "access": "delegate", "username": SALES}, (SALES, ANN), 30),
    ],
)
def test_no_rate_is_passed_however_often_the_crm_nudges(
    server: str, rates: dict[str, int | str], senders: tuple[str, ...], most: int
) -> None:
    at = Nudged(server, **rates)
    count = 0
    for second in range(0, 240, 4):  # a nudge every four seconds, each with news; the ticks are among them
        for sender in senders:
            at.put(sender, 2)
            count += 2
        at.collect()
        at.clock.advance(4)
        assert at.most_in_a_minute(*senders) <= most, second

    while len(at.taken) < count:  # nothing stays behind
        before = len(at.taken)
        at.clock.advance(60)
        at.collect()
        assert len(at.taken) > before
    assert at.most_in_a_minute(*senders) == most


def test_a_tick_that_finds_the_minute_spent_leaves_the_rest_to_the_next() -> None:
    at = Nudged(sender_rate=5)
    at.put(SALES, 9)
    assert at.collect() == 5

    at.clock.advance(30)
    assert at.collect() == 0
    at.clock.advance(30)

    assert at.collect() == 4


def test_where_another_collect_is_always_faster_only_those_without_a_rate_are_queued() -> None:
    at = Nudged(sender_rate=5)
    at.put(SALES, 2)
    at.put(BOB, 2)
    at.pace = Overtaken()

    assert at.collect() == 2
    assert {sender for _, sender in at.taken} == {BOB}

    at.pace = MemoryCollectPace()
    at.clock.advance(60)
    assert at.collect() == 2


def test_a_collect_of_nobody_with_a_rate_asks_no_pace() -> None:
    at = Nudged(sender_rate=5)
    at.put(BOB)
    at.pace = None  # type: ignore[assignment]  # whoever asks it fails

    assert at.collect() == 1
