"""Two organisations for the functions' scenes, and the mail that comes and goes: contoso with the built-in CRM, fabrikam with Dynamics 365.

Dynamics 365 is one that knows nobody (dynamics.py): what its adapter asks of AWS beside its requests is what counts here.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

from email_router.core.activity import EmailActivity, EmailStatus, Party, Role
from email_router.core.mailbox import Accept, CreateSender, Direction, Mailbox, MailboxKind, Profile
from email_router.core.sending import HistoryEntry, OutgoingState
from email_router.core.settings import Configuration, CrmSettings, Follows, Tracking
from tests.roads.stack import NAME, NOW, ORGANISATION, Stack

SALES = "sales@contoso.example"
STORE = "store@contoso.example"
NEWS = "news@contoso.example"
FAR = "office@fabrikam.example"
ERIN = "erin@customer.example"
SECRET = "mail"
DYNAMICS = {
    "url": "https://127.0.0.1:9",
    "authority": "https://127.0.0.1:9",
    "tenant_id": "11111111-1111-4111-8111-111111111111",
    "client_id": "22222222-2222-4222-8222-222222222222",
    "secret": "crm",
}
_WORDS = (
    "order",
    "invoice",
    "delivery",
    "thank",
    "you",
    "for",
    "your",
    "the",
    "question",
    "about",
    "price",
    "we",
    "send",
)

GUID = "33333333-3333-4333-8333-333333333333"
SECRET = "s" * 64
TICK: dict[str, Any] = {"source": "aws.events"}


def _profile(name: str, direction: Direction, server: str, **more: Any) -> Profile:
    return Profile(name=name, direction=direction, server=server, secret=SECRET, **more)


PROFILES = (
    *(_profile(kind, Direction.INCOMING, kind) for kind in ("exchange-online", "exchange", "imap", "pop3")),
    _profile("small", Direction.INCOMING, "exchange", maximum_message_size=2_000),
    _profile("smtp", Direction.OUTGOING, "smtp", sender_rate=60),
    _profile("ses", Direction.OUTGOING, "ses"),
    _profile("graph", Direction.OUTGOING, "exchange-online"),
)


def contoso(*boxes: Mailbox, **tracking: Any) -> Configuration:
    """Return contoso's configuration with these mailboxes, or with those of the scenes."""
    given = boxes or (
        Mailbox(
            address=SALES,
            kind=MailboxKind.QUEUE,
            incoming="exchange-online",
            outgoing="ses",
            accept=Accept.ALL,
            create_sender=CreateSender.CONTACT,
        ),
        Mailbox(address=STORE, kind=MailboxKind.QUEUE, incoming="small", outgoing="smtp", accept=Accept.ALL),
        Mailbox(address=NEWS, outgoing="smtp", approved=False),
    )
    return Configuration(organisation=ORGANISATION, tracking=Tracking(**tracking), profiles=PROFILES, mailboxes=given)


def fabrikam(organisation: str = "fabrikam", options: Mapping[str, str] = DYNAMICS) -> Configuration:
    """Return fabrikam's configuration, which follows the settings of Dynamics 365."""
    box = Mailbox(address=FAR, kind=MailboxKind.QUEUE, incoming="imap", outgoing="smtp", accept=Accept.ALL)
    return Configuration(
        organisation=organisation,
        crm=CrmSettings(kind="dataverse", options=options),
        profiles=PROFILES,
        mailboxes=(box,),
        follows=Follows(parts=("tracking",), tracking=("prefix",)),
    )


def unsigned() -> Configuration:
    """Return the configuration of an organisation without the secret by which the router signs in at its CRM."""
    return fabrikam("wingtip", {name: value for name, value in DYNAMICS.items() if name != "secret"})


def begin(stack: Stack, *configurations: Configuration) -> None:
    """Publish, with the secrets that are named."""
    for name in (SECRET, "crm"):
        stack.services.clients.secretsmanager.create_secret(Name=f"email-router/{NAME}/{name}", SecretString="secret")
    for one in configurations:
        stack.publish(one)


