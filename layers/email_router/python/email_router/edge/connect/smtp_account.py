"""Open a session of a mailbox with its relay, by the login that the profile names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.core.mailbox import Authentication, password_for
from email_router.edge.connect.smtp import SmtpSession

if TYPE_CHECKING:
    from email_router.core.mailbox import Profile
    from email_router.core.ports import Reach


def opened(profile: Profile, address: str, secret: str, reach: Reach) -> SmtpSession:
    """Return a session of the mailbox, logged in as the profile says."""
    if profile.authentication is not Authentication.OAUTH:
        return SmtpSession.to(profile, reach, address, password_for(secret, address))
    from email_router.edge.connect.bearer import Bearer  # noqa: PLC0415 - HTTPS, which no other SMTP server needs

    bearer = Bearer(profile, profile.username or address, secret, reach, address)
    return SmtpSession.to(profile, reach, address, "", bearer)
