"""Get the token with which a mailbox's IMAP or POP3 login is made: of an application in Entra, or of a Google account."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from email_router.core.errors import MailboxBlocked
from email_router.edge.connect.google_login import GOOGLE_TOKENS, GoogleAccount, google_token
from email_router.edge.connect.microsoft_login import access_token, account_of, forget_token
from email_router.edge.connect.network import narrow

if TYPE_CHECKING:
    from email_router.core.mailbox import Profile
    from email_router.core.ports import Reach
    from email_router.edge.connect.microsoft_login import Account

OUTLOOK = {
    "global": "https://outlook.office365.com",
    "usgov": "https://outlook.office365.us",
    "usgov-dod": "https://webmail.apps.mil",
    "china": "https://partner.outlook.cn",
}
"""Whose scope a token for IMAP or POP3 must have, by Microsoft's cloud."""

_MEND = (
    "Name tenant_id and client_id of an application in Entra, or give the JSON key of a Google service account "
    "(or of an authorized user) as the profile's credentials, and publish."
)


class Bearer:
    """The tokens of one mailbox.  With tenant_id they are Microsoft's, else the credentials must be a Google key in JSON."""

    def __init__(self, profile: Profile, user: str, secret: str, reach: Reach, who: str) -> None:
        """Take what is needed to ask; nothing is asked yet.  `user` is whose mailbox a service account speaks for."""
        self._microsoft: Account | None = None
        self._google: GoogleAccount | None = None
        if profile.tenant_id or profile.client_id:
            resource = OUTLOOK.get(profile.cloud, OUTLOOK["global"])
            self._microsoft = account_of(profile, secret, reach, who, resource)
            return
        key = _google_key(secret)
        if key is None:
            raise MailboxBlocked(
                f"{who}: profile {profile.name} has neither an application of Entra nor a Google key to log in with",
                kind="credentials",
                mend=_MEND,
            )
        place = profile.authority or GOOGLE_TOKENS
        self._google = GoogleAccount(
            json.dumps(key, sort_keys=True), user, place, narrow(reach, profile), profile.ca_pem, who
        )

    def token(self) -> str:
        """Return a token that is good for minutes yet.  Raises as microsoft_login.access_token does."""
        if self._microsoft is not None:
            return access_token(self._microsoft)
        assert self._google is not None  # noqa: S101 - one of the two, see above
        return google_token(self._google)

    def forget(self, token: str) -> None:
        """Forget a token that the server refused; a newer one stays."""
        if self._microsoft is not None:
            forget_token(self._microsoft, token)
        elif self._google is not None:
            self._google.forget(token)


def _google_key(secret: str) -> dict[str, Any] | None:
    try:
        key = json.loads(secret)
    except ValueError:
        return None
    known = isinstance(key, dict) and key.get("type") in {"service_account", "authorized_user"}
    return key if known else None
