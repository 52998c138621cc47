"""An e-mail to three that was handed to SES, and what SES tells of it afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from email_router.core.activity import Party, Role
from email_router.core.sending import SendOutcome, SendResult
from tests.flows.house import SALES
from tests.flows.office import Office

if TYPE_CHECKING:
    from collections.abc import Sequence

ANN, BOB, IDA = "ann@fabrikam.example", "bob@fabrikam.example", "Ida@Bücher.example"
EVERYBODY = (ANN, BOB, IDA)
GOOD, NEVER, LOST = SendOutcome.ACCEPTED, SendOutcome.REFUSED, SendOutcome.UNKNOWN
BY_SES = SendResult(outcome=GOOD, evidence="taken by Amazon SES", provider_id="ses-1")

KINDS: list[dict[str, Any]] = [
    {"kind": "send", "reason": "no reason given"},
    {"kind": "delivery", "reason": "no reason given"},
    {"kind": "bounce", "permanent": True, "reason": "Permanent General 5.1.1"},
    {"kind": "bounce", "permanent": True, "reason": "Permanent NoEmail 5.1.2"},
    {"kind": "bounce", "permanent": False, "reason": "Transient General"},
    {"kind": "complaint", "reason": "abuse"},
    {"kind": "delay", "reason": "MailboxFull"},
    {"kind": "delay", "reason": "SpamDetected"},
    {"kind": "reject", "reason": "Bad content"},
    {"kind": "rendering failure", "reason": "no such attribute"},
    {"kind": "subscription", "reason": "no reason given"},
]


def office_of_three(result: SendResult = BY_SES) -> Office:
    """An e-mail to three that was handed to SES with this result."""
    office = Office(server="ses")
    to = tuple(Party(Role.TO, address) for address in EVERYBODY)
    office.write(parties=(Party(Role.FROM, SALES, "Sales"), *to))
    office.sender.answers = [result]
    office.send()
    return office


def tell(office: Office, kind: dict[str, Any], whom: Sequence[str]) -> None:
    office.report(**{"activity": "e1", "permanent": False, **kind, "recipients": tuple(whom)})
