"""Ask the questions of a message again from its trace, under the same settings or others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from email_router.core import matching, screening
from email_router.core.activity import CorrelationMethod, Record
from email_router.core.automatic_policy import unmatched_by
from email_router.core.case import Case, Lookup, Match, Matched, Own
from email_router.core.crm_rulings import DECIDES
from email_router.core.fetched import Fetched
from email_router.core.flows.facts import known_again, message_again
from email_router.core.flows.incoming import activity_id
from email_router.core.ledger import Answer, Claim, Facts, KnownEmail, LinkKind, Outcome, Trace
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.message import Message
from email_router.core.settings import Configuration

_UNASKED = frozenset({"off", "not asked"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What becomes of a message, in the words of a trace.  `rule` is the matching rule or, for one not delivered, the screening question."""

    mailbox: str
    outcome: Outcome
    reason: str
    rule: str
    method: str = CorrelationMethod.NONE.value
    correlated: str | None = None
    answers: tuple[Answer, ...] = ()
    candidates: tuple[str, ...] = ()


def then(trace: Trace) -> Again:
    """Return what was decided when the message came; what the CRM did with it afterwards is no decision."""
    refused = any(one.question == "delivery" for one in trace.answers)
    return Again(
        mailbox=trace.mailbox,
        outcome=Outcome.DELIVERED if refused else trace.outcome,
        reason=trace.reason,
        rule=trace.rule,
        method=trace.method,
        correlated=trace.correlated,
        answers=trace.answers,
        candidates=trace.candidates,
    )


def ask_again(trace: Trace, configuration: Configuration, today: Lookup | None = None) -> Again | None:
    """Ask the questions of a trace under this configuration.

    None when they cannot be asked: the trace holds no facts (it is of an earlier version), or the mailbox is not fetched under this
    configuration.  What matching found then is in the trace; `today` is asked what was not looked up then, and only an e-mail that is older
    than the message counts: of two of one page the one that was decided before.  Where a token or conversation leads to a younger one
    today, nothing tells to which it led then, and it finds nothing.
    """
    facts = trace.facts
    ruled = next((one for one in trace.answers if one.question == DECIDES), None)
    receiving = configuration.mailbox(trace.receiving or trace.mailbox)
    profile = configuration.profile(receiving.incoming, Direction.INCOMING) if receiving else None
    if facts is None or receiving is None or profile is None:
        return None
    case = _case(trace, facts, configuration, receiving, profile)
    entry = screening.screen(case, screening.ENTRY)
    if entry.verdict:
        verdict, question, matched = entry.verdict, entry.question, Matched()
        return _again(case, verdict.outcome, verdict.reason, question, matched, entry.answers)
    if ruled and configuration.crm.decides:
        return then(trace)
    matched = matching.match(case.message, _Remembered(trace, facts, case, today), configuration.tracking)
    if facts.continues:
        matched = replace(matched, match=_first(trace, facts.continues))
    apart = unmatched_by(case.message, case.mailbox, case.reported)
    found = replace(case, match=matched.match, unmatched=apart, refused=matched.refused)
    accepted = screening.screen(found, screening.ACCEPTANCE)
    if apart:
        matched = Matched(answers=tuple(Answer(rule.name, "not asked", apart) for rule in matching.RULES))
    answers = entry.answers + matched.answers + accepted.answers
    if accepted.verdict is None:  # the last question always answers
        return _again(case, Outcome.IGNORED, "no_recipient_match", "", matched, answers)
    return _again(case, accepted.verdict.outcome, accepted.verdict.reason, accepted.question, matched, answers)


def only_the_crm_knows(trace: Trace, configuration: Configuration) -> bool:
    """Tell whether nothing here can say what becomes of the message: a CRM that decides by itself did, or would under this configuration.

    What our own questions answer before it is asked is known all the same.
    """
    ruled = any(one.question == DECIDES for one in trace.answers)
    if ruled == configuration.crm.decides:
        return False
    again = None if ruled else ask_again(trace, configuration)
    entered = {question.name for question in screening.ENTRY}
    return not (again and again.rule in entered and again.outcome is not Outcome.DELIVERED)


