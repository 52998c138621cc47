"""Play an hour of many mailboxes: who is due by the real rule, when each order reaches the queue, and when a worker has served it."""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from email_router.core.flows.schedule import due, interval
from email_router.core.work import ScheduledMailbox

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
_TICK = 60


@dataclass(frozen=True, kw_only=True)
class Hour:
    """What is played: so many mailboxes between these intervals (seconds), so many messages a day to each, so many workers.

    `queued_per_second` is how fast a tick queues its orders: more slowly than docs/scale.md computes.
    """

    mailboxes: int
    workers: int
    shortest: int = 60
    longest: int = 900
    messages_per_day: float = 50
    shortest_pass: float = 0.2
    longest_pass: float = 0.6
    with_mail: float = 1.2
    queued_per_second: float = 100_000 / 50
    minutes: int = 60


@dataclass
class Played:
    """How it went: orders, the longest that one waited for a worker, and by how much a mailbox was ever looked into later than its interval.

    `late` counts looks that came more than a minute after the interval was over, `twice` orders of a mailbox whose last one still waited.
    """

    orders: int = 0
    longest_wait: float = 0
    latest: float = 0
    late: int = 0
    twice: int = 0
    busy: float = 0
    looked: dict[str, float] = field(default_factory=dict)


def row(number: int, shortest: int = 60, longest: int = 900) -> ScheduledMailbox:
    """Return a mailbox of the population: organisations of about a thousand, mail last seen within the last two hours."""
    chance = random.Random(number)
    return ScheduledMailbox(
        organisation=f"organisation{number % 97:02d}",
        mailbox=f"person{number:06d}@organisation{number % 97:02d}.example",
        last_mail=START - timedelta(seconds=chance.randrange(7200)),
        minimum_interval=shortest,
        maximum_interval=longest,
    )


def play(hour: Hour) -> Played:
    """Play the hour; the same each time."""
    chance, played = random.Random(7), Played()
    boxes = {one.mailbox: one for one in (row(number, hour.shortest, hour.longest) for number in range(hour.mailboxes))}
    free = [0.0] * hour.workers
    served: dict[str, float] = {}
    for minute in range(hour.minutes):
        now = START + timedelta(minutes=minute)
        for number, work in enumerate(due(boxes.values(), now)):
            queued = minute * 60 + number / hour.queued_per_second
            played.twice += served.get(work.mailbox, 0.0) > queued
            begun = max(queued, heapq.heappop(free))
            box = boxes[work.mailbox]
            _judge(played, box, begun, now)
            mail = chance.random() < _expected(hour, begun - played.looked.get(work.mailbox, begun - 60))
            length = hour.with_mail if mail else chance.uniform(hour.shortest_pass, hour.longest_pass)
            heapq.heappush(free, begun + length)
            served[work.mailbox], played.looked[work.mailbox] = begun + length, begun
            played.longest_wait = max(played.longest_wait, begun - queued)
            played.busy += length
            played.orders += 1
            if mail:
                boxes[work.mailbox] = replace(box, last_mail=now)
    return played


def _judge(played: Played, box: ScheduledMailbox, begun: float, now: datetime) -> None:
    """Compare the time since the last look with the interval; orders of a tick are spread over a minute, so that much is its own."""
    before = played.looked.get(box.mailbox)
    if before is None:
        return
    over = begun - before - interval(box, now)
    played.latest = max(played.latest, over)
    played.late += over > _TICK


def _expected(hour: Hour, seconds: float) -> float:
    return min(1.0, hour.messages_per_day / 86_400 * seconds)


def run() -> None:
    """Print the hour of 100,000 mailboxes: with intervals that follow the mail, and each looked into every minute."""
    for hour in (Hour(mailboxes=100_000, workers=700), Hour(mailboxes=100_000, workers=1000, longest=60)):
        played = play(hour)
        spent = played.busy / (hour.workers * hour.minutes * 60)
        print(
            f"an hour of {hour.mailboxes:,} mailboxes, {hour.shortest} to {hour.longest} s, {hour.workers} at a time ({spent:.0%} busy): "
            f"{played.orders:,} orders, {played.late} late, at worst {played.latest:.0f} s over, waited {played.longest_wait:.0f} s at most, "
            f"{played.twice} queued twice"
        )
