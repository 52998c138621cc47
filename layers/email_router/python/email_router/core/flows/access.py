"""Try whether a mailbox can be read, whether mail leaves for it, and whether that mail comes back."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from email_router.core import compose
from email_router.core.errors import TryLater
from email_router.core.fetched import Position
from email_router.core.message import Address
from email_router.core.own_mail import ACCESS_TEST, marked_activity
from email_router.core.parse import parse
from email_router.core.sending import Envelope, SendResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from email_router.core.ports import MailSender, MailSource

_FEW = 25
_MANY = 500
_LITTLE = 4096
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 1.0, 10.0, 1.5

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


@dataclass(frozen=True, slots=True)
class Waiting:
    """For how many seconds at most a test mail is looked for, by which clock (seconds, never back), and how to let some pass."""

    most: float
    seconds: Callable[[], float]
    sleep: Callable[[float], None]


def end_of(source: MailSource) -> Position:
    """Return the position behind all that lies in the mailbox now.  Lists it and reads none of it; raises what the source raises."""
    position = Position()
    for page in source.pages(position, _MANY):
        position = page.position
    return position


def find(opened: Callable[[], MailSource], after: Position, organisation: str, test: str, waiting: Waiting) -> bool:
    """Look at what comes beyond the position until the test mail is among it; return whether it came in time.

    It is known by the router's mark with the test's id, or by its Message-ID where a server took the mark away: whatever else the provider
    changed.  A source is opened for each look (a POP3 session never sees what came since), the pauses between them grow from one second to
    ten.  What is passing (TryLater) costs a look; raises what the last one raised, at once where it will not pass.  Leaves the mail there.
    """
    begun, pause = waiting.seconds(), _FIRST_PAUSE
    while True:
        trouble: TryLater | None = None
        try:
            with closing(opened()) as source:
                found, after = _looked(source, after, organisation, test)
        except TryLater as passing:
            found, trouble = False, passing
        left = waiting.most - (waiting.seconds() - begun)
        if found or left <= 0:
            if trouble is not None:
                raise trouble
            return found
        waiting.sleep(min(pause, left))
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)


def _looked(source: MailSource, after: Position, organisation: str, test: str) -> tuple[bool, Position]:
    for page in source.pages(after, _MANY):
        for one in source.fetch(page.listed, _LITTLE):
            if not one.vanished and _is_test(one.raw, organisation, test):
                return True, after
        after = page.position
    return False, after


def _is_test(raw: bytes, organisation: str, test: str) -> bool:
    mail = parse(raw)
    return marked_activity(mail, organisation) == ACCESS_TEST + test or (mail.message_id or "").startswith(f"<{test}@")
