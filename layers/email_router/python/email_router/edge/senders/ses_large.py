"""Hand Amazon SES a mail that is not held: it is coded into the request as that is signed, and again as it is sent.

The SDK by itself holds such a mail seven times over.
"""

from __future__ import annotations

import base64
from io import BufferedReader
from typing import TYPE_CHECKING, Any

from email_router.core.octets import Reader, in_base64

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client
    from types_boto3_sesv2.type_defs import SendEmailRequestTypeDef, SendEmailResponseTypeDef

    from email_router.core.octets import Octets

PLACE = b"the mail as it was composed"
"""What stands in a request where the mail is to stand."""

_CODED = base64.b64encode(PLACE)
_BEFORE = "before-call.sesv2.SendEmail"
_PIECE = 256 * 1024


def send(client: SESV2Client, request: SendEmailRequestTypeDef, mail: Octets) -> SendEmailResponseTypeDef:
    """Make the call, the mail where the request says PLACE; raises what the SDK raises."""

    def put_in(params: dict[str, Any], **_: object) -> None:
        before, _, behind = params["body"].partition(_CODED)
        params["body"] = BufferedReader(Reader(in_base64(mail, before, behind)), _PIECE)

    client.meta.events.register(_BEFORE, put_in)
    try:
        return client.send_email(**request)
    finally:
        client.meta.events.unregister(_BEFORE, put_in)
