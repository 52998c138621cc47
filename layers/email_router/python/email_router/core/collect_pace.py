"""What the collects of the last minute have queued, by whom a rate bounds: a nudged collect takes what the minute has left, and no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

MINUTE = timedelta(seconds=58)
"""How long a queued e-mail counts: ticks come a minute apart, now and then a second less."""


@dataclass(frozen=True, slots=True)
class Taken:
    """So many e-mails were queued at this moment."""

    at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Pace:
    """What was taken by each name that has a rate; `version` is the store's, counted up by each save."""

    taken: Mapping[str, tuple[Taken, ...]] = field(default_factory=dict)
    version: int = 0

    def left(self, name: str, rate: int, now: datetime) -> int:
        """Return how many e-mails of the name may still be queued within its rate (e-mails a minute)."""
        return max(0, rate - sum(one.count for one in self._young(name, now)))

    def after(self, counts: Mapping[str, int], now: datetime) -> Pace:
        """Return the pace once these are queued; what counts no more is left out."""
        found: dict[str, list[Taken]] = defaultdict(list)
        for name in self.taken:
            if young := self._young(name, now):
                found[name].extend(young)
        for name, count in counts.items():
            if count:
                found[name].append(Taken(now, count))
        return Pace({name: tuple(ones) for name, ones in found.items()}, self.version)

    def _young(self, name: str, now: datetime) -> tuple[Taken, ...]:
        return tuple(one for one in self.taken.get(name, ()) if one.at > now - MINUTE)


class CollectPace(Protocol):
    """Keeps the pace of one organisation."""

    def read(self) -> Pace:
        """Return the pace, strongly consistent; an empty one where there is none."""

    def save(self, pace: Pace) -> bool:
        """Write it on condition that its version is still the one that was read; False when another collect was faster."""


class OwnPace:
    """The pace of a collect that runs alone, once a minute: the minute is always whole."""

    def read(self) -> Pace:
        """Return an empty pace."""
        return Pace()

    def save(self, pace: Pace) -> bool:
        """Keep nothing."""
        del pace
        return True
