"""Carry out the decisions of a page: activities, receipts, delivery reports, quarantine.

Every step may be repeated.  If the worker dies between two of them, what is written stays; the cursor has not moved, so the next pass decides
the same messages again, finds their claims and receipts, and goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from email_router.core import counters
from email_router.core.activity import About
from email_router.core.errors import MessageRefused
from email_router.core.flows import activities
from email_router.core.flows.for_review import for_review
from email_router.core.flows.incoming import Decision, Incoming
from email_router.core.flows.involved import Involved, involved_in
from email_router.core.flows.reporting import Reporting
from email_router.core.ledger import Delivered, Delivery, Outcome, Quarantined
from email_router.core.mailbox import Profile
from email_router.core.mailbox_state import Lease
from email_router.core.ports import MailSource
from email_router.core.recipients import named
from email_router.core.reports import in_words, of_mail

_MEND = {
    "unreadable": "Open it with `email-router undeliverable show`; if it is a mail after all, send it on by hand, else discard it.",
    "untrusted_wrapper": (
        "Check that the forward mailbox accepts mail from inside only and that the profile's authserv_id is your mail server's name; "
        "then `email-router undeliverable retry`."
    ),
    "loop": (
        "See who answers automatically and mark or stop it; then `email-router undeliverable retry` delivers the mail, `discard` drops it."
    ),
}


class Carrier:
    """Acts for one lease on one mailbox.  `kept` is the blob that holds the whole raw message of a retry already."""

    def __init__(
        self, incoming: Incoming, profile: Profile, source: MailSource, lease: Lease, kept: str | None = None
    ) -> None:
        self._in = incoming
        self._profile = profile
        self._source = source
        self._lease = lease
        self._kept = kept
        self.refused: list[tuple[Decision, MessageRefused]] = []
        self._real: dict[str | None, str] = {}

    def carry(self, decisions: Sequence[Decision]) -> None:
        """Carry out the decisions.  Messages that the CRM refuses stand in `refused` afterwards; all others are durable.

        What rests on a refused message of this very page is held back with it: further copies, and the same mail of another mailbox.
        """
        now = self._in.clock.now()
        self.refused = []
        delivering = [one for one in decisions if one.delivers]
        involved = involved_in(self._in, delivering)
        self._deliver([one for one in delivering if one.claim is None], involved, now)
        self._hold_back(decisions)
        held = {id(one) for one, _ in self.refused}
        carried = [one for one in decisions if id(one) not in held]
        todo = [one for one in carried if one.earlier is None]
        for one in todo:
            if one.verdict.outcome is Outcome.ATTACHED:
                self._attach(one)
            elif one.verdict.outcome is Outcome.QUARANTINED:
                self._quarantine(one, now)
        for alert in for_review(todo, now):
            self._in.alerts.raise_alert(alert)
        copies = [one for one in carried if one.copied and one.earlier is not None]
        self._record([one for one in todo if not one.delivers or one.claim is not None] + copies, involved, now)
        self._count(todo + copies + [one for one, _ in self.refused])

    def _hold_back(self, decisions: Sequence[Decision]) -> None:
        """Refuse with a message what rests on the claim that it was to make."""
        refusals = {one.key: refusal for one, refusal in self.refused}
        self.refused += [(one, refusals[one.key]) for one in decisions if one.key in refusals and one.claim is not None]

    def _deliver(self, decisions: Sequence[Decision], involved: Involved, now: datetime) -> None:
        if not decisions:
            return
        deliveries = [self._delivery(one, involved, now) for one in decisions]
        try:
            self._name(deliveries, self._in.crm.deliver(deliveries, self._lease))
        except MessageRefused:
            self._deliver_singly(decisions, deliveries)

    def _deliver_singly(self, decisions: Sequence[Decision], deliveries: Sequence[Delivery]) -> None:
        for decision, delivery in zip(decisions, deliveries, strict=True):
            try:
                self._name([delivery], self._in.crm.deliver([delivery], self._lease))
            except MessageRefused as refusal:
                self.refused.append((decision, refusal))

    def _name(self, deliveries: Sequence[Delivery], answers: Sequence[Delivered]) -> None:
        """Remember under which ids the CRM keeps what it took; some give ids of their own."""
        self._real |= {one.activity.id: said.activity for one, said in zip(deliveries, answers, strict=True)}

    def _delivery(self, decision: Decision, involved: Involved, now: datetime) -> Delivery:
        about = involved.about.get(decision.activity or "", About())
        for attachment in decision.draft.message.attachments:
            self._in.blobs.put(activities.attachment_blob(attachment), attachment.content)
        raw = self._keep_raw(decision) if activities.keeps_raw(decision, always=self._profile.keep_raw) else None
        return Delivery(
            activity=activities.make_activity(decision, self._in.configuration, involved.records, about, raw, now),
            claim=activities.make_claim(decision),
            receipt=activities.make_receipt(decision, now),
            links=decision.links,
            trace=activities.make_trace(decision, self._source.kind, self._lease.mailbox, about.regarding, now),
        )

    def keep_own(self, decision: Decision) -> str:
        """Keep the raw bytes of a message that is no activity (yet), apart from every other's; return where."""
        return self._kept or self._keep(decision, activities.own_blob(decision))

    def _keep_raw(self, decision: Decision) -> str:
        if self._kept and not decision.draft.fetched.complete:
            return self._kept
        return self._keep(decision, activities.raw_blob(decision))

    def _keep(self, decision: Decision, blob: str) -> str:
        fetched = decision.draft.fetched
        if fetched.complete or not fetched.raw:  # nothing at all: the server lists the message and will not give it
            self._in.blobs.put(blob, fetched.raw)
            return blob
        try:
            self._in.blobs.put_stream(blob, self._source.stream(fetched.source_id))
        except MessageRefused:  # it was taken away in the meantime: its header is all that is left
            self._in.blobs.put(blob, fetched.raw)
        return blob

    def _attach(self, decision: Decision) -> None:
        """Write what a delivery report says of the recipients back to the e-mail it is about, which failed where nobody is left who has it.

        It is written back however often it comes, since a worker may have died in between; never to an e-mail that we did not send.  What
        it says of strangers is said of nobody: where mail was forwarded, the one written to is the report's original recipient.
        """
        report = decision.draft.message.delivery_report
        state = self._in.outgoing.get(decision.activity) if report and decision.activity else None
        if report is None or state is None:
            return
        told = of_mail(report)
        if not told or (state.recipients and not any(named(state, one.addresses) for one in told)):
            return
        self._reporting.take_in(state, told, in_words(told))

    @property
    def _reporting(self) -> Reporting:
        known = self._in
        return Reporting(
            configuration=known.configuration,
            clock=known.clock,
            meters=known.meters,
            alerts=known.alerts,
            crm=known.crm,
            outgoing=known.outgoing,
            request=known.request,
        )

    def _quarantine(self, decision: Decision, now: datetime) -> None:
        draft = decision.draft
        verdict = decision.verdict
        self._in.quarantine.add(
            Quarantined(
                id=activities.entry_id(decision.key, draft.mailbox.key, draft.fetched.source_id),
                key=decision.key,
                mailbox=draft.mailbox.key,
                source=self._source.kind,
                source_id=draft.fetched.source_id,
                reason=verdict.reason,
                text=verdict.evidence,
                mend=_MEND.get(verdict.reason, "Look at it with `email-router undeliverable show`."),
                blob=self.keep_own(decision),
                size=draft.fetched.size,
                message_id=draft.message.message_id,
                subject=draft.message.subject,
                at=now,
                complete=draft.fetched.complete,
                receiving=self._lease.mailbox,
                behalf=draft.fetched.wrapper.sender if draft.fetched.wrapper else "",
            ),
            self._lease,
        )

    def _record(self, decisions: Sequence[Decision], involved: Involved, now: datetime) -> None:
        rows = []
        for decided in decisions:
            one = replace(decided, activity=self._real.get(decided.activity, decided.activity))
            if one.content_differs:
                self._keep_raw(one)
            about = involved.about.get(one.activity or "", About()) if one.delivers else About()
            trace = activities.make_trace(one, self._source.kind, self._lease.mailbox, about.regarding, now)
            rows.append((activities.make_receipt(one, now), trace))
        if rows:
            self._in.ledger.record(rows, self._lease)

    def _count(self, decisions: Sequence[Decision]) -> None:
        refused = {id(one) for one, _ in self.refused}
        for one in decisions:
            self._in.meters.count(counters.INCOMING_PROCESSED)
            if id(one) in refused:
                continue
            if one.verdict.outcome is Outcome.DELIVERED:
                self._in.meters.count(counters.INCOMING_DELIVERED)
            elif one.verdict.outcome is Outcome.IGNORED:
                self._in.meters.count(counters.INCOMING_DISCARDED)
            elif one.verdict.outcome is Outcome.QUARANTINED:
                self._in.meters.count(counters.INCOMING_UNDELIVERED)
            if one.verdict.reason == "unreadable":
                self._in.meters.count(counters.INCOMING_CORRUPTED)
