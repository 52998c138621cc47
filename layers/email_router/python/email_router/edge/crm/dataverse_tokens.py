"""Ask Dataverse for tracking tokens of new conversations (action GetTrackingTokenEmail), a batch for several.

learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/gettrackingtokenemail: {Subject} -> {TrackingToken}.  Each call takes
a number of the organisation's counter: one that nobody uses is lost, and does no harm.  None is given twice until the counter runs round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from email_router.core.errors import MessageRefused, TryLater
from email_router.edge.connect.dataverse_batch import Request
from email_router.edge.crm.dataverse_lengths import LENGTHS, fitting

if TYPE_CHECKING:
    from email_router.edge.connect.dataverse import DataverseClient
    from email_router.edge.connect.dataverse_errors import DataverseReply

_ACTION = "GetTrackingTokenEmail"
_WAIT = 300.0


def new(client: DataverseClient, subjects: Sequence[str]) -> list[str]:
    """Return a token for each subject, in order; empty where Dataverse gives none, its tracking tokens being switched off.

    Raises TryLater (shared) when it refuses to give any: no e-mail is at fault, and none shall fail for it; and what the client raises.
    """
    asked = [Request("POST", _ACTION, {"Subject": fitting("email", "subject", subject)}) for subject in subjects]
    return [_token(client, reply) for (reply,) in client.batch(asked)]


def _token(client: DataverseClient, reply: DataverseReply) -> str:
    try:
        token = str(client.checked(reply).json().get("TrackingToken") or "").strip()
    except MessageRefused as refusal:
        text = (
            f'{refusal}: it gives no tracking token; e-mails wait until it does, or until tokens_from is "router" again'
        )
        raise TryLater(text, kind="crm_answer", after=_WAIT, shared=True) from refusal
    return token if len(token) <= LENGTHS["email"]["trackingtoken"] else ""
