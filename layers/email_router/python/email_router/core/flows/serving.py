"""Serve a mailbox under a lease: due retries, then page by page what lies beyond the position, each page passed once it is durable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from email_router.core.errors import MessageRefused
from email_router.core.fetched import Fetched, Listed, Page
from email_router.core.flows.activities import entry_id
from email_router.core.flows.carry import Carrier
from email_router.core.flows.decide import Judge
from email_router.core.flows.incoming import Decision, Incoming
from email_router.core.flows.retrying import Failures, entries_of, whole_blob
from email_router.core.ledger import Outcome, Retry
from email_router.core.mailbox import AfterDelivery, Mailbox, MailboxKind, Profile
from email_router.core.mailbox_state import Lease
from email_router.core.ports import MailSource

_SIZE_UNKNOWN = 1024 * 1024


@dataclass(slots=True)
class Progress:
    """How far a pass has come: messages handled, whether more is left than time, and when mail came last.  It outlives an error."""

    handled: int = 0
    more: bool = False
    last_mail: datetime | None = None


class Serving:
    """One round over a mailbox under a lease whose state is loaded; begins no new batch after `stop_at`."""

    def __init__(
        self,
        incoming: Incoming,
        mailbox: Mailbox,
        profile: Profile,
        lease: Lease,
        source: MailSource,
        stop_at: datetime,
        progress: Progress,
    ) -> None:
        self._in = incoming
        self._mailbox = mailbox
        self._profile = profile
        self._lease = lease
        self._source = source
        self._stop_at = stop_at
        self._progress = progress

    def serve(self) -> None:
        """Serve the mailbox under the lease: due retries, then everything beyond the position."""
        lease, source = self._lease, self._source
        careful = lease.crashed or bool(lease.state.attempts)
        self._serve_retries(careful=careful)
        size = 1 if careful else self._in.timing.page_messages
        for page in source.pages(lease.state.position, size):
            finished = self._serve_carefully(page) if careful else self._serve_page(page.listed)
            if not finished:
                self._progress.more = True
                return
            if self._mailbox.after_delivery is not AfterDelivery.LEAVE:
                source.dispose(
                    (), self._mailbox.after_delivery
                )  # what is still to be committed, before the page is passed
            self._in.states.advance(lease, page.position, self._in.clock.now())
            if self._late() and not page.last:
                self._progress.more = True
                return

    def _serve_carefully(self, page: Page) -> bool:
        """One message at a time, each marked before it is touched; at the third mark it is set aside unread."""
        finished: list[str] = []
        for one in page.listed:
            if self._late():
                return False
            begun = self._in.states.begin(self._lease, one.source_id, finished)
            if begun >= self._in.timing.marks:
                self._set_aside(one.source_id, begun)
            elif not self._serve_page((one,)):
                return False
            finished = [one.source_id]
        return True

    def _serve_page(self, listed: Sequence[Listed]) -> bool:
        """Serve the messages in batches that fit into memory; False when time ran out before the last."""
        for group in self._groups(listed):
            if self._late():
                return False
            fetched = self._source.fetch(group, self._profile.maximum_message_size)
            batch = [one for one in fetched if not one.vanished]
            if batch:
                self._serve_batch(batch)
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

    def _serve_batch(self, batch: Sequence[Fetched], retry: Retry | None = None) -> None:
        judge = Judge(self._in, self._mailbox, self._profile, retrying=retry is not None)
        carrier = Carrier(self._in, self._profile, self._source, self._lease, whole_blob(retry) if retry else None)
        decisions = judge.decide([judge.draft(one) for one in batch])
        carrier.carry(decisions)
        given_up = [one for one, refusal in carrier.refused if not self._postpone(carrier, one, refusal, retry)]
        fresh = sum(one.earlier is None or one.copied for one in decisions)
        self._progress.handled += fresh
        if fresh:
            self._progress.last_mail = self._in.clock.now()
        refused = {id(one) for one, _ in carrier.refused}
        done = [one for one in decisions if id(one) not in refused]
        ends = [(one, one.settled) for one in done] + [(one, Outcome.QUARANTINED) for one in given_up]
        # Of a message that the server lists and will not give nothing is kept: it stays.
        kept = [(one.draft.fetched, end) for one, end in ends if one.draft.fetched.complete or one.draft.fetched.raw]
        self._dispose([(fetched.source_id, end) for fetched, end in kept])
        if retry is not None and not refused:
            self._settle(retry, done)

    def _postpone(self, carrier: Carrier, decision: Decision, refusal: MessageRefused, retry: Retry | None) -> bool:
        blob = retry.blob if retry else carrier.keep_own(decision)
        return self._failures().postpone(decision, refusal, blob, retry)

    def _settle(self, retry: Retry, done: Sequence[Decision]) -> None:
        """Drop the retry, and what an earlier worker that died may have left of the message in quarantine."""
        again = {
            entry_id(one.key, one.draft.mailbox.key, retry.source_id)
            for one in done
            if one.settled is Outcome.QUARANTINED
        }
        for entry in sorted(entries_of(retry, self._mailbox.key) - again):
            self._in.quarantine.remove(entry)
        self._in.states.drop_retry(self._lease, retry)

    def _serve_retries(self, *, careful: bool) -> None:
        now = self._in.clock.now()
        next_retry = self._lease.state.next_retry
        if next_retry is None or next_retry > now:
            return
        failures = self._failures()
        finished: list[str] = []
        for retry in self._in.states.retries(self._mailbox.key, now, self._in.timing.batch_messages):
            if self._late():
                return
            mark = f"retry {retry.key}"
            if careful and self._in.states.begin(self._lease, mark, finished) >= self._in.timing.marks:
                failures.abandon(retry)
                self._dispose([(retry.source_id, Outcome.QUARANTINED)])
            elif (fetched := failures.fetched(retry)) is None:
                failures.bury(retry)
            else:
                self._serve_batch([fetched], retry)
            finished = [mark]

    def _set_aside(self, source_id: str, begun: int) -> None:
        outcome = self._failures().quarantine_unread(self._source, source_id, begun)
        if outcome is not None:
            self._dispose([(source_id, outcome)])
        self._progress.handled += 1

    def _dispose(self, settled: Sequence[tuple[str, Outcome]]) -> None:
        """Dispose of what is durable: delivered messages; in a forward mailbox also those that nobody wanted, or that were set aside."""
        how = self._mailbox.after_delivery
        forward = self._mailbox.kind is MailboxKind.FORWARD
        gone = [name for name, outcome in settled if forward or outcome in {Outcome.DELIVERED, Outcome.ATTACHED}]
        if gone and how is not AfterDelivery.LEAVE:
            self._source.dispose(gone, how)

    def _failures(self) -> Failures:
        return Failures(self._in, self._mailbox, self._profile, self._lease, self._source.kind)

    def _late(self) -> bool:
        return self._in.clock.now() >= self._stop_at
