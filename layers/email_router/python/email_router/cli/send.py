"""`email-router send`: create an e-mail that waits to be sent."""

from __future__ import annotations

import mimetypes
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from email_router.cli.backend import opened_for_change
from email_router.cli.nudge import nudge
from email_router.cli.options import STATE, Json, Organisation, Stack, State
from email_router.cli.output import console, print_json, tell
from email_router.cli.place import Place, new_activity_id
from email_router.core.activity import EmailActivity, EmailStatus, Party, Role
from email_router.core.errors import ConfigurationError, MessageRefused
from email_router.core.flows.activities import attachment_blob, stored
from email_router.core.mailbox import Direction
from email_router.core.message import Attachment, Importance
from email_router.core.parties import choose_sender, mailbox_owner_of
from email_router.core.wire import international_address
from email_router.wiring.clock import CLOCK

Addresses = Annotated[list[str] | None, typer.Option(metavar="ADDRESS")]


def send(
    sender: Annotated[str, typer.Option("--from", metavar="ADDRESS", help="A mailbox with an outgoing profile.")],
    to: Annotated[list[str], typer.Option("--to", metavar="ADDRESS", help="May be given several times.")],
    subject: Annotated[str, typer.Option("--subject")],
    cc: Addresses = None,
    bcc: Addresses = None,
    text: Annotated[str, typer.Option("--text", help="The text; - reads it from standard input.")] = "",
    html: Annotated[str, typer.Option("--html", help="The text as HTML.")] = "",
    attach: Annotated[list[Path] | None, typer.Option("--attach", metavar="FILE")] = None,
    reply_to: Annotated[str, typer.Option("--reply-to", metavar="ACTIVITY", help="The e-mail that it answers.")] = "",
    *,
    automatic: Annotated[bool, typer.Option("--automatic", help="Mark it as written by a machine (RFC 3834).")] = False,
    at: Annotated[str, typer.Option("--at", metavar="INSTANT", help="Not before, e.g. 2026-11-24T09:00:00Z.")] = "",
    importance: Annotated[Importance, typer.Option("--importance")] = Importance.NORMAL,
    read_receipt: Annotated[bool, typer.Option("--read-receipt", help="Ask to be told when it is read.")] = False,
    delivery_receipt: Annotated[
        bool,
        typer.Option("--delivery-receipt", help="Ask to be told when it is delivered (by SMTP, where the server can)."),
    ] = False,
    json: Json = False,
    state: State = STATE,
    stack: Stack = "",
    organisation: Organisation = "",
) -> None:
    """Create an e-mail in the CRM (in Dynamics 365: Pending Send); the next run of collect_outgoing takes it up."""
    letter = Letter(
        sender,
        {Role.FROM: [sender], Role.TO: to, Role.CC: cc or [], Role.BCC: bcc or []},
        subject,
        sys.stdin.read() if text == "-" else text,
        html,
        tuple(_read(path) for path in attach or []),
        automatic,
        _instant(at),
        importance,
        read_receipt,
        delivery_receipt,
    )
    with opened_for_change(state, stack) as backend:
        place = backend.organisation(organisation)
        email = write(place, letter, reply_to)
        backend.save()
        if stack:
            nudge(place, stack)
    if json:
        print_json({"activity": email.id, "status": email.status.value, "from": sender, "to": to, "subject": subject})
    else:
        console().print(f"{email.id} waits to be sent from {sender} to {', '.join(to)}", markup=False)


@dataclass(frozen=True, slots=True)
class Letter:
    """What is to be sent."""

    sender: str
    people: Mapping[Role, list[str]]
    subject: str
    text: str = ""
    html: str = ""
    files: tuple[Attachment, ...] = ()
    automatic: bool = False
    due: datetime | None = None
    importance: Importance = Importance.NORMAL
    read_receipt: bool = False
    delivery_receipt: bool = False


def _instant(text: str) -> datetime | None:
    """Return the instant with its zone, or None for no text."""
    if not text:
        return None
    wrong = ConfigurationError(f"--at {text}: expected an instant with its zone such as 2026-11-24T09:00:00Z")
    try:
        found = datetime.fromisoformat(text)
    except ValueError as not_one:
        raise wrong from not_one
    if found.tzinfo is None:
        raise wrong
    return found.astimezone(UTC)


def _check_addresses(letter: Letter) -> None:
    """Refuse what no server would take as an address, before anything is written."""
    for address in (address for addresses in letter.people.values() for address in addresses):
        try:
            international_address(address)
        except MessageRefused as refusal:
            raise ConfigurationError(
                f"{address!r} is no address to send to: expected local@domain ({refusal})"
            ) from refusal


def write(place: Place, letter: Letter, reply_to: str = "") -> EmailActivity:
    """Create the pending e-mail and return it.  Raises ConfigurationError when nobody could send it."""
    mailbox = place.configuration.mailbox(letter.sender)
    if mailbox is None or not mailbox.outgoing:
        able = ", ".join(box.address for box in place.configuration.mailboxes if box.outgoing) or "none"
        raise ConfigurationError(
            f"--from {letter.sender} is no mailbox with an outgoing profile; those that have one: {able}"
        )
    _check_addresses(letter)
    known = place.crm.resolve([address for addresses in letter.people.values() for address in addresses])
    parties = tuple(
        Party(role, address, record.name if record else "", record)
        for role, addresses in letter.people.items()
        for address in addresses
        for record in [choose_sender(known.get(address.casefold(), ()), mailbox_owner_of(mailbox))]
    )
    email = EmailActivity(
        id=new_activity_id(),
        direction=Direction.OUTGOING,
        status=EmailStatus.PENDING,
        subject=letter.subject,
        parties=parties,
        created=CLOCK.now(),
        text=letter.text,
        html=letter.html,
        attachments=tuple(stored(file) for file in letter.files),
        owner=mailbox.owner or mailbox.address,
        mailbox=mailbox.key,
        automatic=letter.automatic,
        due=letter.due,
        importance=letter.importance.value,
        read_receipt=letter.read_receipt,
        delivery_receipt=letter.delivery_receipt,
    )
    email = _answering(place, email, reply_to) if reply_to else email
    for file in letter.files:
        place.blobs.put(attachment_blob(file), file.content)
    place.crm.create_outgoing(email)
    return email


def _answering(place: Place, email: EmailActivity, reply_to: str) -> EmailActivity:
    """Continue the conversation of another e-mail: its regarding record, and by the router its ids and its token."""
    answered = place.crm.email(reply_to)
    if answered is None:
        raise ConfigurationError(
            f"--reply-to {reply_to}: no such e-mail; expected an activity of `email-router emails`"
        )
    return replace(email, correlated=answered.id, regarding=answered.regarding)


def _read(path: Path) -> Attachment:
    try:
        content = path.read_bytes()
    except OSError as failure:
        tell(f"{path}: cannot be opened: {failure.strerror}")
        raise typer.Exit(1) from failure
    return Attachment(path.name, mimetypes.guess_type(path.name)[0] or "application/octet-stream", content)
