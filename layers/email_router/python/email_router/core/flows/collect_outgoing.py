"""Collect the CRM's pending e-mails and queue them by sender.

An e-mail that was queued is not collected again before PendingStatusDelay has passed: a lost order comes again, a slow one does not double.
A tick queues so many e-mails and no more, shared among the senders: one who writes to thousands delays nobody else's letter.  Rates of a
sender or a profile are kept by queueing no more than a minute's worth in a minute, by ticks and by the collects that the CRM nudges between
them; the others wait, and nothing of that is an attempt.  Of senders behind an open circuit one e-mail a minute is tried, and no other.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from email_router.core.activity import EmailStatus
from email_router.core.circuits import Circuits, NoCircuits, place_of
from email_router.core.collect_pace import CollectPace, OwnPace, Pace
from email_router.core.fair_share import shares
from email_router.core.flows.outgoing import Delays
from email_router.core.mailbox import Direction, Profile
from email_router.core.ports import Clock, Crm, Meters, WorkQueues
from email_router.core.settings import Configuration
from email_router.core.work import OutgoingWork
from email_router.core.write_back import WriteBack

_ORDER = 200
_EXCHANGE_ONLINE = "exchange-online"
_EXCHANGE_ONLINE_RATE = 30  # messages a minute that Exchange Online takes of one mailbox
_COLLECTED = 2_000
"""E-mails that one tick queues."""

_LOOKED_AT = 20_000
"""E-mails that one tick looks at for senders who write little, behind those of one who writes much."""

_ROUNDS = 5
"""How often a collect chooses anew because another one was faster."""

BySender = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectOutgoing:
    """Collects for one organisation."""

    configuration: Configuration
    clock: Clock
    meters: Meters
    crm: Crm
    queues: WorkQueues
    delays: Delays
    pace: CollectPace = field(default_factory=OwnPace)
    circuits: Circuits = field(default_factory=NoCircuits)

    def collect(self) -> int:
        """Queue what is due; return the number of e-mails."""
        now = self.clock.now()
        again = now + timedelta(seconds=self.delays.pending_status)
        waiting: dict[str, list[str]] = defaultdict(list)
        for activity, sender in self.crm.pending(now, _LOOKED_AT):
            waiting[sender.casefold()].append(activity)
        probes = self._probes(waiting, now) if waiting else ()
        able: dict[str, Profile] = {}
        for sender, activities in waiting.items():
            if profile := self._profile(sender):
                able[sender] = profile
            else:
                self._explain(sender, activities[:_COLLECTED], again)
        chosen = self._reserved({sender: waiting[sender] for sender in able}, able, now)
        beside = {name: len(senders) for senders in _sharing(able).values() for name in senders}
        for sender, profile in able.items():
            rate = _rate(profile)
            fair = max(1, min(rate, _EXCHANGE_ONLINE_RATE // beside[sender])) if sender in beside else rate
            self._space_out(waiting[sender][len(chosen[sender]) :], fair, now)
        return self._queue(chosen, able, again) + self._try(probes, again)

    def _probes(self, waiting: dict[str, list[str]], now: datetime) -> Sequence[tuple[str, str]]:
        """Take those out whom open circuits keep back; return of each circuit the e-mail that is tried: another sender's each minute."""
        places = {one.place for one in self.circuits.all_open() if one.is_open(now)}
        kept_back: dict[str, dict[str, list[str]]] = defaultdict(dict)
        for sender in list(waiting) if places else ():
            profile = self._profile(sender)
            if profile is not None and place_of(profile) in places:
                kept_back[place_of(profile)][sender] = waiting.pop(sender)
        minute = int(now.timestamp()) // 60
        chosen = [min(senders, key=lambda one: _turn(one, minute)) for senders in kept_back.values()]
        return [(one, senders[one][0]) for one, senders in zip(chosen, kept_back.values(), strict=True)]

    def _try(self, probes: Sequence[tuple[str, str]], again: datetime) -> int:
        for sender, activity in probes:
            profile = self._profile(sender)
            name = profile.name if profile else ""
            work = OutgoingWork(self.configuration.organisation, name, sender, (activity,), probe=True)
            self.queues.put_outgoing([work])
            self.crm.postpone([activity], again)
        return len(probes)

    def _reserved(self, waiting: BySender, able: Mapping[str, Profile], now: datetime) -> BySender:
        """Return whose e-mails this collect queues, and keep how much of the rates it takes; none of a rate that others take just now."""
        if not any(_bounds(name, able[name]) for name in waiting):
            return self._chosen(waiting, able, Pace(), now)
        for _ in range(_ROUNDS):
            pace = self.pace.read()
            chosen = self._chosen(waiting, able, pace, now)
            taken = _taken(chosen, able)
            if not any(taken.values()) or self.pace.save(pace.after(taken, now)):
                return chosen
        free = {name: activities for name, activities in waiting.items() if not _bounds(name, able[name])}
        return {**dict.fromkeys(waiting, ()), **self._chosen(free, able, Pace(), now)}

    def _chosen(self, waiting: BySender, able: Mapping[str, Profile], pace: Pace, now: datetime) -> BySender:
        """Return whose e-mails this collect queues: within what the rates of senders and profiles have left, and shared fairly."""
        wanted = {name: len(activities) for name, activities in waiting.items()}
        for bound, (rate, names) in _all_bounds(waiting, able).items():
            wanted |= shares(pace.left(bound, rate, now), {name: wanted[name] for name in names})
        return {name: waiting[name][:count] for name, count in shares(max(_COLLECTED, len(wanted)), wanted).items()}

    def _queue(self, chosen: BySender, able: Mapping[str, Profile], again: datetime) -> int:
        """Put each sender's first order on the queue, then each one's second: theirs come in turn however the queue serves them."""
        numbered = [
            (number, order)
            for sender, activities in chosen.items()
            for number, order in enumerate(self._orders(sender, able[sender].name, activities))
        ]
        orders = [order for _, order in sorted(numbered, key=lambda one: one[0])]
        self.queues.put_outgoing(orders)
        for order in orders:
            self.crm.postpone(order.activities, again)
        return sum(len(order.activities) for order in orders)

    def _space_out(self, activities: Sequence[str], rate: int, now: datetime) -> None:
        """Let what is beyond a sender's rate come up in the minute in which it can leave, instead of with each tick."""
        for number, start in enumerate(range(0, len(activities) if rate else 0, max(rate, 1)), 1):
            self.crm.postpone(activities[start : start + rate], now + timedelta(minutes=number))

    def _profile(self, sender: str) -> Profile | None:
        mailbox = self.configuration.mailbox(sender)
        profile = self.configuration.profile(mailbox.outgoing, Direction.OUTGOING) if mailbox else None
        return profile if profile and mailbox and mailbox.approved else None

    def _orders(self, sender: str, profile: str, activities: Sequence[str]) -> Iterator[OutgoingWork]:
        for start in range(0, len(activities), _ORDER):
            chunk = tuple(activities[start : start + _ORDER])
            yield OutgoingWork(self.configuration.organisation, profile, sender, chunk)

    def _explain(self, sender: str, activities: Sequence[str], again: datetime) -> None:
        """Leave e-mails pending whose sender cannot send, and say why on each."""
        reason = f"{sender} has no outgoing profile or is not approved: give it one in the configuration and publish"
        for activity in activities:
            self.crm.write_back(WriteBack(activity=activity, status=EmailStatus.PENDING, reason=reason, due=again))


