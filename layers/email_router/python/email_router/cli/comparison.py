"""Compare a mailbox with the ledger from this machine, pass after pass until it is done, and say what was found."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from email_router.cli.shapes import Json
from email_router.core.errors import RouterError, TryLater, naming
from email_router.core.flows.accounting import Fate
from email_router.core.flows.reconcile import Proof
from email_router.core.flows.route_mailbox import PassOutcome, RouteMailbox
from email_router.core.mailbox import Mailbox
from email_router.core.work import RECONCILE_NOW, MailboxWork
from email_router.wiring.clock import CLOCK

_PASS = timedelta(seconds=240)
"""The time of one pass: well within the lease that it holds."""
_PAUSE = 5.0
_PATIENCE = 72
"""How often a mailbox that is being served is asked for: six minutes, a function's pass and its lease."""


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found in a mailbox; `error` says why it is not, or not whole."""

    address: str
    proof: Proof | None
    error: RouterError | None = None

    @property
    def failed(self) -> bool:
        """Tell whether there is no proof."""
        return self.error is not None or self.proof is None or not self.proof.done

    def words(self) -> str:
        """Return the proof in a sentence."""
        if self.proof is None:
            return ""
        proof = self.proof
        counts = ", ".join(f"{fate.value} {proof.fates[fate]}" for fate in Fate if proof.fates.get(fate))
        where = f"{proof.folders} folder{'' if proof.folders == 1 else 's'}"
        whole = "all accounted for" if not self.failed else "so far accounted for, the rest was not compared"
        number = f"{proof.messages} message{'' if proof.messages == 1 else 's'}"
        return f"{self.address}: {number} in {where}, {whole}" + (f": {counts}" if counts else "")

    def json(self) -> Json:
        """Return it for machines: every fate, also those that no message has."""
        proof, error = self.proof or Proof(folders=0, done=False), self.error
        return {
            "mailbox": self.address,
            "done": not self.failed,
            "messages": proof.messages,
            "folders": proof.folders,
            "accounted": {fate.name.lower(): proof.fates.get(fate, 0) for fate in Fate},
            "picked_up": [
                {"source_id": one.source_id, "message_id": one.message_id, "verdict": one.outcome.value}
                for one in proof.picked_up
            ],
            "error": {"kind": error.kind, "text": naming(self.address, error), "mend": error.mend} if error else None,
        }


def compared(
    road: RouteMailbox,
    organisation: str,
    mailbox: Mailbox,
    progress: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> Compared:
    """Go on pass by pass, also where the time of one went to new mail; wait while another worker serves the mailbox."""
    proof: Proof | None = None
    busy = 0
    while True:
        before = proof.after if proof else ""
        work = MailboxWork(organisation, mailbox.key, RECONCILE_NOW, before)
        summary = road.route(work, CLOCK.now() + _PASS)
        if summary.error is not None:
            return Compared(mailbox.address, proof, summary.error)
        if summary.outcome in {PassOutcome.BUSY, PassOutcome.STALE}:
            busy += 1
            if busy > _PATIENCE:
                return Compared(mailbox.address, proof, _busy(mailbox))
            pause(_PAUSE)
            continue
        part = summary.proof
        proof = proof.joined(part) if proof and part else part or proof
        if part is not None and (part.done or (before and part.after == before)):
            return Compared(mailbox.address, proof)
        progress(f"comparing {mailbox.address} with the ledger; {proof.messages if proof else 0} messages so far")


def _busy(mailbox: Mailbox) -> RouterError:
    return TryLater(f"{mailbox.address} is being served", kind="busy", mend="Try again in a few minutes.")
