"""Prove that every message that lies in a mailbox is accounted for, and pick up what is not.

A listing by position tells what is new, and trusts the server that it told everything; this one compares the folders themselves with the
ledger.  What is not accounted for goes the road of every message, on which the ledger keeps it one activity.  Repeatable at any point:
what was picked up is accounted for the next time, and disposed of then if we died before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from email_router.core.fetched import Fetched, Inventoried, Listed
from email_router.core.flows.accounting import FATES, Account, Fate
from email_router.core.flows.disposing import Disposal
from email_router.core.flows.incoming import Decision, Incoming, Timing
from email_router.core.flows.serving import Serving
from email_router.core.ledger import Outcome
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.mailbox_state import Lease, MailboxState
from email_router.core.ports import MailSource
from email_router.core.work import RECONCILE, RECONCILE_NOW, MailboxWork

MARK = "reconciliation"
"""Begun before the first message is touched: if a worker dies over it, the next one reconciles too, and marks each message."""


@dataclass(frozen=True, slots=True)
class PickedUp:
    """A message that lay in the mailbox and in no account: what became of it now."""

    source_id: str
    message_id: str | None
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How many messages of the mailbox have which fate.

    Where `done` is False time ran out: these are the messages up to the one whose source id is `after`, and the rest is still to be asked.
    """

    folders: int
    fates: Mapping[Fate, int] = field(default_factory=dict)
    picked_up: tuple[PickedUp, ...] = ()
    after: str = ""
    done: bool = True

    @property
    def messages(self) -> int:
        """How many messages lay there; one that went in the meantime does not count."""
        return sum(count for fate, count in self.fates.items() if fate is not Fate.GONE)

    def joined(self, later: Proof) -> Proof:
        """Return this and what a later part found as one."""
        fates = Counter(self.fates)
        fates.update(later.fates)
        picked_up = self.picked_up + later.picked_up
        return Proof(folders=self.folders, fates=fates, picked_up=picked_up, after=later.after, done=later.done)


def wanted(work: MailboxWork, state: MailboxState, now: datetime, timing: Timing) -> bool:
    """Tell whether an order asks to reconcile: a person did, a reconciliation goes on, a worker died in one, or it is due.

    An order may come twice; it may also rest on doubts of an idle session, of which the state knows nothing.
    """
    if work.reason == RECONCILE_NOW or MARK in state.attempts:
        return True
    return work.reason == RECONCILE and (bool(work.after) or due(state, now, timing, suspected=True))


def due(state: MailboxState, now: datetime, timing: Timing, *, suspected: bool = False) -> bool:
    """Tell whether the mailbox is to be reconciled: daily, and once in an hour where its source has doubts."""
    if state.reconciled is None:  # the first pass that ends is a complete listing itself
        return suspected or state.suspected
    limit = timing.reconcile_suspected if suspected or state.suspected else timing.reconcile
    return now - state.reconciled >= timedelta(seconds=limit)


