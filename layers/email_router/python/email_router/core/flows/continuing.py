"""Find what a message of a page continues; a further copy continues what the first copy does."""

from __future__ import annotations

from dataclasses import replace

from email_router.core import matching
from email_router.core.activity import CorrelationMethod
from email_router.core.case import Match, Matched
from email_router.core.flows.facts import Noting
from email_router.core.flows.incoming import Draft, Incoming, activity_id
from email_router.core.flows.lookup import PageLookup
from email_router.core.ledger import Answer, Claim, KnownEmail


class Continuing:
    """Matches the messages of one page.

    `noted` holds what the questions about the last message looked at, `first` what its first copy continues: both since `forget`.
    """

    def __init__(self, incoming: Incoming) -> None:
        self._in = incoming
        self._matches: dict[str, Match | None] = {}
        self.noted: Noting | None = None
        self.first: Match | None = None

    def forget(self) -> None:
        """Begin with another message."""
        self.noted = self.first = None

    def match(self, draft: Draft, lookup: PageLookup, key: str, claim: Claim | None) -> Matched:
        """Match the message; a further copy of one that is an activity already continues what that one continues."""
        others = lookup.without(claim.activity if claim else activity_id(self._in.configuration.organisation, key))
        self.noted = Noting(others)
        matched = matching.match(draft.message, self.noted, self._in.configuration.tracking)
        if claim is None:
            self._matches[key] = matched.match
        elif (
            others.met_itself
        ):  # the newest of the conversation is the first copy: what it continues is not to be seen past it
            first = self._matches[key] if key in self._matches else self._first_match(claim)
            self.first = first
            return replace(matched, match=first or matched.match)
        return matched

    def set_apart(self, key: str, claim: Claim | None, policy: str) -> Matched:
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
