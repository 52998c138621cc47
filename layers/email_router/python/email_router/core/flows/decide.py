"""Decide what becomes of the messages of a page: screen, match, accept, in received order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from email_router.core import screening
from email_router.core.automatic_policy import unmatched_by
from email_router.core.case import Case, Matched, Screened, Verdict
from email_router.core.crm_rulings import MATCHED_THERE
from email_router.core.dedupe import collision_key, message_key, raw_key
from email_router.core.fetched import Fetched
from email_router.core.flows.continuing import Continuing
from email_router.core.flows.facts import facts_of
from email_router.core.flows.incoming import Decision, Draft, Incoming, activity_id, known_at, received
from email_router.core.flows.lookup import PageLookup
from email_router.core.flows.page_order import in_received_order
from email_router.core.flows.page_reading import PageReading
from email_router.core.flows.ruling import Rulings, decides
from email_router.core.flows.sent_mail import SentMail
from email_router.core.flows.stating import Known, Stating
from email_router.core.flows.ways_back import links_of, token_of
from email_router.core.ledger import Claim, Link, LinkKind, Outcome, Receipt, source_mark
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.own_mail import takes_our_id

_LEFT = frozenset({Outcome.IGNORED, Outcome.ATTACHED})
"""What becomes of a message that makes no claim on its id."""


class Judge:
    """The judge of one page: reads what the page needs in two batches, then decides in memory; smart matching asks for itself."""

    def __init__(self, incoming: Incoming, receiving: Mailbox, profile: Profile, *, retrying: bool = False) -> None:
        self._in = incoming
        self._receiving = receiving
        self._tracking = incoming.configuration.tracking
        self._reading = PageReading(incoming)
        self._stating = Stating(incoming, receiving, profile, retrying)
        self._continuing = Continuing(incoming)
        self._sent_mail = SentMail(incoming)
        self._rulings = Rulings(incoming.crm) if decides(incoming.crm) else None

    def draft(self, fetched: Fetched) -> Draft:
        """Read the message; on whose behalf it is judged is the wrapper's sender in a forward mailbox, else the mailbox itself."""
        message = self._in.parse(fetched.raw)
        if not fetched.complete:
            message = replace(message, size=fetched.size)
        key = raw_key(fetched.raw, "incoming") if message.unreadable else message_key(message, "incoming")
        trusted = fetched.wrapper if fetched.wrapper and fetched.wrapper.authenticated else None
        behalf = self._in.configuration.mailbox(trusted.sender) if trusted else None
        mailbox = behalf or self._receiving
        # The ids of two sources may be equal: a forward mailbox's messages stand beside those that its users' own mailboxes hold.
        place = fetched.source_id if mailbox is self._receiving else f"{self._receiving.key} {fetched.source_id}"
        collision, mark = collision_key(key), source_mark(place)
        return Draft(fetched=fetched, message=message, mailbox=mailbox, key=key, collision=collision, mark=mark)

    def decide(self, drafts: Sequence[Draft]) -> list[Decision]:
        """Return a decision for each draft, in the order in which they came.  Reads only; the same drafts may be decided again."""
        now = self._in.clock.now()
        drafts = [replace(draft, place=place) for place, draft in enumerate(in_received_order(drafts))]
        lookup, people = self._reading.lookup(drafts, now), self._reading.people(drafts)
        authors = [draft.message.author for draft in drafts]
        senders = [tuple(people.get(author.key, ())) if author else () for author in authors]
        stated = [
            (draft, Known(records, sent))
            for draft, records, sent in zip(drafts, senders, self._sent_mail.of(drafts, lookup), strict=True)
        ]
        if self._rulings:
            self._rulings.ask(self._offered(stated, lookup, now))
        decisions = []
        for draft, known in stated:
            decision = replace(self._one(draft, lookup, known, now), people=people)
            self._remember(decision, lookup)
            decisions.append(decision)
        return decisions

    def _offered(
        self, stated: Sequence[tuple[Draft, Known]], lookup: PageLookup, now: datetime
    ) -> Iterator[tuple[Draft, str]]:
        """Yield what a CRM that decides by itself will be asked about, as far as that is known before the page is decided."""
        for draft, known in stated:
            key, claim, _ = self._key(draft, lookup)
            case = self._stating.case(draft, lookup, key, claim, known, now)
            if claim is None and screening.screen(case, screening.ENTRY).verdict is None:
                yield draft, key

    def _one(self, draft: Draft, lookup: PageLookup, known: Known, now: datetime) -> Decision:
        key, claim, collided = self._key(draft, lookup)
        case = self._stating.case(draft, lookup, key, claim, known, now)
        if case.receipt and claim is None and case.receipt.outcome in _LEFT and _elsewhere(case.receipt, draft):
            # No claim tells whether it is that message again or another one under its id, so it is judged for itself.
            anew = replace(self._judged(replace(case, receipt=None), draft, lookup, key, now), copied=True)
            if (anew.verdict.outcome, anew.activity) != (case.receipt.outcome, case.receipt.activity):
                return anew
        standing = lookup.receipt(key, draft.mailbox.key)
        copied = standing is not None and standing.outcome is not Outcome.FAILED and _elsewhere(standing, draft)
        return replace(
            self._judged(case, draft, lookup, key, now), collided=collided or takes_our_id(case), copied=copied
        )

    def _judged(self, case: Case, draft: Draft, lookup: PageLookup, key: str, now: datetime) -> Decision:
        """Judge the message, and note what the questions looked at: they may be asked again."""
        continuing = self._continuing
        continuing.forget()
        decision = self._answered(case, draft, lookup, key, now)
        facts = facts_of(case, continuing.noted, continuing.first, decision.match)
        return replace(decision, facts=replace(facts, known_at=known_at(draft, now)))

    def _answered(self, case: Case, draft: Draft, lookup: PageLookup, key: str, now: datetime) -> Decision:
        claim = case.claim
        entry = screening.screen(case, screening.ENTRY)
        if entry.verdict is not None:
            return self._answered_early(case, draft, key, entry, entry.verdict)
        if self._rulings:
            apart, accepted = MATCHED_THERE, self._rulings.of(case, draft, key)
            matched = self._continuing.set_apart(key, claim, apart)
        else:
            matched = self._continuing.match(draft, lookup, key, claim)
            apart = unmatched_by(draft.message, draft.mailbox, case.reported)
            accepted = self._accepted(case, matched, apart)
            if apart:
                matched = self._continuing.set_apart(key, claim, apart)
        verdict = accepted.verdict or Verdict(Outcome.IGNORED, "no_recipient_match", "no question answered")
        decision = self._decision(draft, key, claim, verdict, accepted.question, entry, matched, accepted)
        if not decision.delivers:
            return decision
        known = claim.activity if claim else activity_id(self._in.configuration.organisation, key)
        rule = matched.match.rule if matched.match else ""
        token = token_of(matched.match, lookup, received(draft, now))
        answers = matched.answers
        links = () if claim else _told(case, apart, links_of(draft, known, token, self._tracking, now, answers))
        differs = claim is not None and claim.content != draft.key.content
        decision = replace(decision, activity=known, rule=rule, token=token, links=links, unmatched=bool(apart))
        return replace(decision, content_differs=differs)

    def _accepted(self, case: Case, matched: Matched, apart: str) -> Screened:
        found = replace(case, match=matched.match, unmatched=apart, refused=matched.refused)
        return screening.screen(found, screening.ACCEPTANCE)

    def _answered_early(self, case: Case, draft: Draft, key: str, entry: Screened, verdict: Verdict) -> Decision:
        """A message that matching need not see; one that was dealt with before keeps what became of it."""
        decision = self._decision(draft, key, case.claim, verdict, entry.question, entry)
        if verdict.reason == "duplicate" and case.receipt:
            copied = _elsewhere(case.receipt, draft)
            differs = copied and case.claim is not None and case.claim.content != draft.key.content
            earlier, activity = case.receipt.outcome, case.receipt.activity
            return replace(decision, earlier=earlier, activity=activity, content_differs=differs)
        if verdict.outcome is Outcome.ATTACHED and case.reported:
            return replace(decision, activity=case.reported.activity)
        return decision

    def _key(self, draft: Draft, lookup: PageLookup) -> tuple[str, Claim | None, bool]:
        """The effective key: of the collision, when the id is claimed by a message with another From or Date."""
        claim = lookup.claim(draft.key.key)
        if claim is None or claim.identity == draft.key.identity:
            return draft.key.key, claim, False
        return draft.collision, lookup.claim(draft.collision), True

    def _decision(
        self,
        draft: Draft,
        key: str,
        claim: Claim | None,
        verdict: Verdict,
        question: str,
        entry: Screened,
        matched: Matched | None = None,
        accepted: Screened | None = None,
    ) -> Decision:
        matched = matched or Matched()
        return Decision(
            draft=draft,
            verdict=verdict,
            rule=question,
            key=key,
            claim=claim,
            match=matched.match,
            candidates=matched.candidates,
            answers=entry.answers + matched.answers + (accepted.answers if accepted else ()),
        )

    def _remember(self, decision: Decision, lookup: PageLookup) -> None:
        draft = decision.draft
        if decision.delivers and decision.claim is None and decision.activity:
            claim = Claim(decision.key, decision.activity, draft.mailbox.key, draft.key.identity, draft.key.content)
            lookup.add(claim, decision.links)
        if decision.earlier is None and (decision.delivers or not decision.copied):
            verdict, mailbox = decision.verdict, draft.mailbox.key
            receipt = Receipt(
                decision.key, mailbox, verdict.outcome, verdict.reason, decision.activity, source=draft.mark
            )
            lookup.seen(receipt)


def _told(case: Case, apart: str, links: Sequence[Link]) -> tuple[Link, ...]:
    """Return the links with the conversation's count; what continues nothing is found by its own id alone."""
    kept = [one for one in links if not apart or one.kind is LinkKind.MESSAGE_ID]
    return tuple(replace(one, email=replace(one.email, quick=case.quick)) if case.quick else one for one in kept)


def _elsewhere(receipt: Receipt, draft: Draft) -> bool:
    """Tell whether the receipt is of another place in the mailbox than this message's."""
    return receipt.source not in {"", draft.mark}
