"""Carry a mailbox's reconciliation through its passes: when it is due, what it leaves in the state, and how it goes on."""

from __future__ import annotations

from datetime import datetime

from email_router.core.flows.accounting import Fate
from email_router.core.flows.incoming import Incoming
from email_router.core.flows.reconcile import Proof, Reconciliation, due, wanted
from email_router.core.flows.serving import Progress, Serving
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.mailbox_state import Lease, MailboxState
from email_router.core.ports import MailSource
from email_router.core.work import CONTINUE, CONTINUE_SHORT, RECONCILE, RECONCILE_NOW, MailboxWork


class Comparing:
    """The part of one pass that compares the mailbox with the ledger.

    `unfinished` tells that it is this pass's to do and not done, `proof` what it has found, `suspected` that the source has doubts.
    """

    def __init__(
        self, incoming: Incoming, mailbox: Mailbox, profile: Profile, work: MailboxWork, state: MailboxState
    ) -> None:
        self._in = incoming
        self._mailbox = mailbox
        self._profile = profile
        self._work = work
        self._state = state
        self.unfinished = wanted(work, state, incoming.clock.now(), incoming.timing)
        self.proof: Proof | None = None
        self.suspected = False

    def compare(self, lease: Lease, source: MailSource, serving: Serving, progress: Progress) -> None:
        """Compare once a pass, after a round that came to its end; what it had no time for, and what came meanwhile, is more work."""
        if not self.unfinished or self.proof is not None or progress.more:
            self.suspected |= source.suspects()
            return
        comparison = Reconciliation(self._in, self._mailbox, self._profile, lease, source, serving)
        self.proof = comparison.run(self._work.after)
        self.suspected = source.suspects() and not self.proof.done
        self.unfinished = not (self.proof.done or self._stuck(self.proof))
        progress.more = self.unfinished or Fate.WAITING in self.proof.fates

    def go_on(self, *, short: bool) -> None:
        """Queue what is left: the rest of the comparison, or the mail that waits.  A person who asked for the proof goes on himself."""
        mine = self._work.reason != RECONCILE_NOW
        if mine and self.unfinished:
            self._order(RECONCILE, self.proof.after if self.proof else self._work.after)
        elif mine or not self.unfinished:
            self._order(CONTINUE_SHORT if short else CONTINUE)

    def ask(self) -> None:
        """Queue the daily comparison, or one that the source's doubts call for, when it is due.  Nothing is written."""
        if self.proof is None and due(self._state, self._in.clock.now(), self._in.timing, suspected=self.suspected):
            self._order(RECONCILE)

    def compared(self, *, whole: bool) -> datetime | None:
        """When the mailbox was compared as a whole: now, also where this is its first pass and that listed everything (`whole`)."""
        done = not self.unfinished if self.proof else self._state.reconciled is None and whole
        return self._in.clock.now() if done else None

    def doubts(self) -> bool | None:
        """What the state is to say of doubts; None: as before."""
        if self.suspected:
            return True
        return False if self.proof is not None and self.proof.done else None

    def _stuck(self, proof: Proof) -> bool:
        """Tell whether a pass is too short even to list what was compared before; it is tried again the next day."""
        return bool(self._work.after) and proof.after == self._work.after and not proof.done and not proof.messages

    def _order(self, reason: str, after: str = "") -> None:
        work = MailboxWork(self._in.configuration.organisation, self._mailbox.key, reason, after)
        self._in.queues.put_mailboxes([work])
