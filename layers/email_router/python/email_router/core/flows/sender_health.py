"""Judge a sender's trouble by what others at its host met, so that one cause is one alert.

Of most of them, the host's circuit opens and its alert takes the place of theirs.  Until then a refused sender is kept in mind, and a person
is told when it is refused once more, PendingStatusDelay later: of this sender where nobody else at the host is in trouble, else of the host.
Where the host is known to take others' logins, the sender is told of at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from email_router.core.activity import EmailStatus
from email_router.core.circuits import members, place_of
from email_router.core.errors import REFUSED_LOGINS, ConfigurationError, MailboxBlocked, RouterError, TryLater
from email_router.core.flows.health import Blame, Health
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.outgoing_alerts import SENDER_BLOCKED, host_refuses, sender_blocked
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
        blame = self._failed(error)
        if blame.shared:
            self._told_by_the_circuit()
        else:
            self._tell(trouble, blame)

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
            self._mended()
        if waited or (left and self.probe):
            self._health().passed([place_of(self.profile)], self.mailbox.key, proves_behind=False)

    def _tell(self, trouble: MailboxBlocked | ConfigurationError, blame: Blame) -> None:
        """Tell a person of the sender, or of the host where others are refused there, too; the first refusal is only kept in mind."""
        alerts, now = self.out.alerts, self.out.clock.now()
        own = sender_blocked(self.mailbox.address, trouble, now)
        first = next((one for one in alerts.all() if one.id == own.id), None)
        if first is not None and not first.quiet:
            return
        if not blame.own:
            if first is None:
                again = now + timedelta(seconds=self.out.delays.pending_status)
                alerts.raise_alert(replace(own, at=again, quiet=True))
                return
            if now < first.at:
                return
            if not blame.alone:
                alerts.raise_alert(host_refuses(place_of(self.profile), trouble, now))
                return
        if first is not None:
            alerts.settle(first.id)
        alerts.raise_alert(own)

    def _told_by_the_circuit(self) -> None:
        """Take off the list what was told of the host and of single senders there."""
        place = place_of(self.profile)
        here = {one.mailbox for one in members(self.out.configuration, place)}
        for one in self.out.alerts.all():
            if one.kind == SENDER_BLOCKED and (one.about == place or one.about.casefold() in here):
                self.out.alerts.settle(one.id)

    def _mended(self) -> None:
        """Take the sender off the list.  Where the host was told of, it takes logins: whoever is refused there still is so on his own."""
        alerts, now, place = self.out.alerts, self.out.clock.now(), place_of(self.profile)
        if alerts.settle(sender_blocked(self.mailbox.address, None, now).id) and alerts.settle(
            host_refuses(place, None, now).id
        ):
            with suppress(RouterError):  # then they are told of with the host once more
                circuit = self.out.circuits.read(place)
                if circuit.opened is None:
                    self.out.circuits.close(circuit, now)

    def _failed(self, error: RouterError) -> Blame:
        """Say whose trouble it is."""
        return self._health().failed(place_of(self.profile), self.profile, self.mailbox.key, error)

    def _health(self) -> Health:
        out = self.out
        return Health(
            configuration=out.configuration,
            clock=out.clock,
            circuits=out.circuits,
            alerts=out.alerts,
            queues=out.queues,
        )
