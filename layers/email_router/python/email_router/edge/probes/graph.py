"""Look at the drafts folder of a mailbox in Exchange Online, where its e-mails are drafted before they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.edge.connect.graph import GraphClient

if TYPE_CHECKING:
    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach


def log_in(profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> str:
    """Get a token and read the folder; return what was seen.  Raises as GraphSender does.  Only a send shows whether Mail.Send is granted."""
    through = profile.username if profile.access != "own" and profile.username else mailbox.address
    client = GraphClient(profile, through, secret, reach)
    client.call("GET", f"{client.user}/mailFolders/drafts")
    return f"logged in; the drafts folder of {through} can be read"
