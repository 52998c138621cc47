"""Mail that comes and mail that leaves: scenes of the functions of both roads (scenes.py)."""

from __future__ import annotations

import random
from contextlib import suppress

from email_router.core.activity import EmailStatus, StoredAttachment
from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.core.flows import undeliverable
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.sending import SendOutcome, SendResult
from tests.fakes import FixedClock
from tests.roads.answers import SUPPRESSED
from tests.roads.dynamics import LARGE
from tests.roads.stack import NOW, ORGANISATION, Stack
from tests.roads.world import (
    FAR,
    GUID,
    NEWS,
    SALES,
    STORE,
    TICK,
    begin,
    contoso,
    fabrikam,
    letter,
    report,
    sent,
    to_send,
    unsigned,
    work,
    write,
)


def schedule_mailboxes(stack: Stack) -> None:
    """A tick while a server is away, and a person who asks for all."""
    begin(stack, contoso())
    closed(stack)
    stack.invoke("schedule_mailboxes", TICK)
    assert stack.invoke("schedule_mailboxes", {"all": True}) == {"queued": 2}


def closed(stack: Stack) -> None:
    """Let the circuit of a server be open."""
    circuits = stack.services.circuits(ORGANISATION)
    assert circuits.open(circuits.failed("imap.contoso.example", "name", stack.now), TryLater("away"), stack.now)


def route_mailbox(stack: Stack) -> None:
    """Mail comes: new and in answer, short and long, too large, unreadable; a report; a notification; the daily comparison."""
    begin(stack, contoso(smart_matching=True), fabrikam())
    stack.services.mailbox_passwords("fabrikam").put(FAR, "its own")
    box = stack.servers.box(SALES, "exchange-online")
    box.put(letter(1, size=30_000, attachment=b"x" * 2_000))
    box.put(letter(2, extra="In-Reply-To: <m1@customer.example>\r\n"))
    stack.order("route_mailbox", work(SALES, "notification"))
    _reported(stack)
    _tried_again(stack)
    _too_large(stack)
    _compared(stack)
    stack.servers.box(FAR, "imap").put(report("<far@contoso.example>"))
    sent(stack, GUID, "fabrikam", FAR)
    known = KnownEmail(activity=GUID, participants=frozenset(), at=NOW)
    stack.services.ledger("fabrikam").link([Link(LinkKind.MESSAGE_ID, "<far@contoso.example>", known)])
    stack.order("route_mailbox", work(FAR, organisation="fabrikam"))


def _reported(stack: Stack) -> None:
    """A delivery report fails an e-mail that was sent."""
    write(stack, "e1")
    sent(stack, "e1", ORGANISATION, SALES)
    known = KnownEmail(activity="e1", participants=frozenset(), at=NOW)
    stack.services.ledger(ORGANISATION).link([Link(LinkKind.MESSAGE_ID, "<e1@contoso.example>", known)])
    stack.servers.put(SALES, report("<e1@contoso.example>"))
    stack.order("route_mailbox", work(SALES))


def _tried_again(stack: Stack) -> None:
    """What nobody can read is set aside; a person has it tried again, once with its bytes and once after they are gone."""
    services = stack.services
    states, quarantine = services.states(ORGANISATION), services.quarantine(ORGANISATION)
    for gone in (False, True):
        stack.servers.put(SALES, bytes(range(128, 256)) * (2 + gone))
        stack.order("route_mailbox", work(SALES))
        entry = next(iter(quarantine.entries()))
        if gone:
            services.blobs(ORGANISATION).delete(entry.blob)
        undeliverable.retry(entry, states, quarantine, FixedClock(stack.now))
        stack.order("route_mailbox", work(SALES))


def _too_large(stack: Stack) -> None:
    """A message over the limit is streamed to the bucket, and its stream breaks off; the long position of before is replaced."""
    box = stack.servers.box(STORE, "exchange")
    for number in (8, 9):
        box.put(letter(number, to=STORE, size=300))
        stack.order("route_mailbox", work(STORE))
    box.put(letter(10, to=STORE, size=300) + b"y" * 11_000_000)
    box.breaking = True
    stack.order("route_mailbox", work(STORE))


def _compared(stack: Stack) -> None:
    """A day later the mailbox is compared with the ledger."""
    stack.later(25 * 3600)
    stack.order("route_mailbox", work(SALES))
    stack.order("route_mailbox", work(SALES, "reconcile"))


def collect_outgoing(stack: Stack) -> None:
    """E-mails wait, of a sender with a rate and of one who may not send; the CRM nudges; settings of Dynamics 365 are followed."""
    begin(stack, contoso(), fabrikam(), unsigned())
    closed(stack)
    write(stack, "e1", sender=STORE)
    write(stack, "e2", sender=NEWS)
    with suppress(RouterError):  # nobody has signed in for one of them
        stack.invoke("collect_outgoing", TICK)
    write(stack, "e3", sender=SALES)
    assert stack.invoke("collect_outgoing", {"organisation": ORGANISATION}) == {"queued": 1}


def send_email(stack: Stack) -> None:
    """E-mails leave by SES and by SMTP: with a file, with one that is gone or breaks off, in answer, refused, suppressed, held back."""
    begin(stack, contoso(), fabrikam())
    stack.services.mailbox_passwords("fabrikam").put(FAR, "its own")
    blobs = stack.services.blobs(ORGANISATION)
    blobs.put("attachment/a", random.Random(1).randbytes(50_000))
    write(stack, "e1", attachments=(_file("attachment/a"),))
    write(stack, "e2", attachments=(_file("attachment/gone"),))
    write(stack, "e3", to=SUPPRESSED)
    stack.services.suppressed.learn([SUPPRESSED])
    stack.order("send_email", to_send("e1", "e2", "e3"))
    _by_smtp(stack)
    sent(stack, GUID, "fabrikam", FAR, EmailStatus.FAILED)
    stack.order("send_email", to_send(GUID, sender=FAR, profile="smtp", organisation="fabrikam"))
    with suppress(TryLater):  # its attachment breaks off
        stack.order("send_email", to_send(LARGE, sender=FAR, profile="smtp", organisation="fabrikam"))


def _by_smtp(stack: Stack) -> None:
    """A relay refuses an e-mail, is closed to its sender, and takes one that waited."""
    for name in ("s1", "s2", "s3"):
        write(stack, name, sender=STORE)
    relay = stack.servers.out[STORE]
    relay.answers = [SendResult(outcome=SendOutcome.REFUSED, evidence="550 no"), MailboxBlocked("no", kind="login")]
    stack.order("send_email", to_send("s1", "s2", "s3", sender=STORE, profile="smtp"))
    stack.later(3_600)
    stack.order("send_email", to_send("s2", "s3", sender=STORE, profile="smtp"))


def _file(blob: str) -> StoredAttachment:
    return StoredAttachment(
        name="a.txt", media_type="text/plain", size=4, sha256="", blob=blob, inline=False, content_id=None
    )
