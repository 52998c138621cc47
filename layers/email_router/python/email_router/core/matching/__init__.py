"""Find the e-mail that a message continues: the rules, surest first, and the round in which they are asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from email_router.core.case import Lookup, Match, Matched, Rule
from email_router.core.conversation_index import thread_hash
from email_router.core.ledger import Answer, Wanted
from email_router.core.lookup_ids import lookup_ids, own_ids, reported_ids
from email_router.core.matching.conversation_index import by_conversation_index
from email_router.core.matching.in_reply_to import by_in_reply_to
from email_router.core.matching.smart_matching import by_smart_matching
from email_router.core.matching.tracking_token import by_tracking_token
from email_router.core.message import Message
from email_router.core.settings import Tracking
from email_router.core.smart_hash import address_hash
from email_router.core.tracking_token import find_tokens

RULES: tuple[Rule, ...] = (
    Rule("in_reply_to", by_in_reply_to),  # certain: an id is made once
    Rule("tracking_token", by_tracking_token),  # people can change it, and counters start again
    Rule("conversation_index", by_conversation_index),  # clients give it to new topics, too
    Rule("smart_matching", by_smart_matching),  # a guess
)

MARKED = "marked for review"
"""The answer of a rule whose find was not linked, because the sender took no part in that conversation."""

# Smart matching asks the store once for each message; the others' look-ups came with the page and cost nothing.
_COSTLY = frozenset({"smart_matching"})


def match(message: Message, lookup: Lookup, tracking: Tracking) -> Matched:
    """Return the first rule's match, what every rule answered, and the e-mails that lost, with the reason.

    With `unknown_sender = "mark"` the find of a sender outside the conversation links nothing and is listed for
    review; with "follow" it links, and the evidence says who it was.  Rules asked after the match only name losing
    candidates.
    """
    winner: Match | None = None
    answers: list[Answer] = []
    candidates: list[str] = []
    for rule in RULES:
        if not _is_on(rule, tracking):
            answers.append(Answer(rule.name, "off"))
            continue
        if winner and rule.name in _COSTLY:
            answers.append(Answer(rule.name, "not asked", f"{winner.rule} had answered"))
            continue
        found = rule.find(message, lookup, tracking)
        if found is None:
            answers.append(Answer(rule.name, "no match"))
            continue
        stranger = _is_stranger(message, found)
        evidence = found.evidence + ("; the sender took no part in that e-mail" if stranger else "")
        if stranger and tracking.unknown_sender == "mark":
            answers.append(Answer(rule.name, MARKED, evidence))
            candidates.append(f"{found.email.activity}: {MARKED} ({rule.name}: {evidence})")
        elif winner is None:
            winner = replace(found, rule=rule.name, evidence=evidence)
            answers.append(Answer(rule.name, "match", evidence))
        else:
            agrees = found.email.activity == winner.email.activity
            answers.append(Answer(rule.name, "same e-mail" if agrees else "lost", evidence))
            if not agrees:
                candidates.append(f"{found.email.activity}: lost, {winner.rule} had answered ({rule.name}: {evidence})")
    return Matched(winner, tuple(answers), tuple(candidates))


def wanted(messages: Iterable[Message], keys: Sequence[str], mailboxes: Sequence[str], tracking: Tracking) -> Wanted:
    """Return all that a page's messages ask the ledger, each once: for the rules that are on, and for screening.

    Screening asks for the message's own id (did the router send it?) and for the e-mail that a delivery report is
    about.
    """
    ids: dict[str, None] = {}
    tokens: dict[str, None] = {}
    threads: dict[str, None] = {}
    for message in messages:
        ids.update(dict.fromkeys((*own_ids(message), *reported_ids(message))))
        if tracking.correlation:
            ids.update(dict.fromkeys(lookup_ids(message)))
            thread = thread_hash(message.conversation_index or b"")
            threads.update({thread: None} if thread else {})
        if tracking.tokens:
            tokens.update(dict.fromkeys(find_tokens(message.subject, tracking)))
    unique_keys, unique_mailboxes = tuple(dict.fromkeys(keys)), tuple(dict.fromkeys(mailboxes))
    return Wanted(unique_keys, unique_mailboxes, tuple(ids), tuple(tokens), tuple(threads))


def _is_on(rule: Rule, tracking: Tracking) -> bool:
    """Tell whether the organisation uses the rule; one switch of System Settings stands for both header rules."""
    switches = {"tracking_token": tracking.tokens, "smart_matching": tracking.smart_matching}
    return switches.get(rule.name, tracking.correlation)


def _is_stranger(message: Message, found: Match) -> bool:
    """Tell whether the sender was neither sender nor recipient of the e-mail found.  A From in doubt is a stranger."""
    return message.author is None or address_hash(message.author.address) not in found.email.participants
