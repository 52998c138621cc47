"""Try whether a mailbox can be read, and whether mail leaves for it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from email_router.core import compose
from email_router.core.fetched import Position
from email_router.core.message import Address
from email_router.core.own_mail import ACCESS_TEST
from email_router.core.sending import Envelope, SendResult

if TYPE_CHECKING:
    from email_router.core.ports import MailSender, MailSource

_FEW = 25
_LITTLE = 4096

SUBJECT = "E-mail Router: test of access"
_TEXT = "This mail was sent by `email-router test-access --send` from this mailbox to itself.  It may be deleted.\n"


def read(source: MailSource) -> str:
    """List the first messages and read the oldest one's beginning; return in words what was seen.  Changes nothing in the mailbox.

    Raises what the source raises.
    """
    pages = source.pages(Position(), _FEW)
    page = next((one for one in pages if one.listed or one.last), None)
    listed = page.listed if page else ()
    if not listed:
        return "logged in; no message in the folder"
    for _ in source.fetch(listed[:1], _LITTLE):
        pass
    count = f"{len(listed)}" if page and page.last else f"{len(listed)} or more"
    return f"logged in; {count} message{'' if count == '1' else 's'}, the first can be read"


def send_to_itself(sender: MailSender, organisation: str, address: str, test: str, now: datetime) -> SendResult:
    """Send a mail from the mailbox to itself; `test` is an id that no other mail has.  Not repeatable: each call sends a mail.

    It is marked as automatic and as the router's own, so that no road makes an activity of it.  Raises what the sender raises.
    """
    message_id = f"<{test}@{address.rpartition('@')[2]}>"
    own = Address("", address)
    mail = compose.Outgoing(
        sender=own,
        to=(own,),
        subject=SUBJECT,
        date=now,
        message_id=message_id,
        text=_TEXT,
        headers=(("Auto-Submitted", "auto-generated"), compose.loop_mark(organisation, ACCESS_TEST + test)),
    )
    envelope = Envelope(
        organisation=organisation, activity=test, sender=address, recipients=(address,), message_id=message_id
    )
    return sender.send(envelope, compose.compose(mail))
