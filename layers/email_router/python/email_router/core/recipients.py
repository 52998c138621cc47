"""Keep account of each recipient of an outgoing e-mail: who has it, who is still to get it, who never will.

An e-mail is one for each recipient: whoever was told to have it is never asked again, whatever becomes of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from email_router.core.activity import EmailStatus
from email_router.core.sending import OutgoingState, RecipientResult, Reported, SendOutcome, SendResult

_LONGEST_EVIDENCE = 300
_RANK = {one: number for number, one in enumerate(Reported)}
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
    """Return the results with what a provider reported of these recipients; late and repeated reports change nothing.

    A provider that reports has taken the mail for all: those that were unknown are accepted.
    """
    meant = {_key(address) for address in addresses}
    known = {_key(one.address): _taken(one) for one in told(replace(state, status=EmailStatus.SENT))}
    for key in meant & known.keys():
        if _RANK[what] > _RANK[known[key].reported]:
            outcome = SendOutcome.REFUSED if what is Reported.BOUNCED else known[key].outcome
            known[key] = replace(known[key], outcome=outcome, evidence=evidence[:_LONGEST_EVIDENCE], reported=what)
    return tuple(known[_key(address)] for address in state.recipients)


def reopened(state: OutgoingState, addresses: Iterable[str]) -> Results:
    """Return the results with these recipients to be tried again, and all others as they are."""
    meant = {_key(address) for address in addresses}
    again = {
        _key(one.address): replace(one, outcome=SendOutcome.DEFERRED, reported=Reported.NOTHING)
        for one in told(state)
        if _key(one.address) in meant
    }
    return _kept(state, {**{_key(one.address): one for one in told(state)}, **again})


def _taken(one: RecipientResult) -> RecipientResult:
    waits = one.outcome in {SendOutcome.UNKNOWN, SendOutcome.DEFERRED}
    return replace(one, outcome=SendOutcome.ACCEPTED) if waits else one


def _kept(state: OutgoingState, known: dict[str, RecipientResult]) -> Results:
    """Return the results in the recipients' order; none where all share one fate for the same reason, which the e-mail's status tells."""
    ordered = [known[_key(address)] for address in state.recipients if _key(address) in known]
    if len({(one.outcome, one.evidence, one.reported) for one in ordered}) <= 1:
        return ()
    return tuple(replace(one, evidence=one.evidence[:_LONGEST_EVIDENCE]) for one in ordered)


def _key(address: str) -> str:
    return address.strip().casefold()
