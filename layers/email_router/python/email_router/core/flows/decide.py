"""Decide what becomes of the messages of a page: screen, match, accept, in received order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from email_router.core import matching, screening
from email_router.core.activity import CorrelationMethod, Record
from email_router.core.automatic_policy import unmatched_by
from email_router.core.case import Case, Match, Matched, Screened, Verdict
from email_router.core.dedupe import collision_key, message_key, raw_key
from email_router.core.fetched import Fetched
from email_router.core.flows.facts import Noting, facts_of
from email_router.core.flows.incoming import Decision, Draft, Incoming, activity_id, received
from email_router.core.flows.lookup import PageLookup
from email_router.core.flows.robots import quick_of, quoted_by
from email_router.core.flows.ways_back import links_of, token_of
from email_router.core.ledger import (
    Answer,
    Claim,
    Found,
    KnownEmail,
    Link,
    LinkKind,
    Outcome,
    Receipt,
    Wanted,
    source_mark,
)
from email_router.core.lookup_ids import own_ids, reported_ids
from email_router.core.mailbox import Mailbox, Profile

_LEFT = frozenset({Outcome.IGNORED, Outcome.ATTACHED})
"""What becomes of a message that makes no claim on its id."""

_RECIPIENTS = 10
"""How many addresses beyond the senders' a page's first read asks for; more are asked for when the messages are delivered."""


class Judge:
    """The judge of one page: reads what the page needs in two batches, then decides in memory; smart matching asks for itself."""

    def __init__(self, incoming: Incoming, receiving: Mailbox, profile: Profile, *, retrying: bool = False) -> None:
        self._in = incoming
        self._retrying = retrying
        self._receiving = receiving
        self._profile = profile
        self._tracking = incoming.configuration.tracking
        self._matches: dict[str, Match | None] = {}
        self._noted: Noting | None = None
        self._first: Match | None = None

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
        """Return a decision for each draft.  Reads only; the same drafts may be decided again."""
        now = self._in.clock.now()
        lookup = PageLookup(self._found(drafts), self._older_by_subject(now))
        people = self._people(drafts)
        decisions = []
        for draft in drafts:
            author = draft.message.author
            records = tuple(people.get(author.key, ())) if author else ()
            decision = replace(self._one(draft, lookup, records, now), people=people)
            self._remember(decision, lookup)
            decisions.append(decision)
        return decisions

    def _found(self, drafts: Sequence[Draft]) -> Found:
        """Ask the ledger for the page; once more only where an id is, or on this page becomes, another message's than the draft's."""
        found = self._in.ledger.find(self._wanted(drafts))
        identities = {key: {claim.identity} for key, claim in found.claims.items()}
        for draft in drafts:
            identities.setdefault(draft.key.key, set()).add(draft.key.identity)
        collided = dict.fromkeys(d.collision for d in drafts if len(identities[d.key.key]) > 1)
        if not collided:
            return found
        more = self._in.ledger.find(Wanted(keys=tuple(collided), mailboxes=_mailboxes(drafts)))
        return replace(found, claims=found.claims | more.claims, receipts=found.receipts | more.receipts)

    def _wanted(self, drafts: Sequence[Draft]) -> Wanted:
        keys = tuple(dict.fromkeys(draft.key.key for draft in drafts))
        return matching.wanted([d.message for d in drafts], keys, _mailboxes(drafts), self._tracking)

    def _people(self, drafts: Sequence[Draft]) -> dict[str, tuple[Record, ...]]:
        """The records of all senders, and of the first recipients: those of an everyday page are known by one read, whatever is delivered."""
        senders = dict.fromkeys(d.message.author.key for d in drafts if d.message.author)
        others = dict.fromkeys(one.key for d in drafts for one in d.message.recipients if one.key not in senders)
        asked = (*senders, *islice(others, _RECIPIENTS))
        found = self._in.crm.resolve(asked) if asked else {}
        return {address: found.get(address, ()) for address in asked}

    def _older_by_subject(self, now: datetime) -> Callable[[str], Sequence[KnownEmail]]:
        since = now - timedelta(days=self._tracking.smart_window_days)
        return lambda subject: self._in.ledger.by_subject(subject, since)

    def _one(self, draft: Draft, lookup: PageLookup, senders: tuple[Record, ...], now: datetime) -> Decision:
        key, claim, collided = self._key(draft, lookup)
        case = self._case(draft, lookup, key, claim, senders, now)
        if case.receipt and claim is None and case.receipt.outcome in _LEFT and _elsewhere(case.receipt, draft):
            # No claim tells whether it is that message again or another one under its id, so it is judged for itself.
            anew = replace(self._judged(replace(case, receipt=None), draft, lookup, key, now), copied=True)
            if (anew.verdict.outcome, anew.activity) != (case.receipt.outcome, case.receipt.activity):
                return anew
        standing = lookup.receipt(key, draft.mailbox.key)
        copied = standing is not None and standing.outcome is not Outcome.FAILED and _elsewhere(standing, draft)
        return replace(self._judged(case, draft, lookup, key, now), collided=collided, copied=copied)

    def _judged(self, case: Case, draft: Draft, lookup: PageLookup, key: str, now: datetime) -> Decision:
        """Judge the message, and note what the questions looked at: they may be asked again."""
        self._noted = self._first = None
        decision = self._answered(case, draft, lookup, key, now)
        return replace(decision, facts=facts_of(case, self._noted, self._first, decision.match))

    def _answered(self, case: Case, draft: Draft, lookup: PageLookup, key: str, now: datetime) -> Decision:
        claim = case.claim
        entry = screening.screen(case, screening.ENTRY)
        if entry.verdict is not None:
            return self._answered_early(case, draft, key, entry, entry.verdict)
        matched = self._match(draft, lookup, key, claim)
        apart = unmatched_by(draft.message, draft.mailbox)
        accepted = screening.screen(replace(case, match=matched.match, unmatched=apart), screening.ACCEPTANCE)
        if apart:
            matched = self._set_apart(key, claim, apart)
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

    def _match(self, draft: Draft, lookup: PageLookup, key: str, claim: Claim | None) -> Matched:
        """Match the message; a further copy of one that is an activity already continues what that one continues."""
        others = lookup.without(claim.activity if claim else activity_id(self._in.configuration.organisation, key))
        self._noted = Noting(others)
        matched = matching.match(draft.message, self._noted, self._tracking)
        if claim is None:
            self._matches[key] = matched.match
        elif (
            others.met_itself
        ):  # the newest of the conversation is the first copy: what it continues is not to be seen past it
            first = self._matches[key] if key in self._matches else self._first_match(claim)
            self._first = first
            return replace(matched, match=first or matched.match)
        return matched

    def _set_apart(self, key: str, claim: Claim | None, policy: str) -> Matched:
        """The answers of the rules for a message that continues nothing; whether it would have was asked for acceptance alone."""
        if claim is None:
            self._matches[key] = None
        return Matched(answers=tuple(Answer(rule.name, "not asked", policy) for rule in matching.RULES))

    def _first_match(self, claim: Claim) -> Match | None:
        """What the first copy continues, as its trace tells."""
        trace = next((one for one in self._in.ledger.traces(claim.key) if one.correlated and not one.copy), None)
        if trace is None or trace.correlated is None:
            return None
        known = KnownEmail(activity=trace.correlated, at=trace.at)
        return Match(known, CorrelationMethod(trace.method), f"as the copy in {trace.mailbox}", trace.rule)

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

    def _sent(self, known: KnownEmail | None) -> KnownEmail | None:
        """The e-mail if the router sent it: a report about somebody else's mail is mail like any other."""
        return known if known and self._in.outgoing.get(known.activity) else None

    def _case(
        self,
        draft: Draft,
        lookup: PageLookup,
        key: str,
        claim: Claim | None,
        senders: tuple[Record, ...],
        now: datetime,
    ) -> Case:
        reported = self._sent(_first_known(lookup, reported_ids(draft.message)))
        own, first = _first_known(lookup, own_ids(draft.message)), lookup.claim(draft.key.key)
        if own and first and first.activity == own.activity:
            own = None  # known because it was fetched from another mailbox, not because the router sent it
        return Case(
            message=draft.message,
            fetched=draft.fetched,
            mailbox=draft.mailbox,
            receiving=self._receiving,
            profile=self._profile,
            configuration=self._in.configuration,
            now=now,
            claim=claim,
            receipt=self._receipt(lookup, key, draft.mailbox.key),
            own=own,
            reported=reported,
            sender_records=senders,
            identity=draft.key.identity,
            # Whoever has a quarantined message tried again has looked at it.
            quick=0 if self._retrying else quick_of(draft, lookup, self._in, now),
            quoted=quoted_by(draft, self._in),
        )

    def _receipt(self, lookup: PageLookup, key: str, mailbox: str) -> Receipt | None:
        """The mailbox's receipt; that of a quarantined message does not count when a person lets it be tried again."""
        receipt = lookup.receipt(key, mailbox)
        again = self._retrying and receipt is not None and receipt.outcome is Outcome.QUARANTINED
        return None if again else receipt

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


def _mailboxes(drafts: Sequence[Draft]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(draft.mailbox.key for draft in drafts))


def _elsewhere(receipt: Receipt, draft: Draft) -> bool:
    """Tell whether the receipt is of another place in the mailbox than this message's."""
    return receipt.source not in {"", draft.mark}


def _first_known(lookup: PageLookup, ids: Sequence[str]) -> KnownEmail | None:
    return next((known for one in ids if (known := lookup.by_message_id(one))), None)
