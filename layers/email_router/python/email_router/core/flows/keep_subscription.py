"""Look after one mailbox's subscription: make it, renew it, replace it, end it.

If we die between making a subscription and writing it down, the mailbox gets a second one; the first runs out by itself, and until then its
notifications coalesce with the others'.  A mailbox whose subscription fails is polled as if push did not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from email_router.core.alerts import Alert
from email_router.core.errors import REFUSED_LOGINS, ConfigurationError, MailboxBlocked, RouterError, TryLater
from email_router.core.flows.subscriptions import Stage, Step, next_step, pushed, resource_of, standing, wanted_row
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.ports import Alerts, Clock
from email_router.core.settings import Configuration
from email_router.core.subscriptions import (
    REMOVED,
    Granted,
    Subscription,
    Subscriptions,
    SubscriptionService,
    SubscriptionWork,
    Terms,
    Watched,
    client_state,
)

ALERT = "push"
"""The kind of the alert about a mailbox that gets no notifications."""

_FIRST_RETRY = timedelta(minutes=15)
_LAST_RETRY = timedelta(hours=12)
_PATIENCE = 4
"""Trouble of Graph itself is told a person at this failure in a row: it has lasted for hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepSubscription:
    """Does what is to be done about one mailbox's subscription.  `open_service` speaks to its provider, `new_key` makes a random text.

    `renewed` reads a profile's secret anew, which a server refused, and tells whether it is another.  `before` has the mailboxes that are not
    to be subscribed to any more as they were when they were (subscriptions.left_behind).
    """

    configuration: Configuration
    stage: Stage
    clock: Clock
    rows: Subscriptions
    alerts: Alerts
    open_service: Callable[[Profile, Mailbox], SubscriptionService]
    new_key: Callable[[], str]
    before: Mapping[str, tuple[Mailbox, Profile]] = field(default_factory=dict)
    renewed: Callable[[Profile], bool] = lambda _: False

    def keep(self, work: SubscriptionWork) -> tuple[Step, RouterError | None]:
        """Do the step that is next, and return it with what went wrong.  Never raises a RouterError but the store's."""
        box, profile = self._read_by(work.mailbox)
        if box is None or profile is None:
            return Step.LEAVE, None  # nobody knows by what it was read: the subscription runs out
        row = self.rows.read(box.key)
        now = self.clock.now()
        event = work.event if work.subscription in {"", row.id} else ""  # of an earlier one: it was dealt with
        step = next_step(row, wanted_row(self.configuration, box.key, row, self.stage), now, event)
        if step is Step.LEAVE:
            return step, None
        if event == REMOVED:
            row = replace(row, id="", expires=None)
        try:
            self._done(step, box, profile, row, now)
        except (RouterError, ConfigurationError) as trouble:
            error = trouble if isinstance(trouble, RouterError) else _misconfigured(box, trouble)
            self._failed(box, row, error, now, told=step is not Step.REMOVE)
            return step, error
        return step, None

    def _read_by(self, mailbox: str) -> tuple[Mailbox | None, Profile | None]:
        """Return the mailbox and the profile that its subscription is of: those of today, or for one to be ended those of then."""
        box = self.configuration.mailbox(mailbox)
        box = box if box is not None and box.key == mailbox else None
        if pushed(self.configuration, box) is None and mailbox in self.before:
            return self.before[mailbox]
        return box, self.configuration.profile(box.incoming, Direction.INCOMING) if box else None

    def _done(self, step: Step, box: Mailbox, profile: Profile, row: Subscription, now: datetime) -> None:
        """Do it, and once more where the login was refused with a secret in whose place another stands by now."""
        try:
            self._do(step, box, profile, row, now)
        except MailboxBlocked as refused:
            if refused.kind not in REFUSED_LOGINS or not self.renewed(profile):
                raise
            self._do(step, box, profile, row, now)

    def _do(self, step: Step, box: Mailbox, profile: Profile, row: Subscription, now: datetime) -> None:
        if step is Step.REMOVE:
            self.rows.rely_until(box.key, None)  # first of all, so that the mailbox is polled whatever happens next
            if row.lives(now):
                self.open_service(profile, box).remove(row.id)
            self.rows.forget(box.key)
            self._settle(row)
            return
        service = self.open_service(profile, box)
        granted = self._renewed(service, row, now) if step is Step.RENEW else None
        if granted is None:
            self._make(service, box, profile, row, now)
            return
        renewed = replace(row, id=granted.id, since=now, expires=granted.expires, failures=0, retry_at=None)
        if self.rows.save(renewed):
            self._succeeded(row, renewed)

    def _renewed(self, service: SubscriptionService, row: Subscription, now: datetime) -> Granted | None:
        """Renew; None where a new one is to be made, for this one is gone or another's (where that is refused too, a person is told why)."""
        try:
            return service.renew(row.id, self.stage.lifetime, now)
        except MailboxBlocked:
            return None

    def _make(
        self, service: SubscriptionService, box: Mailbox, profile: Profile, row: Subscription, now: datetime
    ) -> None:
        """Make a new subscription, then end the one that it replaces; one that another worker was faster with is ended again.

        One that is another application's by now cannot be ended: it runs out by itself, and leads to a poll too many at the most.
        """
        watched = Watched(self.configuration.organisation, box.key, self.new_key())
        state = client_state(self.stage.secret, watched)
        resource = resource_of(profile, box)
        url = f"{self.stage.address}?mailbox={watched.token}"
        granted = service.make(Terms(resource=resource, url=url, state=state, lifetime=self.stage.lifetime), now)
        made = Subscription(
            mailbox=box.key,
            id=granted.id,
            key=watched.key,
            resource=resource,
            address=self.stage.address,
            state=standing(state, profile),
            since=now,
            expires=granted.expires,
            version=row.version,
        )
        if not self.rows.save(made):
            service.remove(granted.id)
            return
        self._succeeded(row, made)
        if row.lives(now):
            with suppress(MailboxBlocked):
                service.remove(row.id)

    def _succeeded(self, before: Subscription, now_stands: Subscription) -> None:
        self.rows.rely_until(now_stands.mailbox, now_stands.expires)
        self._settle(before)

    def _settle(self, before: Subscription) -> None:
        if before.failures:
            self.alerts.settle(_alert(before.mailbox, "", "", self.clock.now()).id)

    def _failed(self, box: Mailbox, row: Subscription, error: RouterError, now: datetime, *, told: bool) -> None:
        """Remember when to try again, each time later; polls take over where nothing posts any more, and a person is told.

        One that cannot be ended is told nobody: it runs out by itself, and until then what it posts leads to nothing or to a poll too many.
        """
        pause = min(_FIRST_RETRY * 2 ** min(row.failures, 10), _LAST_RETRY)
        asked = timedelta(seconds=error.after) if isinstance(error, TryLater) else timedelta()
        if not row.lives(now):
            self.rows.rely_until(box.key, None)
        failed = replace(row, failures=row.failures + 1, retry_at=now + max(pause, asked))
        passes = isinstance(error, TryLater) and error.shared and failed.failures < _PATIENCE
        if self.rows.save(failed) and told and not passes:
            text = f"no notifications for {box.address}, it is polled instead: {error}"
            self.alerts.raise_alert(_alert(box.key, text, error.mend, now))


def _misconfigured(box: Mailbox, wrong: ConfigurationError) -> RouterError:
    return MailboxBlocked(
        f"{box.address}: {wrong}", kind="configuration", mend="Mend the configuration and publish it."
    )


def _alert(mailbox: str, text: str, mend: str, at: datetime) -> Alert:
    return Alert(kind=ALERT, about=mailbox, text=text, mend=mend or "See docs/push.md.", at=at)
