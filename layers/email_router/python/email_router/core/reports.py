"""Say what is reported of an e-mail's recipients after it left: by an event of the provider, or by a delivery report that came as mail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from email_router.core.message import DeliveryReport
from email_router.core.sending import Reported
from email_router.core.work import DeliveryEvent

_NEVER_LEFT = frozenset({"reject", "rendering failure"})
_BY_EVENT = {
    "delay": Reported.DELAYED,
    "delivery": Reported.DELIVERED,
    "complaint": Reported.COMPLAINED,
    "not-spam": Reported.DELIVERED,
}
_BY_ACTION = {
    "delivered": Reported.DELIVERED,
    "relayed": Reported.RELAYED,
    "expanded": Reported.RELAYED,
}


@dataclass(frozen=True, slots=True)
class Report:
    """One thing that is reported of some recipients, with the words that are kept of it.  NOTHING: only that the mail was taken."""

    addresses: tuple[str, ...]
    what: Reported
    evidence: str


def of_event(event: DeliveryEvent, recipients: Sequence[str]) -> Report:
    """Return what an event of SES says; `recipients` are the e-mail's own.

    What never left concerns them all, and an event that names none of theirs can only mean the one, where there is but one.  A soft bounce
    that does not say that nobody tries any more is a delay: it may be the answer of somebody who is out of office.
    """
    what = _BY_EVENT.get(event.kind, Reported.NOTHING)
    if event.kind == "bounce":
        what = Reported.BOUNCED if event.permanent else Reported.DELAYED
    if event.kind in _NEVER_LEFT:
        what = Reported.BOUNCED
    everybody = event.kind in _NEVER_LEFT or not event.recipients or len(recipients) == 1
    return Report(tuple(recipients) if everybody else event.recipients, what, f"{event.kind}: {event.reason}")


def of_mail(report: DeliveryReport) -> tuple[Report, ...]:
    """Return what a delivery report says of each recipient, by the address that was written to where the report tells it (RFC 3464 2.3.1).

    Beside those that failed for good a report of a failure names such as are still waited for.
    """
    found = []
    for one in report.recipients:
        what = Reported.BOUNCED if one.permanent else _BY_ACTION.get(report.action, Reported.DELAYED)
        word = "failed for good" if one.permanent else "expanded" if report.action == "expanded" else what.value
        evidence = f"delivery report: {word} ({one.status or 'no code given'})"
        found.append(Report((one.original or one.address,), what, evidence))
    return tuple(found)


def in_words(reports: Sequence[Report]) -> str:
    """Return what is reported with those whom it is about, as evidence of a change."""
    return "; ".join(f"{one.evidence} ({', '.join(one.addresses)})" for one in reports)
