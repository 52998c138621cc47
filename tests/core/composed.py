"""A mail to compose, and how what was composed is read back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import AddressHeader
from email.message import EmailMessage

from email_router.core.compose import Outgoing, compose
from email_router.core.message import Address

NOW = datetime(2026, 11, 24, 12, 34, 56, tzinfo=UTC)
SALES = Address("Sales", "sales@contoso.example")
PLAIN = Outgoing(
    sender=SALES, to=(Address("", "ann@example.org"),), date=NOW, message_id="<1@contoso.example>", text="Hello\n"
)
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def parsed(mail: Outgoing) -> EmailMessage:
    """Compose the mail, look at every byte, and read it back."""
    raw = compose(mail)
    fit_for_the_wire(raw)
    assert compose(mail) == raw
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert part.defects == []
    return message


def fit_for_the_wire(raw: bytes) -> None:
    """ASCII, lines by CRLF alone and short enough (RFC 5322 2.1.1)."""
    assert raw.isascii()
    assert b"\0" not in raw
    assert raw.count(b"\r\n") == raw.count(b"\n") == raw.count(b"\r")
    assert raw.endswith(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    head = raw.partition(b"\r\n\r\n")[0]
    assert all(line[:1] == b" " or re.match(rb"[A-Za-z][A-Za-z0-9-]*: ?", line) for line in head.split(b"\r\n"))


def clean(text: str) -> str:
    """The text as it can stand on one line."""
    return CONTROL.sub(" ", text).strip()


def addresses(message: EmailMessage, name: str) -> list[tuple[str, str]]:
    """Display names and addresses of a field."""
    field = message[name]
    assert isinstance(field, AddressHeader)
    return [(each.display_name, each.addr_spec) for each in field.addresses]


def content(message: EmailMessage, kind: str) -> str:
    """The decoded content of the body of this kind."""
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")
