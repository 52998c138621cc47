"""Route a mailbox: peek, lease, fetch, decide, deliver, dispose, advance, release.

If the worker dies anywhere, the lease expires and the next worker sees it: it then handles one message at a time, marking each before it is
touched, and sets a message aside unread at the third mark.  Whatever was delivered is found again by its claim and receipt.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from email_router.core import counters
from email_router.core.circuits import BEHIND, place_of
from email_router.core.errors import (
    REFUSED_LOGINS,
    ConfigurationError,
    RouterError,
    StaleWorker,
    naming,
)
from email_router.core.flows.comparing import Comparing
from email_router.core.flows.give_back import give_back
from email_router.core.flows.health import Health
from email_router.core.flows.incoming import Incoming
from email_router.core.flows.reconcile import Proof
from email_router.core.flows.serving import Progress, Serving
from email_router.core.health import Rules, Standing, after_failure
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.mailbox_state import Lease, MailboxState, PassRecord
from email_router.core.ports import MailSource
from email_router.core.unforeseen import unforeseen
from email_router.core.work import CONTINUE_SHORT, PROBE, RECONCILE_NOW, RESUME, MailboxWork

NOTIFICATION = "notification"
"""Why a mailbox is served whose provider told of news; its nudge is this pass's to clear."""

_TRIED = frozenset({"requested", RECONCILE_NOW, PROBE, RESUME})
"""Who asks thus knows that the mailbox may be blocked, and wants it tried."""


class PassOutcome(StrEnum):
    """How a pass over a mailbox ended."""

    ROUTED = "routed"
    IDLE = "idle"
    BUSY = "busy"
    BLOCKED = "blocked"
    FAILED = "failed"
    UNKNOWN = "unknown"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class PassSummary:
    """What one pass did, in numbers and one word; `error` is what went wrong, for the log, `proof` what a reconciliation found."""

    mailbox: str
    outcome: PassOutcome
    handled: int = 0
    error: RouterError | None = None
    proof: Proof | None = None


class RouteMailbox:
    """The incoming road of one organisation."""

    def __init__(self, incoming: Incoming) -> None:
        self._in = incoming

    def route(self, work: MailboxWork, stop_at: datetime) -> PassSummary:
        """Serve the mailbox once; no new batch is begun after `stop_at`.  Never raises a RouterError: it is written to the state.

        So is what nobody foresaw, which is raised all the same.
        """
        mailbox = self._in.configuration.mailbox(work.mailbox)
        profile = self._in.configuration.profile(mailbox.incoming, Direction.INCOMING) if mailbox else None
        if mailbox is None or profile is None:
            return PassSummary(work.mailbox, PassOutcome.UNKNOWN)
        try:
            state = self._in.states.read(mailbox.key)
        except RouterError as error:  # there is nowhere to write it down either
            return PassSummary(mailbox.key, PassOutcome.FAILED, error=error)
        if state.blocked_until and state.blocked_until > self._in.clock.now() and work.reason not in _TRIED:
            return PassSummary(mailbox.key, PassOutcome.BLOCKED)
        return _Pass(self._in, mailbox, profile, state, stop_at, work).run()


