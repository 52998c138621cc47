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
from email_router.core.flows.disposing import Disposal
from email_router.core.flows.incoming import Decision, Incoming
from email_router.core.flows.retrying import Failures, entries_of, whole_blob
from email_router.core.grouping import groups_within
from email_router.core.ledger import Outcome, Retry
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.mailbox_state import Lease
from email_router.core.ports import MailSource

_SIZE_UNKNOWN = 1024 * 1024


@dataclass(slots=True)
class Progress:
    """How far a pass has come: messages handled, whether more is left than time, and when mail came last.  It outlives an error.

    `short` asks for short pages, as a page is passed as a whole or not at all: it stays so once time ran out inside a pass's first page.
    `behind` tells of an error that it came while mail was decided or delivered: from what lies behind the router, not from the mailbox.
    """

    handled: int = 0
    more: bool = False
    short: bool = False
    last_mail: datetime | None = None
    behind: bool = False


class Serving:
    """One round over a mailbox under a lease whose state is loaded; begins no new batch after `stop_at`.

    `position` is the one saved last; `careful` tells that a worker died here, so that each message is marked before it is touched.
    """

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
        self._disposal = Disposal(source, mailbox, profile)
        self.position = lease.state.position
        self.careful = lease.crashed or bool(lease.state.attempts)
        self._finished: list[str] = []  # what was marked last, over the pages: each mark would stay in the state else

    def serve(self) -> None:
        """Serve the mailbox under the lease: due retries, then everything beyond the position."""
        lease, source = self._lease, self._source
        self._serve_retries(careful=self.careful)
        timing, passed = self._in.timing, False
        size = 1 if self.careful else timing.batch_messages if self._progress.short else timing.page_messages
        for page in source.pages(lease.state.position, size):
            finished = self._serve_carefully(page) if self.careful else self._serve_page(page.listed)
            if not finished:
                self._progress.more = True
                self._progress.short |= not passed
                return
            self._disposal.commit()
            self._in.states.advance(lease, page.position, self._in.clock.now())
            self.position, passed = page.position, True
            if self.late() and not page.last:
                self._progress.more = True
                return

    def _serve_carefully(self, page: Page) -> bool:
        """One message at a time, each marked before it is touched; at the third mark it is set aside unread."""
        for one in page.listed:
            if self.late():
                return False
            begun = self._in.states.begin(self._lease, one.source_id, self._finished)
            if begun >= self._in.timing.marks:
                self.set_aside_unread(one.source_id, begun)
            elif not self._serve_page((one,)):
                return False
            self._finished = [one.source_id]
        return True

    def _serve_page(self, listed: Sequence[Listed]) -> bool:
        """Serve the messages in batches that fit into memory; False when time ran out before the last."""
        for group in self.groups(listed):
            if self.late():
                return False
            fetched = self._source.fetch(group, self._profile.maximum_message_size)
            batch = [one for one in fetched if not one.vanished]
            if batch:
                self.serve_batch(batch)
        return True

    def groups(self, listed: Sequence[Listed]) -> Iterator[list[Listed]]:
        """Cut a page into groups that fit into memory, by the sizes that the server told."""
        most = self._profile.maximum_message_size

        def cost(one: Listed) -> tuple[int, int]:
            return 1, min(_SIZE_UNKNOWN if one.size is None else one.size, most)

        return groups_within(listed, cost, (self._in.timing.batch_messages, self._in.timing.batch_bytes))

    def serve_batch(self, batch: Sequence[Fetched], retry: Retry | None = None) -> list[tuple[Decision, Outcome]]:
        """Decide these messages, carry that out and dispose of them; return what became of each.  Repeatable."""
        judge = Judge(self._in, self._mailbox, self._profile, retrying=retry is not None)
        carrier = Carrier(self._in, self._profile, self._source, self._lease, whole_blob(retry) if retry else None)
        self._progress.behind = True
        decisions = judge.decide([judge.draft(one) for one in batch])
        carrier.carry(decisions)
        self._progress.behind = False
        given_up = [one for one, refusal in carrier.refused if not self._postpone(carrier, one, refusal, retry)]
        fresh = sum(one.earlier is None or one.copied for one in decisions)
        self._progress.handled += fresh
        if fresh:
            self._progress.last_mail = self._in.clock.now()
        refused = {id(one) for one, _ in carrier.refused}
        done = [one for one in decisions if id(one) not in refused]
        ends = [(one, one.settled) for one in done] + [(one, Outcome.QUARANTINED) for one in given_up]
        listed = [one.source_id for one in batch]  # the mailbox's own order, not that of their decisions
        ends.sort(key=lambda end: listed.index(end[0].draft.fetched.source_id))
        # Of a message that the server lists and will not give nothing is kept: it stays.
        kept = [(one.draft.fetched, end) for one, end in ends if one.draft.fetched.complete or one.draft.fetched.raw]
        self._disposal.dispose([(fetched.source_id, end) for fetched, end in kept])
        if retry is not None and given_up:
            self._in.states.drop_retry(self._lease, retry)
        elif retry is not None and not refused:
            self._settle(retry, done)
        given = {id(one) for one in given_up}
        tried = [(one, Outcome.FAILED) for one, _ in carrier.refused if id(one) not in given]
        return ends + tried

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
            if self.late():
                return
            mark = f"retry {retry.key}"
            if careful and self._in.states.begin(self._lease, mark, finished) >= self._in.timing.marks:
                failures.abandon(retry)
                self._disposal.dispose([(retry.source_id, Outcome.QUARANTINED)])
                self._in.states.drop_retry(self._lease, retry)
            elif (fetched := failures.fetched(retry)) is None:
                failures.bury(retry)
            else:
                self.serve_batch([fetched], retry)
            finished = [mark]

    def set_aside_unread(self, source_id: str, begun: int) -> Outcome | None:
        """Quarantine a message that has ended its worker `begun` - 1 times; return what it has come to, None when it is gone."""
        outcome = self._failures().quarantine_unread(self._source, source_id, begun)
        if outcome is not None:
            self._disposal.dispose([(source_id, outcome)])
        self._progress.handled += 1
        return outcome

    def _failures(self) -> Failures:
        return Failures(self._in, self._mailbox, self._profile, self._lease, self._source.kind)

    def late(self) -> bool:
        """Tell whether it is time to stop."""
        return self._in.clock.now() >= self._stop_at
