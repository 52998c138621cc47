"""Look at the drafts folder of a mailbox on an Exchange server, where its e-mails are drafted before they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from email_router.edge.connect.ews import EwsClient
from email_router.edge.connect.ews_errors import EwsError
from email_router.edge.connect.ews_wire import element

if TYPE_CHECKING:
    from email_router.core.mailbox import Mailbox, Profile
    from email_router.core.ports import Reach


def log_in(profile: Profile, mailbox: Mailbox, secret: str, reach: Reach) -> str:
    """Log in and read the folder; return what was seen.  Raises as EwsSender does.  Whether the account may Send As shows a send alone."""
    client = EwsClient(profile, mailbox, secret, reach)
    shape = element("m:FolderShape", element("t:BaseShape", text="IdOnly"))
    try:
        client.call(element("m:GetFolder", shape, element("m:FolderIds", client.folder("drafts"))))
    except EwsError as error:
        raise client.failed(error) from error
    finally:
        client.close()
    return f"logged in; the drafts folder of {mailbox.address} can be read"
