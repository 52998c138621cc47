"""Wrap a mail as Exchange does when an inbox rule forwards it as an attachment."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.utils import format_datetime

_LOOP = "X-MS-Exchange-Inbox-Rules-Loop"


def wrapped(raw: bytes, mailbox: str, to: str) -> bytes:
    """Return the wrapper that leaves the mailbox: the mail's own bytes as message/rfc822, and Exchange's marks for what it sends itself."""
    mail = message_from_bytes(raw, policy=policy.compat32)
    subject = re.sub(r"[^ -~]+", " ", str(mail.get("subject", "")))[:200]
    marks = "".join(f"{_LOOP}: {mark}\r\n" for mark in (*_marks(raw), mailbox.lower()))
    boundary = f"_000_{uuid.uuid4().hex}_"
    head = (
        f"From: <{mailbox}>\r\nTo: <{to}>\r\nSubject: FW: {subject}\r\nDate: {format_datetime(datetime.now(UTC))}\r\n"
        f"Message-ID: <{uuid.uuid4()}@prod.outlook.example>\r\nX-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent\r\n"
        f"X-MS-Exchange-Organization-AuthAs: Internal\r\n{marks}MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'
        f"--{boundary}\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n"
    )
    return head.encode() + raw + f"\r\n--{boundary}--\r\n".encode()


def went_through(raw: bytes, mailbox: str) -> bool:
    """Tell whether a rule of this mailbox forwarded the mail before: Exchange does not do it twice."""
    return mailbox.lower() in _marks(raw)


def _marks(raw: bytes) -> list[str]:
    marks = message_from_bytes(raw, policy=policy.compat32).get_all(_LOOP, [])
    return [str(mark).strip().lower() for mark in marks]