class Reconciliation:
    """One comparison, after a round that has served the mailbox to its end, under the same lease."""

    def __init__(
        self, incoming: Incoming, mailbox: Mailbox, profile: Profile, lease: Lease, source: MailSource, serving: Serving
    ) -> None:
        self._in = incoming
        self._profile = profile
        self._lease = lease
        self._source = source
        self._serving = serving
        self._account = Account(incoming, mailbox, profile, lease.state.reconciled)
        self._disposal = Disposal(source, mailbox, profile)
        self._picked_up: list[PickedUp] = []
        self._marked = False
        self._finished: list[str] = []

    def run(self, after: str = "") -> Proof:
        """Compare the messages behind the one with this source id; where it lies there no more, all of them.

        Whoever stops in the middle goes on from what the proof says; where a pass is too short even to come to that message, it stays so.
        """
        proof, found = Proof(folders=len(self._profile.folders) or 1, after=after, done=False), not after
        for page in self._source.inventory(self._in.timing.page_messages):
            if self._serving.late():
                return replace(proof, done=False)
            rest: Sequence[Inventoried] = page
            if not found:
                names = [one.source_id for one in page]
                found = after in names
                rest = page[names.index(after) + 1 :] if found else ()
            fates = self._fates(rest)
            part = self._part(proof, rest, fates)
            proof = proof.joined(part)
            if not part.done:
                return proof
        if not found:
            return self.run()
        return replace(proof, after="", done=True)

    def _part(self, before: Proof, page: Sequence[Inventoried], fates: Mapping[str, Fate]) -> Proof:
        """Return what was found of a page, up to the first message that there was no time for."""
        settled = []
        for one in page:
            if one.source_id not in fates:
                break
            settled.append(one)
        picked_up, self._picked_up = tuple(self._picked_up), []
        return Proof(
            folders=before.folders,
            fates=Counter(fates[one.source_id] for one in settled),
            picked_up=picked_up,
            after=settled[-1].source_id if settled else before.after,
            done=len(settled) == len(page),
        )

    def _fates(self, page: Sequence[Inventoried]) -> dict[str, Fate]:
        """Account for a page's messages in its order; those that there was no time for are absent."""
        if not page:
            return {}
        fates = self._account.fates(page)
        unknown = [one for one in page if one.source_id not in fates]
        if unknown:
            waiting = self._waiting()
            fates |= {one.source_id: Fate.WAITING for one in unknown if one.source_id in waiting}
        for group in self._groups([one for one in unknown if one.source_id not in fates]):
            if self._serving.late():
                break
            fates |= self._looked_at(group)
        self._disposal.dispose(self._account.lingering)
        self._account.lingering.clear()
        return fates

    def _waiting(self) -> set[str]:
        """Return what came since the round before: it lies beyond the position, and the next round serves it."""
        size = self._in.timing.page_messages
        return {one.source_id for page in self._source.pages(self._serving.position, size) for one in page.listed}

    def _groups(self, unknown: Sequence[Inventoried]) -> Iterator[list[Listed]]:
        listed = [Listed(one.source_id, one.size) for one in unknown]
        return iter([[one] for one in listed]) if self._serving.careful else self._serving.groups(listed)

    def _looked_at(self, group: Sequence[Listed]) -> dict[str, Fate]:
        """Fetch messages, learn their keys, and let them go the road of every message."""
        if not self._marked:
            self._marked = True
            self._in.states.begin(self._lease, MARK)
        if self._serving.careful:
            (one,) = group
            begun = self._in.states.begin(self._lease, one.source_id, self._finished)
            self._finished = [one.source_id]
            if begun >= self._in.timing.marks:
                return {one.source_id: self._unread(one.source_id, begun)}
        fetched = list(self._source.fetch(group, self._profile.maximum_message_size))
        fates = {one.source_id: Fate.GONE for one in fetched if one.vanished}
        there = [one for one in fetched if not one.vanished]
        aside = self._account.set_aside_unread(there, self._source)
        fates |= dict.fromkeys(aside, Fate.QUARANTINED)
        return fates | self._served([one for one in there if one.source_id not in aside])

    def _unread(self, source_id: str, begun: int) -> Fate:
        outcome = self._serving.set_aside_unread(source_id, begun)
        if outcome is None:
            return Fate.GONE
        self._picked_up.append(PickedUp(source_id, None, outcome))
        return Fate.PICKED_UP

    def _served(self, batch: Sequence[Fetched]) -> dict[str, Fate]:
        ends = self._serving.serve_batch(batch) if batch else []
        return {one.draft.fetched.source_id: self._fate(one, outcome) for one, outcome in ends}

    def _fate(self, decision: Decision, outcome: Outcome) -> Fate:
        if decision.earlier is not None:
            return Fate.COPY if decision.copied else FATES[decision.earlier]
        fetched, message = decision.draft.fetched, decision.draft.message
        self._picked_up.append(PickedUp(fetched.source_id, message.message_id, outcome))
        return Fate.PICKED_UP
