"""Say what becomes, in its mailbox, of a message that is settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from email_router.core.ledger import Outcome
from email_router.core.mailbox import AfterDelivery, Mailbox, MailboxKind, Profile
from email_router.core.ports import MailSource

_DELIVERED = frozenset({Outcome.DELIVERED, Outcome.ATTACHED})
_WITHOUT_FOLDERS = frozenset({"pop3"})


@dataclass(frozen=True, slots=True)
class Disposal:
    """What one mailbox wants done.  Repeatable: if the worker dies, the messages are settled again and disposed of again."""

    source: MailSource
    mailbox: Mailbox
    profile: Profile

    def dispose(self, settled: Sequence[tuple[str, Outcome]]) -> None:
        """Dispose of what is durable: delivered messages; in a forward mailbox also those that nobody wanted, or that were set aside.

        Where the profile says so, quarantined messages go to the folder "Undeliverable" instead; their bytes are kept and their row stands.
        """
        moves = self.profile.move_undelivered and self.profile.server not in _WITHOUT_FOLDERS
        aside = [name for name, outcome in settled if moves and outcome is Outcome.QUARANTINED]
        if aside:
            self.source.set_aside(aside)
        how = self.mailbox.after_delivery
        forward = self.mailbox.kind is MailboxKind.FORWARD
        left = [(name, outcome) for name, outcome in settled if not (moves and outcome is Outcome.QUARANTINED)]
        gone = [name for name, outcome in left if forward or outcome in _DELIVERED]
        if gone and how is not AfterDelivery.LEAVE:
            self.source.dispose(gone, how)

    def commit(self) -> None:
        """Leave nothing that was disposed of uncommitted: the page is about to be passed."""
        if self.mailbox.after_delivery is not AfterDelivery.LEAVE:
            self.source.dispose((), self.mailbox.after_delivery)