def _turn(sender: str, minute: int) -> bytes:
    return hashlib.sha256(f"{minute}/{sender}".encode("utf-8", "surrogatepass")).digest()


def _rate(profile: Profile) -> int:
    """Return how many e-mails of one sender leave in a minute, 0 where nobody bounds them."""
    if profile.server != _EXCHANGE_ONLINE:
        return profile.sender_rate
    return min(profile.sender_rate or _EXCHANGE_ONLINE_RATE, _EXCHANGE_ONLINE_RATE)


def _bounds(sender: str, profile: Profile) -> Mapping[str, int]:
    """Return the rates (e-mails a minute) that bound a sender's e-mails, by what has them: sender, mailbox they leave through, profile."""
    found = {f"sender {sender}": _rate(profile)}
    if profile.server == _EXCHANGE_ONLINE:
        found[f"through {profile.sends_through(sender).casefold()}"] = _EXCHANGE_ONLINE_RATE
    found[f"profile {profile.name}"] = profile.profile_rate
    return {bound: rate for bound, rate in found.items() if rate}


def _all_bounds(senders: Iterable[str], able: Mapping[str, Profile]) -> Mapping[str, tuple[int, Sequence[str]]]:
    """Return each rate and whom it bounds, the narrow ones in front."""
    found: dict[str, tuple[int, list[str]]] = {}
    for sender in senders:
        for bound, rate in _bounds(sender, able[sender]).items():
            found.setdefault(bound, (rate, []))[1].append(sender)
    order = ("sender", "through", "profile")
    return dict(sorted(found.items(), key=lambda one: order.index(one[0].partition(" ")[0])))


def _taken(chosen: BySender, able: Mapping[str, Profile]) -> Mapping[str, int]:
    """Return how much of each rate these e-mails take."""
    found: Counter[str] = Counter()
    for sender, activities in chosen.items():
        found.update(dict.fromkeys(_bounds(sender, able[sender]), len(activities)))
    return found


def _sharing(able: Mapping[str, Profile]) -> Mapping[str, Sequence[str]]:
    """Return the senders whose e-mails leave through each mailbox of Exchange Online, which bounds the mailbox whatever their number."""
    found: dict[str, list[str]] = defaultdict(list)
    for sender, profile in able.items():
        if profile.server == _EXCHANGE_ONLINE:
            found[profile.sends_through(sender).casefold()].append(sender)
    return found
