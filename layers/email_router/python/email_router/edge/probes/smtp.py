"""Log in to an SMTP relay and hang up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.edge.connect.smtp_account import opened

if TYPE_CHECKING:
    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach

_FAREWELL_SECONDS = 5.0


def log_in(profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> str:
    """Connect, secure the line, log in; return what was seen.  Raises as SmtpSender does.  Repeatable, and leaves nothing behind."""
    session = opened(profile, mailbox.address, secret, reach)
    limit = session.size_limit
    session.quit(_FAREWELL_SECONDS)
    return f"logged in; takes mails of up to {limit} bytes" if limit else "logged in"
