"""Play an hour of many mailboxes: the real rule of who is due, orders on a queue, and workers that serve each mailbox by the real flow.

Time is virtual; leases, positions and claims are real ones, kept in memory (scale_town.py).
"""

from __future__ import annotations

import gc
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from benchmarks.scale_town import START, Pace, Town
from benchmarks.virtual_time import VirtualTime
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.core.flows.schedule import due, interval
from email_router.core.work import MailboxWork

_TICK = 60
_PASS = timedelta(seconds=240)


@dataclass(frozen=True, kw_only=True)
class Hour:
    """What is played: so many mailboxes between these intervals (seconds), and so many workers.

    `queued_per_second` is how fast a tick queues its orders: more slowly than docs/scale.md computes.
    """

    mailboxes: int
    workers: int
    shortest: int = 60
    longest: int = 900
    pace: Pace = field(default_factory=Pace)
    queued_per_second: float = 100_000 / 50
    minutes: int = 60


@dataclass
class Played:
    """How it went.

    `late` counts looks that came more than a minute after the mailbox's interval was over (`latest`: by how many seconds at worst), and
    mailboxes that nobody had looked into for so long when the hour ended; `twice` orders whose mailbox still waited on the queue.
    `left` is mail that lay there at the end for longer than its mailbox's interval; `failed` are passes that ended in an error.
    """

    orders: int = 0
    longest_wait: float = 0
    latest: float = 0
    late: int = 0
    twice: int = 0
    busy: float = 0
    delivered: int = 0
    left: int = 0
    failed: int = 0
    slowest: float = 0
    asked: dict[str, int] = field(default_factory=dict)


class _Play:
    """One hour under way."""

    def __init__(self, hour: Hour) -> None:
        self._hour = hour
        self._time = VirtualTime(START)
        self._town = Town(hour.mailboxes, self._time, hour.pace, self._again, hour.shortest, hour.longest)
        self._queue: deque[tuple[float, MailboxWork]] = deque()
        self._waits: dict[str, int] = {}
        self._looked: dict[str, float] = {}
        self._free = hour.workers
        self.played = Played()

    def run(self) -> Played:
        """Play it to its end, and judge what has been left."""
        end = self._hour.minutes * _TICK
        for minute in range(self._hour.minutes):
            self._time.at(minute * _TICK, self._tick)
        self._time.run(end)
        for box in self._town.scheduled():
            allowed = interval(box, self._time.now()) + _TICK
            self.played.late += end - self._looked.get(box.mailbox, 0.0) > allowed
            self.played.left += self._town.inboxes[box.mailbox].unread(end - allowed)
        self.played.delivered, self.played.slowest = self._town.delivered, self._town.slowest
        self.played.asked = dict(self._town.asked)
        return self.played

    def _tick(self) -> None:
        self._queued(iter(due(self._town.scheduled(), self._time.now())))

    def _queued(self, orders: Iterator[MailboxWork]) -> None:
        """Put one order on the queue, and the next one a moment later."""
        if (work := next(orders, None)) is not None:
            self._time.at(self._time.seconds + 1 / self._hour.queued_per_second, lambda: self._queued(orders))
            self._put(work)

    def _again(self, work: MailboxWork) -> None:
        """Queue what a pass leaves, at the moment at which it does so."""
        self._time.at(self._time.seconds, lambda: self._put(work))

    def _put(self, work: MailboxWork) -> None:
        waits = self._waits.get(work.mailbox, 0)
        self.played.twice += waits > 0
        self._waits[work.mailbox] = waits + 1
        self._queue.append((self._time.seconds, work))
        self._start()

    def _start(self) -> None:
        """Let a free worker take the next order and serve its mailbox."""
        if not (self._free and self._queue):
            return
        began = self._time.seconds
        queued, work = self._queue.popleft()
        self._waits[work.mailbox] -= 1
        self._free -= 1
        self.played.orders += 1
        self.played.longest_wait = max(self.played.longest_wait, began - queued)
        self._judge(work)
        summary = self._town.roads[work.organisation].route(work, self._time.now() + _PASS)
        self.played.failed += summary.outcome in {PassOutcome.FAILED, PassOutcome.STALE, PassOutcome.UNKNOWN}
        self.played.busy += self._time.seconds - began
        self._time.at(self._time.seconds, self._ended)

    def _ended(self) -> None:
        self._free += 1
        self._start()

    def _judge(self, work: MailboxWork) -> None:
        """Compare the time since the last look with the interval; orders of a tick are spread over a minute, so that much is its own."""
        began = self._time.seconds
        before, self._looked[work.mailbox] = self._looked.get(work.mailbox), began
        if before is not None:
            over = began - before - self._town.states[work.organisation].interval(work.mailbox, self._time.now())
            self.played.latest = max(self.played.latest, over)
            self.played.late += over > _TICK


def play(hour: Hour) -> Played:
    """Play the hour; the same each time."""
    under_way = _Play(hour)
    gc.freeze()  # a town of 100,000 would be looked through for garbage again and again
    try:
        return under_way.run()
    finally:
        gc.unfreeze()


def run() -> None:
    """Print the hour of 100,000 mailboxes with intervals that follow the mail, and ten minutes, all alike, in which each is looked into."""
    hours = (Hour(mailboxes=100_000, workers=700), Hour(mailboxes=100_000, workers=1000, longest=60, minutes=10))
    for hour in hours:
        began, played = time.process_time(), play(hour)
        spent = played.busy / (hour.workers * hour.minutes * _TICK)
        print(
            f"{hour.minutes} minutes of {hour.mailboxes:,} mailboxes, {hour.shortest} to {hour.longest} s, "
            f"{hour.workers} at a time ({spent:.0%} busy): "
            f"{played.orders:,} orders, {played.late} late, at worst {played.latest:.1f} s over, waited {played.longest_wait:.1f} s at most, "
            f"{played.twice} queued twice, {played.failed} failed"
        )
        print(
            f"  {played.delivered:,} messages delivered, {played.left} left, {played.slowest:.0f} s after they came at the latest; "
            f"{', '.join(f'{count:,} {what}' for what, count in sorted(played.asked.items()))}"
        )
        print(f"  played in {time.process_time() - began:.0f} s of CPU")
