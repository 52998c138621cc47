"""Write the raw mails of the demo."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr

from email_router.cli.demo.world import NAMES


@dataclass(frozen=True, slots=True)
class Sample:
    """A mail to put into a mailbox; `name` becomes its id there, `case` says what it is there to show."""

    name: str
    mailbox: str
    raw: bytes = field(repr=False)
    case: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The letter in somebody's hand: when, by whom, to whom, about what."""

    at: datetime
    sender: str
    to: tuple[str, ...]
    subject: str
    text: str


def mail(written: Written, *, message_id: str | None = "", html: str = "", **headers: str) -> EmailMessage:
    """Return a mail.  `message_id` None leaves the id out, empty makes one; header names are written with _ for -."""
    made = EmailMessage(policy=SMTP)
    made["From"] = person(written.sender)
    made["To"] = ", ".join(person(address) for address in written.to)
    made["Subject"] = written.subject
    made["Date"] = format_datetime(written.at)
    if message_id is not None:
        made["Message-ID"] = message_id or own_id(written)
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(written.text)
    if html:
        made.add_alternative(html, subtype="html")
    return made


def person(address: str) -> str:
    """Return the address with its owner's name."""
    return formataddr((NAMES.get(address, ""), address))


def own_id(written: Written) -> str:
    """Return the Message-ID that the writer's own system gives: the same for the same letter."""
    left = random.Random(f"{written.sender}{written.subject}{written.at}").randbytes(8).hex()  # noqa: S311 - an id of the demo
    return f"<{left}@{written.sender.rpartition('@')[2]}>"


def attach(made: EmailMessage, name: str, media_type: str, content: bytes) -> EmailMessage:
    """Add a file to the mail and return it."""
    kind, _, subtype = media_type.partition("/")
    made.add_attachment(content, maintype=kind, subtype=subtype, filename=name)
    return made


def filler(name: str, size: int) -> bytes:
    """Return `size` bytes that do not compress, the same for the same name."""
    return random.Random(name).randbytes(size)  # noqa: S311 - filling of the demo


def wrapped(made: bytes, by: str, to: str, at: datetime, results: str) -> bytes:
    """Return the mail as an inbox rule forwards it: as an attachment, `results` being what the mail exchanger found of the wrapper."""
    head = [f"Authentication-Results: {results}"] if results else []
    head += [
        f"From: {person(by)}",
        f"To: {to}",
        "Subject: FW: forwarded by rule",
        f"Date: {format_datetime(at + timedelta(seconds=5))}",
        f"Message-ID: <{random.Random(made).randbytes(8).hex()}@{by.rpartition('@')[2]}>",  # noqa: S311 - an id of the demo
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="wrapper"',
        "",
        "--wrapper",
        "Content-Type: text/plain; charset=utf-8",
        "",
        "",
        "--wrapper",
        "Content-Type: message/rfc822",
        "Content-Disposition: attachment",
        "",
        "",
    ]
    return "\r\n".join(head).encode() + made + b"\r\n--wrapper--\r\n"
