"""Ask Dataverse whether a mailbox wants a message: CheckIncomingEmail, a batch for a page.

learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/checkincomingemail: {ShouldDeliver, ReasonCode}.  It is asked for the
one mailbox that has the message, as its only recipient: what another one wants is that one's own question.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from email_router.core.crm_rulings import Offer, Ruling
from email_router.core.errors import MessageRefused
from email_router.edge.connect.dataverse import text
from email_router.edge.connect.dataverse_batch import Request
from email_router.edge.crm.dataverse_lengths import clean, fitting

if TYPE_CHECKING:
    from email_router.edge.connect.dataverse import DataverseClient
    from email_router.edge.connect.dataverse_errors import DataverseReply

REASONS = (
    "duplicate",
    "no_correlation_match",
    "correlation_match",
    "no_recipient_match",
    "internal_email_reject",
    "sender_match",
    "accept_all",
    "invalid_sender",
)
"""ReasonCode 0 to 7 (CheckIncomingEmailResponse.ReasonCode); any other is unknown."""

UNKNOWN = "unknown"
_CALL = "CheckIncomingEmail(MessageId=@a,Subject=@b,From=@c,To=@d,Cc=@e,Bcc=@f)"


def rulings(client: DataverseClient, offers: Sequence[Offer]) -> list[Ruling]:
    """Return Dataverse's answers, in order.

    A message about which it refuses to answer is wanted: what it has against it will be seen when it is delivered, and keeps no other back.
    Raises what the client raises.
    """
    return [_ruling(client, reply) for (reply,) in client.batch([_request(one) for one in offers])]


def _request(offer: Offer) -> Request:
    given = (
        clean(offer.message_id),
        fitting("email", "subject", offer.subject),
        fitting("email", "sender", offer.sender),
        clean(offer.mailbox),
        "",
        "",
    )
    values = "&".join(f"@{name}={text(value)}" for name, value in zip("abcdef", given, strict=True))
    return Request("GET", f"{_CALL}?{values}")


def _ruling(client: DataverseClient, reply: DataverseReply) -> Ruling:
    try:
        said = client.checked(reply).json()
    except MessageRefused as refusal:
        return Ruling(wanted=True, reason=UNKNOWN, evidence=f"Dynamics 365 would not say: {refusal}")
    code, wanted = said.get("ReasonCode"), said.get("ShouldDeliver") is True
    reason = REASONS[code] if isinstance(code, int) and 0 <= code < len(REASONS) else UNKNOWN
    word = "takes" if wanted else "has" if reason == REASONS[0] else "does not take"
    return Ruling(wanted, reason, f"Dynamics 365 {word} it (CheckIncomingEmail, reason {code})")
