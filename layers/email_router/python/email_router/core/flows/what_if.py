"""Tell what would become of a message under another configuration."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from email_router.core.case import Lookup
from email_router.core.flows.ask_again import Again, ask_again, only_the_crm_knows, then
from email_router.core.ledger import Outcome, Trace
from email_router.core.settings import Configuration


class Difference(StrEnum):
    """What another configuration changes for a message."""

    NOTHING = "nothing"
    NEWLY_TRACKED = "newly tracked"
    NO_LONGER_TRACKED = "no longer tracked"
    MATCHED_DIFFERENTLY = "matched differently"
    OTHERWISE = "otherwise decided"
    NOT_FETCHED = "not fetched any more"
    UNKNOWN = "cannot be asked again"


@dataclass(frozen=True, slots=True)
class Change:
    """A message in a mailbox, what became of it, and what would; `now` is None where nothing would be asked."""

    trace: Trace
    difference: Difference
    then: Again
    now: Again | None


def change_of(trace: Trace, configuration: Configuration, today: Lookup | None = None) -> Change:
    """Return what the configuration would change.  Each message is asked for itself; one that is newly tracked is not known to another."""
    if only_the_crm_knows(trace, configuration):
        return Change(trace, Difference.UNKNOWN, then(trace), None)
    before, now = then(trace), ask_again(trace, configuration, today)
    return Change(trace, _difference(trace, before, now), before, now)


def _difference(trace: Trace, before: Again, now: Again | None) -> Difference:
    if now is None:
        return Difference.UNKNOWN if trace.facts is None else Difference.NOT_FETCHED
    was, will = before.outcome is Outcome.DELIVERED, now.outcome is Outcome.DELIVERED
    if was != will:
        return Difference.NEWLY_TRACKED if will else Difference.NO_LONGER_TRACKED
    if was and before.correlated != now.correlated:
        return Difference.MATCHED_DIFFERENTLY
    same = (before.outcome, before.reason, before.mailbox) == (now.outcome, now.reason, now.mailbox)
    return Difference.NOTHING if same else Difference.OTHERWISE
