"""Keep account of each recipient of an outgoing e-mail: who has it, who is still to get it, who never will.

An e-mail is one for each recipient: whoever was told to have it is never asked again, whatever becomes of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace

from email_router.core.activity import EmailStatus
from email_router.core.errors import MessageRefused
from email_router.core.sending import MOST_AT_ONCE, OutgoingState, RecipientResult, Reported, SendOutcome, SendResult
from email_router.core.wire import mail_address

_LONGEST_EVIDENCE = 300
_RANK = {one: number for number, one in enumerate(Reported)}
_PROVES = frozenset({Reported.RELAYED, Reported.DELIVERED, Reported.COMPLAINED})
_REPORTABLE = frozenset(
    {EmailStatus.PENDING, EmailStatus.DEFERRED, EmailStatus.SENDING, EmailStatus.UNKNOWN, EmailStatus.SENT}
)
_FATE = {
    EmailStatus.SENT: SendOutcome.ACCEPTED,
    EmailStatus.FAILED: SendOutcome.REFUSED,
    EmailStatus.UNKNOWN: SendOutcome.UNKNOWN,
}

Results = tuple[RecipientResult, ...]


def still_to_get_it(state: OutgoingState) -> tuple[str, ...]:
    """Return the recipients that the next attempt is for, in order: those of whom nothing is settled."""
    settled = {_key(one.address) for one in state.results if one.outcome is not SendOutcome.DEFERRED}
    return tuple(address for address in state.recipients if _key(address) not in settled)


def after_attempt(state: OutgoingState, asked: Sequence[str], result: SendResult) -> Results:
    """Return what is known of the recipients after an attempt for those asked; nothing where all share one fate."""
    named = {_key(one.address): one for one in result.recipients}
    whole = RecipientResult("", result.outcome, result.evidence)
    told = {_key(address): replace(named.get(_key(address), whole), address=address) for address in asked}
    before = {_key(one.address): one for one in state.results}
    return _kept(state, {**before, **told})


def given_up(results: Results, words: str) -> Results:
    """Return the same with no recipient left to be tried; `words` say why."""
    return tuple(
        replace(one, outcome=SendOutcome.REFUSED, evidence=f"{words}{one.evidence}"[:_LONGEST_EVIDENCE])
        if one.outcome is SendOutcome.DEFERRED
        else one
        for one in results
    )


def lost(state: OutgoingState, evidence: str) -> Results:
    """Return what is known when an attempt was begun and nobody can tell its end: whoever it was for is unknown."""
    return after_attempt(state, still_to_get_it(state), SendResult(outcome=SendOutcome.UNKNOWN, evidence=evidence))


def overall(results: Results, whole: SendOutcome) -> SendOutcome:
    """Return what became of the e-mail: to be tried again while anybody is to get it, else unknown, accepted by some, or refused."""
    found = {one.outcome for one in results} or {whole}
    order = (SendOutcome.DEFERRED, SendOutcome.UNKNOWN, SendOutcome.ACCEPTED, SendOutcome.REFUSED)
    return next(one for one in order if one in found)


def told(state: OutgoingState) -> Results:
    """Return one result for each recipient, in order; of those that wait for their first attempt the outcome is deferred."""
    known = {_key(one.address): one for one in state.results}
    fate, evidence = _FATE.get(state.status, SendOutcome.DEFERRED), "" if state.results else state.reason or ""
    return tuple(known.get(_key(address)) or RecipientResult(address, fate, evidence) for address in state.recipients)


def in_words(results: Results, evidence: str) -> str:
    """Return the evidence of an attempt followed by who has not got it, each with the server's words."""
    if not results:
        return evidence
    accepted = sum(one.outcome is SendOutcome.ACCEPTED for one in results)
    others = (one for one in results if one.outcome is not SendOutcome.ACCEPTED)
    shares = f"{evidence} (accepted for {accepted} of {len(results)})"
    return shares + "".join(f"; {one.outcome.value}: {one.address} {one.evidence}".rstrip() for one in others)


