"""Find the e-mail that a message continues: the rules, surest first, and the round in which they are asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from email_router.core.case import Lookup, Match, Matched, Refused, Rule
from email_router.core.ledger import Answer, KnownEmail
from email_router.core.lookup_ids import lookup_ids
from email_router.core.matching.conversation_index import by_conversation_index
from email_router.core.matching.in_reply_to import by_in_reply_to
from email_router.core.matching.smart_matching import by_smart_matching
from email_router.core.matching.tracking_token import by_tracking_token
from email_router.core.message import Message
from email_router.core.settings import Tracking
from email_router.core.smart_hash import address_hash
from email_router.core.topic import is_new
from email_router.core.tracking_token import without_token

RULES: tuple[Rule, ...] = (
    Rule("in_reply_to", by_in_reply_to),  # certain: an id is made once
    Rule("tracking_token", by_tracking_token),  # people can change it, and counters start again
    Rule("conversation_index", by_conversation_index),  # clients give it to new topics, too
    Rule("smart_matching", by_smart_matching),  # a guess
)

MARKED = "marked for review"
"""The answer of a rule whose find was not linked, because the sender took no part in that conversation."""

NEW_TOPIC = "new topic"
"""The answer of a header rule whose find was not linked, because the message's subject is about something else."""

_SETTINGS = {NEW_TOPIC: 'changed_subject = "new"', MARKED: 'unknown_sender = "mark"'}
# Smart matching asks the store once for each message; the others' look-ups came with the page and cost nothing.
_COSTLY = frozenset({"smart_matching"})
# Header fields go along when somebody answers an old mail to begin something new; a token or the same words do not.
_BY_HEADER = frozenset({"in_reply_to", "conversation_index"})


def match(message: Message, lookup: Lookup, tracking: Tracking) -> Matched:
    """Return the first rule's match, what every rule answered, and the e-mails that lost, with the reason.

    With `unknown_sender = "mark"` the find of a sender outside the conversation links nothing and is listed for
    review; with "follow" it links, and the evidence says who it was.  With `changed_subject = "new"` a find by header
    fields links nothing when the subject is about something else; with "follow" it links, and the evidence says so.
    Rules asked after the match only name losing candidates.
    """
    winner: Match | None = None
    answers: list[Answer] = []
    candidates: list[str] = []
    refused: list[Refused] = []
    for rule in RULES:
        idle = _not_asked(rule, tracking, winner)
        found = None if idle else rule.find(message, lookup, tracking)
        if not isinstance(found, Match):
            near = found or ()
            answers.append(idle or Answer(rule.name, "no match", near[0].evidence if near else ""))
            candidates += [f"{one.email.activity}: {one.why} ({rule.name}: {one.evidence})" for one in near]
            continue
        stranger = _is_stranger(message, found.email, lookup)
        seen = _remarked(replace(found, rule=rule.name), message, tracking, stranger=stranger)
        answer = _answer(seen, winner, tracking, stranger=stranger)
        answers.append(Answer(rule.name, answer, seen.evidence))
        if answer == "match":
            winner = seen
        elif answer != "same e-mail":
            reason = f"lost, {winner.rule} had answered" if winner and answer == "lost" else answer
            candidates.append(f"{seen.email.activity}: {reason} ({rule.name}: {seen.evidence})")
            refused += _refused(seen, answer, tracking, stranger=stranger)
    return Matched(winner, tuple(answers), tuple(candidates), tuple(refused))


def _not_asked(rule: Rule, tracking: Tracking, winner: Match | None) -> Answer | None:
    """Return the answer of a rule that is not asked, or None when it is."""
    if not _is_on(rule, tracking):
        return Answer(rule.name, "off")
    if winner and rule.name in _COSTLY:
        return Answer(rule.name, "not asked", f"{winner.rule} had answered")
    return None


def _is_on(rule: Rule, tracking: Tracking) -> bool:
    """Tell whether the organisation uses the rule; one switch of System Settings stands for both header rules."""
    switches = {"tracking_token": tracking.tokens, "smart_matching": tracking.smart_matching}
    return switches.get(rule.name, tracking.correlation)


def _remarked(found: Match, message: Message, tracking: Tracking, *, stranger: bool) -> Match:
    """Return the find with what a person should know of it."""
    # The prefix of its token may be known today and not then, or the other way round.
    forms = (message.subject, without_token(message.subject, found.email.token))
    changed = all(is_new(one, found.email.topic, tracking) for one in forms)
    evidence = found.evidence + ("; its subject is new" if changed else "")
    evidence += "; the sender took no part in that e-mail" if stranger else ""
    return replace(found, evidence=evidence, subject_changed=changed)


def _answer(found: Match, winner: Match | None, tracking: Tracking, *, stranger: bool) -> str:
    """Return in a word what becomes of a rule's find."""
    if found.subject_changed and found.rule in _BY_HEADER and tracking.changed_subject == "new":
        return NEW_TOPIC
    if stranger and tracking.unknown_sender == "mark":
        return MARKED
    if winner is None:
        return "match"
    return "same e-mail" if found.email.activity == winner.email.activity else "lost"


def _refused(found: Match, answer: str, tracking: Tracking, *, stranger: bool) -> Iterator[Refused]:
    """Yield the find if a setting kept it apart, with all the settings that do: a stranger's new topic may be kept apart by two."""
    if answer not in _SETTINGS:
        return
    kept_apart = [answer]
    if answer == NEW_TOPIC and stranger and tracking.unknown_sender == "mark":
        kept_apart.append(MARKED)
    yield Refused(found.email.activity, found.rule, found.evidence, tuple(_SETTINGS[one] for one in kept_apart))


def _is_stranger(message: Message, found: KnownEmail, lookup: Lookup) -> bool:
    """Tell whether the sender takes no part in the conversation.  A From in doubt is a stranger.

    Those take part who sent or got the e-mail found, or another one with its tracking token that the page's look-ups
    brought along: an e-mail that the message names, and the newest with the token.  Nothing is read for it.
    """
    if message.author is None:
        return True
    named = (lookup.by_message_id(one) for one in lookup_ids(message))
    akin = [one for one in (*named, lookup.by_token(found.token)) if one] if found.token else []
    own = address_hash(message.author.address)
    return not any(own in one.participants for one in (found, *akin) if one is found or one.token == found.token)
