"""Route a mailbox: peek, lease, fetch, decide, deliver, dispose, advance, release.

If the worker dies anywhere, the lease expires and the next worker sees it: it then handles one message at a time, marking each before it is
touched, and sets a message aside unread at the third mark.  Whatever was delivered is found again by its claim and receipt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from email_router.core import counters
from email_router.core.errors import (
    ConfigurationError,
    MailboxBlocked,
    MessageRefused,
    RouterError,
    StaleWorker,
    TryLater,
)
from email_router.core.fetched import Fetched, Listed, Page
from email_router.core.flows.activities import entry_id
from email_router.core.flows.carry import Carrier
from email_router.core.flows.decide import Judge
from email_router.core.flows.give_back import give_back
from email_router.core.flows.incoming import Decision, Incoming
from email_router.core.flows.retrying import Failures, entries_of, whole_blob
from email_router.core.ledger import Outcome, Retry
from email_router.core.mailbox import AfterDelivery, Direction, Mailbox, MailboxKind, Profile
from email_router.core.ports import Lease, MailboxState, MailSource, PassRecord
from email_router.core.work import MailboxWork

_SIZE_UNKNOWN = 1024 * 1024


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
    """What one pass did, in numbers and one word; `error` is what went wrong, for the log."""

    mailbox: str
    outcome: PassOutcome
    handled: int = 0
    error: RouterError | None = None


class RouteMailbox:
    """The incoming road of one organisation."""

    def __init__(self, incoming: Incoming) -> None:
        self._in = incoming

    def route(self, work: MailboxWork, stop_at: datetime) -> PassSummary:
        """Serve the mailbox once; no new batch is begun after `stop_at`.  Never raises a RouterError: it is written to the state."""
        mailbox = self._in.configuration.mailbox(work.mailbox)
        profile = self._in.configuration.profile(mailbox.incoming, Direction.INCOMING) if mailbox else None
        if mailbox is None or profile is None:
            return PassSummary(work.mailbox, PassOutcome.UNKNOWN)
        try:
            state = self._in.states.read(mailbox.key)
        except RouterError as error:  # there is nowhere to write it down either
            return PassSummary(mailbox.key, PassOutcome.FAILED, error=error)
        if state.blocked_until and state.blocked_until > self._in.clock.now() and work.reason != "requested":
            return PassSummary(mailbox.key, PassOutcome.BLOCKED)
        return _Pass(self._in, mailbox, profile, state, stop_at).run()


class _Pass:
    """One pass: opened, perhaps leased, always closed."""

    def __init__(
        self, incoming: Incoming, mailbox: Mailbox, profile: Profile, state: MailboxState, stop_at: datetime
    ) -> None:
        self._in = incoming
        self._mailbox = mailbox
        self._profile = profile
        self._state = state
        self._stop_at = stop_at
        self._source: MailSource | None = None
        self._lease: Lease | None = None
        self._handled = 0
        self._more = False
        self._last_mail = state.last_mail

    def run(self) -> PassSummary:
        self._in.meters.count(counters.MAILBOX_ACCESS_ATTEMPTS)
        self._in.meters.count(counters.PROVIDERS_EXECUTED)
        try:
            return self._peeked()
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
        finally:
            self._close()

    def _peeked(self) -> PassSummary:
        now = self._in.clock.now()
        source = self._open()
        due = self._state.next_retry is not None and self._state.next_retry <= now
        if not (due or self._state.lease_until or self._state.error_kind or source.has_news(self._state.position)):
            self._refresh(source, now)
            return self._summary(PassOutcome.IDLE)
        return self._leased()

    def _leased(self) -> PassSummary:
        lease = self._take()
        if lease is None:
            return self._summary(PassOutcome.BUSY)
        self._lease = lease
        while True:
            self._serve(lease)
            if self._in.states.release(lease, self._record()):
                break
            self._close()
            lease = replace(lease, state=self._in.states.read(self._mailbox.key), crashed=False)
        if self._more:
            self._continue()
        return self._summary(PassOutcome.ROUTED if self._handled else PassOutcome.IDLE)

    def _continue(self) -> None:
        work = MailboxWork(self._in.configuration.organisation, self._mailbox.key, "continue")
        self._in.queues.put_mailboxes([work])

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
        """Serve the mailbox under the lease: due retries, then everything beyond the position."""
        lease = replace(lease, state=self._in.states.load(lease.state))
        source = self._open()
        careful = lease.crashed or bool(lease.state.attempts)
        self._serve_retries(lease, source, careful=careful)
        size = 1 if careful else self._in.timing.page_messages
        for page in source.pages(lease.state.position, size):
            finished = (
                self._serve_carefully(lease, source, page) if careful else self._serve_page(lease, source, page.listed)
            )
            if not finished:
                self._more = True
                return
            if self._mailbox.after_delivery is not AfterDelivery.LEAVE:
                source.dispose(
                    (), self._mailbox.after_delivery
                )  # what is still to be committed, before the page is passed
            self._in.states.advance(lease, page.position, self._in.clock.now())
            if self._late() and not page.last:
                self._more = True
                return

    def _serve_carefully(self, lease: Lease, source: MailSource, page: Page) -> bool:
        """One message at a time, each marked before it is touched; at the third mark it is set aside unread."""
        finished: list[str] = []
        for one in page.listed:
            if self._late():
                return False
            begun = self._in.states.begin(lease, one.source_id, finished)
            if begun >= self._in.timing.marks:
                self._set_aside(lease, source, one.source_id, begun)
            elif not self._serve_page(lease, source, (one,)):
                return False
            finished = [one.source_id]
        return True

    def _serve_page(self, lease: Lease, source: MailSource, listed: Sequence[Listed]) -> bool:
        """Serve the messages in batches that fit into memory; False when time ran out before the last."""
        for group in self._groups(listed):
            if self._late():
                return False
            fetched = source.fetch(group, self._profile.maximum_message_size)
            batch = [one for one in fetched if not one.vanished]
            if batch:
                self._serve_batch(lease, source, batch)
        return True

    def _groups(self, listed: Sequence[Listed]) -> Iterator[list[Listed]]:
        """Cut a page into groups that fit into memory, by the sizes that the server told."""
        group: list[Listed] = []
        size = 0
        for one in listed:
            fetched = min(_SIZE_UNKNOWN if one.size is None else one.size, self._profile.maximum_message_size)
            full = len(group) >= self._in.timing.batch_messages or size + fetched > self._in.timing.batch_bytes
            if group and full:
                yield group
                group, size = [], 0
            group.append(one)
            size += fetched
        if group:
            yield group

    def _serve_batch(
        self, lease: Lease, source: MailSource, batch: Sequence[Fetched], retry: Retry | None = None
    ) -> None:
        judge = Judge(self._in, self._mailbox, self._profile, retrying=retry is not None)
        carrier = Carrier(self._in, self._profile, source, lease, whole_blob(retry) if retry else None)
        decisions = judge.decide([judge.draft(one) for one in batch])
        carrier.carry(decisions)
        given_up = [one for one, refusal in carrier.refused if not self._postpone(lease, carrier, one, refusal, retry)]
        fresh = sum(one.earlier is None or one.copied for one in decisions)
        self._handled += fresh
        if fresh:
            self._last_mail = self._in.clock.now()
        refused = {id(one) for one, _ in carrier.refused}
        done = [one for one in decisions if id(one) not in refused]
        ends = [(one, one.settled) for one in done] + [(one, Outcome.QUARANTINED) for one in given_up]
        # Of a message that the server lists and will not give nothing is kept: it stays.
        kept = [(one.draft.fetched, end) for one, end in ends if one.draft.fetched.complete or one.draft.fetched.raw]
        self._dispose(source, [(fetched.source_id, end) for fetched, end in kept])
        if retry is not None and not refused:
            self._settle(lease, retry, done)

    def _postpone(
        self, lease: Lease, carrier: Carrier, decision: Decision, refusal: MessageRefused, retry: Retry | None
    ) -> bool:
        blob = retry.blob if retry else carrier.keep_own(decision)
        return self._failures(lease).postpone(decision, refusal, blob, retry)

    def _settle(self, lease: Lease, retry: Retry, done: Sequence[Decision]) -> None:
        """Drop the retry, and what an earlier worker that died may have left of the message in quarantine."""
        again = {
            entry_id(one.key, one.draft.mailbox.key, retry.source_id)
            for one in done
            if one.settled is Outcome.QUARANTINED
        }
        for entry in sorted(entries_of(retry, self._mailbox.key) - again):
            self._in.quarantine.remove(entry)
        self._in.states.drop_retry(lease, retry)

    def _serve_retries(self, lease: Lease, source: MailSource, *, careful: bool) -> None:
        now = self._in.clock.now()
        if lease.state.next_retry is None or lease.state.next_retry > now:
            return
        failures = self._failures(lease)
        finished: list[str] = []
        for retry in self._in.states.retries(self._mailbox.key, now, self._in.timing.batch_messages):
            if self._late():
                return
            mark = f"retry {retry.key}"
            if careful and self._in.states.begin(lease, mark, finished) >= self._in.timing.marks:
                failures.abandon(retry)
                self._dispose(source, [(retry.source_id, Outcome.QUARANTINED)])
            elif (fetched := failures.fetched(retry)) is None:
                failures.bury(retry)
            else:
                self._serve_batch(lease, source, [fetched], retry)
            finished = [mark]

    def _set_aside(self, lease: Lease, source: MailSource, source_id: str, begun: int) -> None:
        outcome = self._failures(lease).quarantine_unread(source, source_id, begun)
        if outcome is not None:
            self._dispose(source, [(source_id, outcome)])
        self._handled += 1

    def _dispose(self, source: MailSource, settled: Sequence[tuple[str, Outcome]]) -> None:
        """Dispose of what is durable: delivered messages; in a forward mailbox also those that nobody wanted, or that were set aside."""
        how = self._mailbox.after_delivery
        forward = self._mailbox.kind is MailboxKind.FORWARD
        gone = [name for name, outcome in settled if forward or outcome in {Outcome.DELIVERED, Outcome.ATTACHED}]
        if gone and how is not AfterDelivery.LEAVE:
            source.dispose(gone, how)

    def _failures(self, lease: Lease) -> Failures:
        return Failures(self._in, self._mailbox, self._profile, lease, self._open().kind)

    def _record(self) -> PassRecord:
        upcoming = self._in.states.retries(self._mailbox.key, None, 1)
        return PassRecord(
            at=self._in.clock.now(), last_mail=self._last_mail, next_retry=upcoming[0].due if upcoming else None
        )

    def _note(self, error: RouterError) -> PassSummary:
        """Write what went wrong to the state, so that a person finds it; a mailbox that is blocked is tested again in an hour."""
        now = self._in.clock.now()
        shared = isinstance(error, TryLater) and error.shared
        failures = self._state.failures + (0 if shared else 1)
        blocked = isinstance(error, MailboxBlocked) or failures >= self._in.timing.failures
        if not shared or isinstance(error, MailboxBlocked):
            self._in.meters.count(counters.MAILBOX_ACCESS_FAILURES)
        until = now + timedelta(seconds=self._in.timing.blocked) if blocked else None
        if isinstance(error, TryLater) and error.after and until is None:
            until = now + timedelta(seconds=error.after)
        with suppress(RouterError, StaleWorker):  # the store is away too: the lease runs out by itself
            self._write_down(error, failures, until)
        return PassSummary(self._mailbox.key, PassOutcome.FAILED, self._handled, error)

    def _write_down(self, error: RouterError, failures: int, until: datetime | None) -> None:
        """Leave the record of a failed pass, under the lease it held or one of its own; whoever asked for another round gets it."""
        now = self._in.clock.now()
        lease = self._lease or self._in.states.lease(self._mailbox.key, now, now + timedelta(seconds=30))
        if lease is None:
            return
        record = replace(
            self._record(),
            failures=failures,
            blocked_until=until,
            error_kind=error.kind,
            error_text=str(error),
            error_mend=error.mend,
        )
        if give_back(self._in.states, lease, record):
            self._continue()

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

    def _late(self) -> bool:
        return self._in.clock.now() >= self._stop_at

    def _summary(self, outcome: PassOutcome) -> PassSummary:
        return PassSummary(self._mailbox.key, outcome, self._handled)


def _misconfigured(mailbox: Mailbox, wrong: ConfigurationError) -> RouterError:
    text = f"{mailbox.address}: {wrong}"
    return RouterError(
        text, kind="configuration", mend="Mend the configuration and publish it, or deploy the stack again."
    )