def reported(state: OutgoingState, addresses: Iterable[str], what: Reported, evidence: str) -> Results:
    """Return the results with what was reported of these recipients; in whatever order reports come, and however often, the end is the same.

    One says that the mail was taken for all whose fate was open with the recipient's, unless there are more than the provider takes at once:
    then the mail was handed over several times, and one speaks of its own recipients alone.  A recipient to whom it is to be sent again keeps
    waiting, whatever is told of an attempt before, unless he is said to have it.
    """
    known = {_key(one.address): one for one in told(state)}
    meant = {_key(address) for address in addresses} & known.keys()
    taken = (
        {SendOutcome.UNKNOWN, SendOutcome.DEFERRED} if state.status is EmailStatus.SENDING else {SendOutcome.UNKNOWN}
    )
    if any(known[key].outcome in taken for key in meant):
        accepted = SendOutcome.ACCEPTED
        with_them = known.keys() if _goes_at_once(state) else meant
        known = {
            key: replace(one, outcome=accepted) if one.outcome in taken and key in with_them else one
            for key, one in known.items()
        }
    known |= {key: _with(known[key], what, evidence[:_LONGEST_EVIDENCE]) for key in meant}
    results = tuple(known[_key(address)] for address in state.recipients)
    return state.results if results == told(state) else results


def with_reports(before: OutgoingState, after: OutgoingState, stands: OutgoingState) -> Results:
    """Return the results after an attempt with what was reported since it began: a report may come before the answer."""
    known = set(before.results)
    news = {_key(one.address): one for one in stands.results if one.reported and one not in known}
    return tuple(news.get(_key(one.address), one) for one in told(after)) if news else after.results


def named(state: OutgoingState, addresses: Iterable[str]) -> Results:
    """Return what is known of these among the recipients."""
    meant = {_key(address) for address in addresses}
    return tuple(one for one in told(state) if _key(one.address) in meant)


def standing(state: OutgoingState, results: Results) -> EmailStatus:
    """Return where an e-mail stands after such reports: failed when nobody has it or will, sent when all is known and somebody has it.

    What failed, or was cancelled, stays so: only a person tries it again.
    """
    outcomes = {one.outcome for one in results or told(state)}
    open_ones = {SendOutcome.DEFERRED, SendOutcome.UNKNOWN}
    if state.status not in _REPORTABLE or not outcomes or outcomes & open_ones:
        return state.status
    return EmailStatus.SENT if SendOutcome.ACCEPTED in outcomes else EmailStatus.FAILED


def refusals(results: Results) -> str:
    """Return who has not got the e-mail and why, each reason once, in the recipients' order; nothing where nobody was refused."""
    named: dict[str, list[str]] = {}
    for one in results:
        if one.outcome is SendOutcome.REFUSED:
            named.setdefault(one.evidence, []).append(one.address)
    return "; ".join(f"{evidence} ({', '.join(addresses)})".strip() for evidence, addresses in named.items())


def reopened(state: OutgoingState, addresses: Iterable[str]) -> Results:
    """Return the results with these recipients to be tried again, and all others as they are."""
    meant = {_key(address) for address in addresses}
    again = {
        _key(one.address): replace(one, outcome=SendOutcome.DEFERRED, reported=Reported.NOTHING)
        for one in told(state)
        if _key(one.address) in meant
    }
    return _kept(state, {**{_key(one.address): one for one in told(state)}, **again})


def _goes_at_once(state: OutgoingState) -> bool:
    return len(state.recipients) <= MOST_AT_ONCE.get(state.kind, len(state.recipients))


def _with(one: RecipientResult, what: Reported, evidence: str) -> RecipientResult:
    """Return the recipient with what was reported of him, where it says more than what is known."""
    proven = what in _PROVES
    waits = one.outcome is SendOutcome.DEFERRED
    if (waits and not proven) or (what is Reported.DELAYED and one.outcome is SendOutcome.REFUSED):
        return one
    if (_RANK[what], evidence if what else "") <= (_RANK[one.reported], one.evidence if one.reported else ""):
        return one
    outcome = SendOutcome.REFUSED if what is Reported.BOUNCED else SendOutcome.ACCEPTED if proven else one.outcome
    return replace(one, outcome=outcome, evidence=evidence, reported=what)


def _kept(state: OutgoingState, known: dict[str, RecipientResult]) -> Results:
    """Return the results in the recipients' order; none where all share one fate for the same reason, which the e-mail's status tells."""
    ordered = [known[_key(address)] for address in state.recipients if _key(address) in known]
    if len({(one.outcome, one.evidence, one.reported) for one in ordered}) <= 1:
        return ()
    return tuple(replace(one, evidence=one.evidence[:_LONGEST_EVIDENCE]) for one in ordered)


def _key(address: str) -> str:
    """Return by what an address is known: a domain in other letters than ASCII comes back in reports as it was sent, in A-labels."""
    text = address.strip()
    if not text.isascii():
        with suppress(MessageRefused):
            text = mail_address(text)
    return text.casefold()
