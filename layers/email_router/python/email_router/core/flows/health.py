"""Judge failures by what others met at the same place: open its circuit, close it again, and tell a person of either.

Nothing here stops a road: where the circuits cannot be read or written, a failure is judged as if there were none.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from email_router.core.circuits import (
    BEHIND,
    Circuit,
    Circuits,
    Member,
    alone,
    in_sample,
    members,
    name_of,
    on_its_own,
    shared_by_most,
)
from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.core.health import circuit_alert, disabled_alert
from email_router.core.mailbox import Profile
from email_router.core.mailbox_state import MailboxState
from email_router.core.ports import Alerts, Clock, WorkQueues
from email_router.core.settings import Configuration
from email_router.core.work import RESUME, MailboxWork


@dataclass(frozen=True, slots=True)
class Blame:
    """Whose trouble a failure is: `counts` as the mailbox's own, `shared` by most at its place, `alone` among them with trouble lately.

    `own`: it is known to be the mailbox's own, as nobody else is there, or others have passed since.
    """

    counts: bool
    shared: bool = False
    alone: bool = False
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The circuits of one organisation, and the alerts of what is disabled."""

    configuration: Configuration
    clock: Clock
    circuits: Circuits
    alerts: Alerts
    queues: WorkQueues

    def failed(
        self, place: str, profile: Profile, mailbox: str, error: RouterError, state: MailboxState | None = None
    ) -> Blame:
        """Say whose trouble it is; the circuit of the place opens when most of its mailboxes have failed lately.

        `state` is what was known of a mailbox that is read.  At most a read, two writes and an alert.
        """
        everybody = members(self.configuration, place)
        counts = not nobodys(place, error)
        if len(everybody) < 2:  # noqa: PLR2004 - sharing takes two
            return Blame(counts, alone=True, own=True)
        try:
            return self._judged(place, profile, everybody, mailbox, error, state)
        except RouterError:
            return Blame(counts)

    def passed(self, places: Iterable[str], mailbox: str, *, proves_behind: bool) -> None:
        """Close the circuits that this pass has proved wrong, and have everybody behind them served at once, disabled or not.

        A pass that opened its mailbox proves its host; what lies behind the router is proved by a message that was settled.
        """
        for place in places:
            if place != BEHIND or proves_behind:
                with suppress(RouterError):  # the next one that passes closes it
                    self._close(place, mailbox)

    def disabled(self, mailbox: str, error: RouterError, now: datetime) -> None:
        """Tell a person of a mailbox that is disabled."""
        with suppress(RouterError):
            self.alerts.raise_alert(disabled_alert(mailbox, error, now))

    def enabled(self, mailbox: str, now: datetime) -> None:
        """Take off the list what told that the mailbox is disabled."""
        with suppress(RouterError):
            self.alerts.settle(disabled_alert(mailbox, RouterError(""), now).id)

    def _judged(
        self,
        place: str,
        profile: Profile,
        everybody: list[Member],
        mailbox: str,
        error: RouterError,
        state: MailboxState | None,
    ) -> Blame:
        now, nobody = self.clock.now(), nobodys(place, error)
        circuit = self.circuits.read(place)
        opened = circuit.is_open(now)
        disabled = state is not None and state.disabled is not None
        if not opened and not nobody and (disabled or on_its_own(circuit, mailbox, state, now)):
            return Blame(counts=True, alone=True, own=True)
        name = name_of(mailbox) if in_sample(mailbox, len(everybody)) and not disabled else ""
        if name or opened:
            circuit = self.circuits.failed(place, name, now)
        if opened or disabled:
            return Blame(counts=False, shared=opened)
        if shared_by_most(circuit, everybody, profile, now):
            self._open(circuit, len(everybody), error, now)
            return Blame(counts=False, shared=True)
        return Blame(not nobody, alone=alone(circuit, mailbox, profile, now))

    def _open(self, circuit: Circuit, count: int, error: RouterError, now: datetime) -> None:
        if self.circuits.open(circuit, error, now):
            self.alerts.raise_alert(circuit_alert(circuit, count, error, now))

    def _close(self, place: str, mailbox: str) -> None:
        now, circuit = self.clock.now(), self.circuits.read(place)
        if circuit.opened is None or not self.circuits.close(circuit, now):
            return
        self.alerts.settle(circuit_alert(circuit, 0, RouterError(""), now).id)
        if place == BEHIND or place.startswith("incoming "):
            name = self.configuration.organisation
            others = (one.mailbox for one in members(self.configuration, place) if one.mailbox != mailbox)
            self.queues.put_mailboxes(MailboxWork(name, one, RESUME) for one in others)


def nobodys(place: str, error: RouterError) -> bool:
    """Tell whether the error is no mailbox's attempt, whoever met it: of what is shared, or a refusal by what lies behind the router."""
    if isinstance(error, TryLater):
        return error.shared
    return place == BEHIND and (isinstance(error, MailboxBlocked) or error.kind == "configuration")