class _Pass:
    """One pass: opened, perhaps leased, always closed."""

    def __init__(
        self,
        incoming: Incoming,
        mailbox: Mailbox,
        profile: Profile,
        state: MailboxState,
        stop_at: datetime,
        work: MailboxWork,
    ) -> None:
        self._in = incoming
        self._mailbox = mailbox
        self._profile = profile
        self._state = state
        self._stop_at = stop_at
        self._source: MailSource | None = None
        self._lease: Lease | None = None
        self._progress = Progress(last_mail=state.last_mail, short=work.reason == CONTINUE_SHORT)
        self._nudged = work.reason == NOTIFICATION
        self._proves = work.reason == PROBE or bool(state.error_kind)
        self._health = Health(
            configuration=incoming.configuration,
            clock=incoming.clock,
            circuits=incoming.circuits,
            alerts=incoming.alerts,
            queues=incoming.queues,
        )
        self._comparing = Comparing(incoming, mailbox, profile, work, state)

    def run(self) -> PassSummary:
        self._in.meters.count(counters.MAILBOX_ACCESS_ATTEMPTS)
        self._in.meters.count(counters.PROVIDERS_EXECUTED)
        try:
            return self._proved(self._looked())
        except StaleWorker:
            self._in.meters.count(counters.PROVIDERS_ABORTED)
            return self._summary(PassOutcome.STALE)
        except RouterError as error:
            self._in.meters.count(counters.PROVIDERS_FAILED)
            return self._note(error)
        except (
            ConfigurationError
        ) as wrong:  # found late: a person finds it where every other trouble of the mailbox stands
            self._in.meters.count(counters.PROVIDERS_FAILED)
            return self._note(_misconfigured(self._mailbox, wrong))
        except Exception as problem:
            self._in.meters.count(counters.PROVIDERS_FAILED)
            self._note_unforeseen(problem)
            raise
        finally:
            self._close()

    def _proved(self, summary: PassSummary) -> PassSummary:
        """Let go on who was kept back with this mailbox; only a probe and one that had failed ask whether anybody is."""
        if self._proves and summary.outcome in {PassOutcome.ROUTED, PassOutcome.IDLE}:
            failing = bool(self._state.error_kind)
            if failing:
                self._health.enabled(self._mailbox.address, self._in.clock.now())
            places = (place_of(self._profile), BEHIND)
            self._health.passed(places, self._mailbox.key, proves_behind=failing or self._progress.handled > 0)
        return summary

    def _looked(self) -> PassSummary:
        """Look into the mailbox, and once more where the login was refused with a secret in whose place another stands by now."""
        try:
            return self._peeked()
        except RouterError as refused:
            another = refused.kind in REFUSED_LOGINS and self._in.renewed(self._profile)
            if not another or self._lease is not None:  # whoever comes next has the new one
                raise
        self._close()
        return self._peeked()

    def _peeked(self) -> PassSummary:
        now = self._in.clock.now()
        source = self._open()
        retry_due = self._state.next_retry is not None and self._state.next_retry <= now
        held = self._state.lease_until is not None
        if self._nudged and not held:
            self._in.nudges.clear(self._mailbox.key)  # before the first look: what comes from now on asks anew
        must = retry_due or held or self._state.error_kind or self._comparing.unfinished
        if not (must or source.has_news(self._state.position)):
            self._comparing.suspected = source.suspects()
            if (
                not self._comparing.suspected
            ):  # else its position stays, and with it the doubt, until it was looked into
                self._refresh(source, now)
            self._comparing.ask()
            return self._summary(PassOutcome.IDLE)
        return self._leased()

    def _leased(self) -> PassSummary:
        lease = self._take()
        if lease is None:
            return self._summary(PassOutcome.BUSY)
        self._lease = lease
        if self._nudged and self._state.lease_until is not None:
            self._in.nudges.clear(self._mailbox.key)  # the holder is gone, so this is the look that was asked for
        while True:
            self._serve(lease)
            if self._in.states.release(lease, self._record()):
                break
            self._close()
            self._in.nudges.clear(self._mailbox.key)  # whoever asked for this round, it looks anew
            lease = replace(lease, state=self._in.states.read(self._mailbox.key), crashed=False)
        if self._progress.more:
            self._comparing.go_on(short=self._progress.short)
        else:
            self._comparing.ask()
        return self._summary(PassOutcome.ROUTED if self._progress.handled else PassOutcome.IDLE)

    def _take(self) -> Lease | None:
        """Take the lease; where another worker holds it, make sure that it comes round once more."""
        for _ in range(3):
            now = self._in.clock.now()
            lease = self._in.states.lease(self._mailbox.key, now, now + timedelta(seconds=self._in.timing.lease))
            if lease is not None:
                return lease
            if self._in.states.ask_again(self._mailbox.key, self._in.states.read(self._mailbox.key).token):
                return None
        return None

    def _serve(self, lease: Lease) -> None:
        loaded = replace(lease, state=self._in.states.load(lease.state))
        source = self._open()
        serving = Serving(self._in, self._mailbox, self._profile, loaded, source, self._stop_at, self._progress)
        serving.serve()
        self._comparing.compare(loaded, source, serving, self._progress)

    def _record(self) -> PassRecord:
        upcoming = self._in.states.retries(self._mailbox.key, None, 1)
        return PassRecord(
            at=self._in.clock.now(),
            last_mail=self._progress.last_mail,
            next_retry=upcoming[0].due if upcoming else None,
            reconciled=self._comparing.compared(whole=not self._progress.more),
            suspected=self._comparing.doubts(),
        )

    def _note(self, error: RouterError) -> PassSummary:
        """Write what went wrong to the state, so that a person finds it; a mailbox that is disabled is tested again in an hour."""
        now, timing, state = self._in.clock.now(), self._in.timing, self._state
        behind = self._progress.behind or error.kind.startswith("aws_")
        place = BEHIND if behind else place_of(self._profile)
        blame = self._health.failed(place, self._profile, self._mailbox.key, error, state)
        if blame.counts:
            self._in.meters.count(counters.MAILBOX_ACCESS_FAILURES)
        rules = Rules(timing.failures, timing.blocked)
        standing = after_failure(state, error, now, rules, counts=blame.counts)
        with suppress(RouterError, StaleWorker):  # the store is away too: the lease runs out by itself
            self._write_down(error, standing)
        if blame.counts and standing.disabled and (blame.alone or state.disabled):
            self._health.disabled(self._mailbox.address, error, now)
        return PassSummary(self._mailbox.key, PassOutcome.FAILED, self._progress.handled, error)

    def _note_unforeseen(self, problem: Exception) -> None:
        """Write it to the state; the next pass goes message by message, as after a death, with the marks that this one has set."""
        with suppress(RouterError, StaleWorker):
            if self._lease is not None:
                now = self._in.states.read(self._mailbox.key)
                self._lease = replace(
                    self._lease, state=replace(self._lease.state, attempts=now.attempts), crashed=True
                )
            self._note(unforeseen(self._mailbox.address, problem))

    def _write_down(self, error: RouterError, standing: Standing) -> None:
        """Leave the record of a failed pass, under the lease it held or one of its own; whoever asked for another round gets it."""
        now = self._in.clock.now()
        lease = self._lease or self._in.states.lease(self._mailbox.key, now, now + timedelta(seconds=30))
        if lease is None:
            return
        record = replace(
            self._record(),
            reconciled=None,
            failures=standing.failures,
            blocked_until=standing.blocked_until,
            disabled=standing.disabled,
            error_kind=error.kind,
            error_text=naming(self._mailbox.address, error),
            error_mend=error.mend,
        )
        if give_back(self._in.states, lease, record):
            self._comparing.go_on(short=self._progress.short)

    def _refresh(self, source: MailSource, now: datetime) -> None:
        """Save a newer position that nothing new led to, hourly at the most."""
        newer = source.position()
        saved = self._state.position_saved
        if newer is None or (saved is not None and now - saved < timedelta(seconds=self._in.timing.refresh)):
            return
        self._in.states.touch(self._mailbox.key, self._state.token, newer, now)

    def _open(self) -> MailSource:
        if self._source is None:
            self._source = self._in.open_source(self._profile, self._mailbox)
        return self._source

    def _close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None

    def _summary(self, outcome: PassOutcome) -> PassSummary:
        return PassSummary(self._mailbox.key, outcome, self._progress.handled, proof=self._comparing.proof)


def _misconfigured(mailbox: Mailbox, wrong: ConfigurationError) -> RouterError:
    text = f"{mailbox.address}: {wrong}"
    return RouterError(
        text, kind="configuration", mend="Mend the configuration and publish it, or deploy the stack again."
    )