def work(mailbox: str, reason: str = "schedule", organisation: str = ORGANISATION) -> str:
    """Return the order to serve a mailbox."""
    return json.dumps({"organisation": organisation, "mailbox": mailbox, "reason": reason})


def letter(number: int, *, to: str = SALES, size: int = 2_300, extra: str = "", attachment: bytes = b"") -> bytes:
    """Return a mail of so many characters of text, and as much HTML four times over; `extra` are more header fields."""
    text = words(number, size)
    html = "".join(f'<div style="font-family:Calibri,sans-serif">{line}</div>' for line in text.split("\n"))
    parts = [
        f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}",
        f"Content-Type: text/html; charset=utf-8\r\n\r\n{html}",
    ]
    if attachment:
        name = 'Content-Disposition: attachment; filename="order.bin"'
        parts.append(f"Content-Type: application/octet-stream\r\n{name}\r\n\r\n{attachment.decode('ascii')}")
    body = "".join(f"--b\r\n{part}\r\n" for part in parts)
    return (
        f"From: Erin <{ERIN}>\r\nTo: {to}\r\nSubject: Order {number}\r\nDate: Tue, 24 Nov 2026 11:00:00 +0000\r\n"
        f"Message-ID: <m{number}@customer.example>\r\n{extra}MIME-Version: 1.0\r\n"
        f"Content-Type: multipart/mixed; boundary=b\r\n\r\n{body}--b--\r\n"
    ).encode()


def words(seed: int, size: int) -> str:
    """Return about so many characters of lines of words that compress as mail does; the same for the same seed."""
    chance = random.Random(seed)
    known = [*_WORDS, *("".join(chance.choices("etaoinshrdlu", k=chance.randint(3, 9))) for _ in range(250))]
    chosen = [chance.choice(known) for _ in range(size // 6)]
    return "\n".join(" ".join(chosen[start : start + 12]) for start in range(0, len(chosen), 12))


def report(about: str) -> bytes:
    """Return a delivery report: the e-mail with this Message-ID did not reach Erin."""
    return (
        f"From: MAILER-DAEMON@customer.example\r\nTo: {SALES}\r\nSubject: Undelivered\r\nMessage-ID: <d1@customer.example>\r\n"
        "Date: Tue, 24 Nov 2026 11:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
        f"Final-Recipient: rfc822; {ERIN}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {about}\r\n--b--\r\n"
    ).encode()


def write(stack: Stack, name: str, *, sender: str = SALES, to: str = ERIN, **more: Any) -> None:
    """Let contoso's CRM hold an e-mail that waits to be sent."""
    email = EmailActivity(
        id=name,
        direction=Direction.OUTGOING,
        status=EmailStatus.PENDING,
        subject="Your order",
        text=words(7, 1_500),
        created=NOW,
        parties=(Party(Role.FROM, sender), Party(Role.TO, to)),
        **more,
    )
    services = stack.services
    services.crm(services.configurations.current(ORGANISATION)).create_outgoing(email)  # type: ignore[attr-defined]  # the built-in one


def sent(stack: Stack, name: str, organisation: str, sender: str, status: EmailStatus = EmailStatus.SENT) -> None:
    """Let an e-mail of the organisation have been sent, or have come to another end."""
    entry = HistoryEntry(NOW, status, "250 ok")
    state = OutgoingState(
        activity=name,
        status=status,
        sender=sender,
        message_id=f"<{name}@contoso.example>",
        recipients=(ERIN,),
        changed=NOW,
        history=(entry,),
    )
    stack.services.outgoing(organisation).prepare(state)


def to_send(*activities: str, sender: str = SALES, profile: str = "ses", organisation: str = ORGANISATION) -> str:
    """Return the order to send e-mails."""
    return json.dumps(
        {"organisation": organisation, "profile": profile, "sender": sender, "activities": list(activities)}
    )
