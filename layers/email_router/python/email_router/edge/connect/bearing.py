"""Ask over HTTPS with a token of a Microsoft account; one that is refused is replaced once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.edge.connect.https import ask
from email_router.edge.connect.microsoft_login import access_token, forget_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from email_router.edge.connect.https import Answer, Place
    from email_router.edge.connect.microsoft_login import Account

_UNAUTHORIZED = 401


def ask_bearing(
    account: Account,
    place: Place,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    repeatable: bool,
) -> Answer:
    """Send one request with a bearer token and return the answer unread.  Raises what access_token and https.ask raise."""
    for last in (False, True):
        token = access_token(account)
        bearing = {**headers, "Authorization": f"Bearer {token}"}
        answer = ask(place, method, target, bearing, body, repeatable=repeatable)
        if answer.status != _UNAUTHORIZED or last:
            break
        answer.read()
        forget_token(account, token)
    return answer