def _again(
    case: Case, outcome: Outcome, reason: str, question: str, matched: Matched, answers: tuple[Answer, ...]
) -> Again:
    match = matched.match if outcome is Outcome.DELIVERED else None
    told = match.rule if match else ""
    return Again(
        mailbox=case.mailbox.key,
        outcome=outcome,
        reason=reason,
        rule=told if outcome is Outcome.DELIVERED else question,
        method=match.method.value if match else CorrelationMethod.NONE.value,
        correlated=match.email.activity if match else None,
        answers=answers,
        candidates=matched.candidates,
    )


def _case(trace: Trace, facts: Facts, configuration: Configuration, receiving: Mailbox, profile: Profile) -> Case:
    wrapper = facts.wrapper
    behalf = configuration.mailbox(wrapper.sender) if wrapper and wrapper.authenticated else None
    known = activity_id(configuration.organisation, trace.key)
    return Case(
        message=message_again(trace, facts),
        fetched=Fetched(
            source_id=trace.source_id,
            raw=b"",
            size=facts.size,
            complete=facts.complete,
            received=facts.received,
            wrapper=wrapper,
        ),
        mailbox=behalf or receiving,
        receiving=receiving,
        profile=profile,
        configuration=configuration,
        now=trace.at,
        claim=Claim(trace.key, known, "", "", "") if facts.claimed else None,
        receipt=replace(facts.receipt, key=trace.key) if facts.receipt else None,
        own=Own(facts.own, facts.own_sender) if facts.own else None,
        reported=_named(facts.reported, trace),
        reported_by=facts.reported_by,
        sender_records=tuple(Record(kind, str(number)) for number, kind in enumerate(facts.kinds)),
        quick=facts.quick,
        quoted=facts.quoted,
    )


def _named(activity: str, trace: Trace) -> KnownEmail | None:
    return KnownEmail(activity=activity, at=trace.at) if activity else None


def _first(trace: Trace, continues: tuple[str, ...]) -> Match:
    activity, method, rule = continues
    known = KnownEmail(activity=activity, at=trace.at)
    return Match(known, CorrelationMethod(method), "as the first copy", rule)


class _Remembered:
    """A lookup that answers as the stores did when the message came."""

    def __init__(self, trace: Trace, facts: Facts, case: Case, today: Lookup | None) -> None:
        self._message: Message = case.message
        self._before = facts.known_at or facts.received or trace.at
        self._self = activity_id(case.configuration.organisation, trace.key)
        self._today = today
        self._finds: dict[tuple[LinkKind, str], list[KnownEmail]] = {}
        for find in facts.finds:
            self._finds.setdefault((find.kind, find.value), []).append(known_again(find, self._message))
        asked = {one.question for one in trace.answers if one.answer not in _UNASKED}
        self._ids_asked = "in_reply_to" in asked

    def by_message_id(self, message_id: str) -> KnownEmail | None:
        if self._ids_asked:
            return next(iter(self._finds.get((LinkKind.MESSAGE_ID, message_id), ())), None)
        return self._one(LinkKind.MESSAGE_ID, message_id, self._today.by_message_id if self._today else None)

    def by_token(self, token: str) -> KnownEmail | None:
        return self._one(LinkKind.TOKEN, token, self._today.by_token if self._today else None)

    def by_thread(self, thread: str) -> KnownEmail | None:
        return self._one(LinkKind.THREAD, thread, self._today.by_thread if self._today else None)

    def by_subject(self, subject_hash: str) -> Sequence[KnownEmail]:
        found = self._finds.get((LinkKind.SUBJECT, subject_hash))
        if found is not None or self._today is None:
            return found or []
        return [one for one in self._today.by_subject(subject_hash) if self._counts(one)]

    def _one(self, kind: LinkKind, value: str, ask: Callable[[str], KnownEmail | None] | None) -> KnownEmail | None:
        found = next(iter(self._finds.get((kind, value), ())), None)
        if found is not None or ask is None:
            return found
        later = ask(value)
        return later if later and self._counts(later) else None

    def _counts(self, email: KnownEmail) -> bool:
        """Tell whether the e-mail was known when the message came: it is another one, and surely older."""
        return email.activity != self._self and email.at < self._before
