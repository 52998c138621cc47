"""Judge a sender's trouble by what others at its host met: most of them, and the host's circuit opens; else a person is told of this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from email_router.core.activity import EmailStatus
from email_router.core.circuits import place_of
from email_router.core.errors import REFUSED_LOGINS, ConfigurationError, MailboxBlocked, RouterError, TryLater
from email_router.core.flows.health import Health
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.outgoing_alerts import sender_blocked
from email_router.core.flows.settle_email import Sent
from email_router.core.mailbox import Mailbox, Profile


@dataclass(frozen=True, slots=True)
class SenderHealth:
    """The health of one sender.  `probe`: its e-mail is tried for all who are kept back with it."""

    out: Outgoing
    mailbox: Mailbox
    profile: Profile
    probe: bool = False

    def blocked(self, trouble: MailboxBlocked | ConfigurationError) -> None:
        """Note that the sender is blocked; a person is told of it unless the host's circuit is open, or another secret is there."""
        error = trouble if isinstance(trouble, RouterError) else RouterError(str(trouble), kind="configuration")
        if error.kind in REFUSED_LOGINS and self.out.renewed(self.profile):
            return  # the next attempt logs in with the new one
        if not self._failed(error):
            self.out.alerts.raise_alert(sender_blocked(self.mailbox.address, trouble, self.out.clock.now()))

    def away(self, evidence: str) -> None:
        """Note that the server takes nothing for now: nobody's attempt."""
        self._failed(TryLater(evidence, shared=True))

    def away_for(self, done: Sequence[Sent]) -> None:
        """Note it where an attempt met that; a provider's pace that is kept is no trouble."""
        if met := [one.evidence for one in done if one.held]:
            self.away(met[-1])

    def sent(self, done: Sequence[Sent]) -> None:
        """Take off the list what told that the sender is blocked, and close the circuit, where an e-mail left that had to wait for them."""
        left = [one for one in done if one.status is EmailStatus.SENT]
        waited = any(one.waited for one in left)
        if waited:
            self.out.alerts.settle(sender_blocked(self.mailbox.address, None, self.out.clock.now()).id)
        if waited or (left and self.probe):
            self._health().passed([place_of(self.profile)], self.mailbox.key, proves_behind=False)

    def _failed(self, error: RouterError) -> bool:
        """Tell whether most at the host are in trouble."""
        return self._health().failed(place_of(self.profile), self.profile, self.mailbox.key, error).shared

    def _health(self) -> Health:
        out = self.out
        return Health(
            configuration=out.configuration,
            clock=out.clock,
            circuits=out.circuits,
            alerts=out.alerts,
            queues=out.queues,
        )
