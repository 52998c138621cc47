"""Say in the words of the trade what was asked of a message, what an answer means, and which setting changes it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from email_router.core.crm_rulings import DECIDES
from email_router.core.ledger import Answer, Outcome, Trace


@dataclass(frozen=True, slots=True)
class Asked:
    """A question in words, and the setting on which its answer rests (empty: none)."""

    words: str
    setting: str = ""


ASKED = {
    "untrusted_wrapper": Asked("Is it a forwarded wrapper that cannot be trusted?", "authserv_id"),
    "already_delivered": Asked("Has this mailbox had the message before?"),
    "unreadable": Asked("Is it something other than a mail?"),
    "too_old": Asked("Did it come before the profile's first day?", "process_received_after"),
    "not_approved": Asked("Is the mailbox's address still unapproved?", "approved"),
    "loop": Asked("Does it go round in a circle?"),
    "delivery_report": Asked(
        "Is it a delivery report about an e-mail that we sent?", "delivery_report, unknown_delivery_report"
    ),
    "auto_reply": Asked("Is it an automatic reply that the mailbox drops?", "auto_reply"),
    "bulk": Asked("Is it bulk mail that the mailbox drops?", "bulk"),
    "in_reply_to": Asked("Do In-Reply-To or References name an e-mail of the CRM?", "correlation"),
    "tracking_token": Asked("Does its subject bear the tracking token of one?", "tokens, prefix"),
    "conversation_index": Asked("Does its Thread-Index lead to one?", "correlation"),
    "smart_matching": Asked("Do subject and people agree with one?", "smart_matching"),
    "internal_email": Asked("Is it internal mail that is not tracked?", "internal_email"),
    "no_recipient_match": Asked("Does no recipient take mail at all?", "accept, acceptance"),
    "accept_all": Asked("Does a recipient take all mail?", 'accept = "all"'),
    "correlation_match": Asked("Is it a response, and does a recipient take those?", 'accept = "replies"'),
    "sender_match": Asked("Is the sender in the CRM, and does that suffice?", 'accept = "contacts", "records"'),
    "invalid_sender": Asked("Is it for its sender that nobody takes it?", "accept"),
    "no_correlation_match": Asked("Nobody takes it: what does it claim to be?", "accept"),
    "delivery": Asked("Did the CRM take it?"),
    "crm_decides": Asked("Does Dynamics 365 want it?"),
    "crm_matches": Asked("What did Dynamics 365 make of it?"),
}

_ANSWERS = {
    "passes": "no",
    "match": "yes: it continues this one",
    "no match": "no",
    "off": "not asked: switched off",
    "lost": "yes, but an earlier question had answered",
    "same e-mail": "yes, the same one",
    "delivered": "YES: delivered",
    "ignored": "YES: not tracked",
    "attached": "YES: attached to that e-mail",
    "quarantined": "YES: set aside for a person",
    "failed": "not yet: it is tried again",
}
_OTHERWISE = {
    "not_approved": 'approved = true at [[mailboxes]] "{mailbox}"',
    "too_old": "an earlier process_received_after in the mailbox's incoming profile",
    "auto_reply": 'auto_reply = "deliver" at [[mailboxes]] "{mailbox}"',
    "bulk": 'bulk = "deliver" at [[mailboxes]] "{mailbox}"',
    "internal_email_reject": 'internal_email = "track" (and internal_email_from_queues = true) in [organisation.tracking]',
    "delivery_report": 'delivery_report = "deliver" at [[mailboxes]] "{mailbox}"',
    "unknown_delivery_report": 'unknown_delivery_report = "deliver" at [[mailboxes]] "{mailbox}"',
    "no_recipient_match": 'accept = "all" (or replies, contacts, records) at [[mailboxes]] "{mailbox}"',
    "no_correlation_match": 'accept = "all" at [[mailboxes]] "{mailbox}"',
    "invalid_sender": 'accept = "all" at [[mailboxes]] "{mailbox}", or import its sender with `crm import`',
}
_NEVER = {
    "duplicate": "Nothing is missing: the mailbox's first copy was dealt with; `email-router explain` shows it under the same Message-ID.",
    "loop": "No setting lets mail in that goes round in a circle; find out who sends it round.",
}

_THERE = "Dynamics 365 decides (deliver = \"server\"): what this mailbox tracks is set there, in the user's options or the queue's form."

_BY_ACCEPTANCE = frozenset({"no_recipient_match", "no_correlation_match", "invalid_sender"})
# What the questions saw, in their own words; an id or address that a mail brings along holds no blank.
_KEPT_APART = re.compile(r', but ((?:(?: and )?(?:unknown_sender = "mark"|changed_subject = "new"))+)$')
_WAITING = re.compile(r"(\S+@\S+) accepts \w+, but is not approved")


def outcome_line(trace: Trace) -> str:
    """Return in one sentence what became of the message in its mailbox, and why."""
    why = _because(trace)
    if trace.copy and trace.reason == "duplicate":
        return f"{trace.mailbox}: a further copy of a message that was dealt with before{why}"
    activity = trace.activity or "?"
    lines = {
        Outcome.DELIVERED: f"Delivered to the CRM as e-mail activity {activity} in {trace.mailbox}{why}",
        Outcome.IGNORED: f"Not tracked in {trace.mailbox}{why}",
        Outcome.ATTACHED: f"Attached to e-mail activity {activity} as its delivery report, in {trace.mailbox}{why}",
        Outcome.QUARANTINED: f"Set aside for a person in {trace.mailbox}{why}",
        Outcome.FAILED: f"Not in the CRM yet: {trace.mailbox} tries it again{why}",
    }
    return lines[trace.outcome]


def regarding_lines(trace: Trace) -> list[str]:
    """Return what the activity continues and is about."""
    lines = []
    if trace.correlated:
        lines.append(f"It continues activity {trace.correlated}, found by {trace.rule or trace.method}.")
    if trace.regarding:
        lines.append(f"It is about the {trace.regarding.kind} {trace.regarding.name or trace.regarding.id}.")
    return lines


def otherwise_line(trace: Trace) -> str:
    """Return what would have to be different for the message to be tracked; empty for one that was."""
    if trace.outcome is Outcome.DELIVERED:
        return ""
    if trace.outcome in {Outcome.QUARANTINED, Outcome.FAILED}:
        return "`email-router undeliverable list` shows what was set aside and how to mend it; what is tried again needs nothing."
    if any(one.question == DECIDES for one in trace.answers):
        return _THERE
    if trace.reason in _NEVER:
        return _NEVER[trace.reason]
    told = _kept_apart(trace) + _OTHERWISE.get(trace.reason, "").replace("{mailbox}", trace.mailbox) + _waiting(trace)
    return (
        f"To have such mail tracked from now on set {told}; `email-router what-if` tells what else that changes."
        if told
        else ""
    )


def _kept_apart(trace: Trace) -> str:
    """Return what would link a find that was not linked, where that would have had the mail tracked; or empty."""
    said = trace.answers[-1].evidence if trace.answers and trace.reason == "no_correlation_match" else ""
    found = _KEPT_APART.search(said)
    if not found:
        return ""
    follow = re.sub(r'"(?:mark|new)"', '"follow"', found[1])
    return f"{follow} in [organisation.tracking], or "


def _waiting(trace: Trace) -> str:
    """Return the approvals that would let the mail in: of recipients who would take it."""
    if trace.reason not in _BY_ACCEPTANCE:
        return ""
    found = dict.fromkeys(one for answer in trace.answers for one in _WAITING.findall(answer.evidence))
    return "".join(f', or approved = true at [[mailboxes]] "{address}"' for address in found)


def answer_words(answer: Answer) -> str:
    """Return the answer as a person would give it."""
    return _ANSWERS.get(answer.answer, answer.answer)


def _because(trace: Trace) -> str:
    said = next((one.evidence for one in reversed(trace.answers) if one.evidence and one.answer == trace.outcome), "")
    evidence = said.removeprefix(f"{trace.reason}: ")
    return f", because {evidence} ({trace.reason})." if evidence else f" ({trace.reason})."
