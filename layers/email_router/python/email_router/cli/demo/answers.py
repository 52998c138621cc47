"""The mails that answer what the demo has really sent, and the report of the one that could not be delivered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime

from email_router.cli.demo.world import ANN, AUTHSERV, BOB, CARLA, DORA, EMIL, GITA, HUGO, MOVED, ROUTER, SALES
from email_router.cli.demo.writing import Sample, Written, mail, wrapped


@dataclass(frozen=True, slots=True)
class SentLetter:
    """An e-mail as it left: subject with token, Message-ID on the wire (of a mail by SES: what SES gave it)."""

    subject: str
    message_id: str


def answers(sent: Mapping[str, SentLetter], at: datetime) -> list[Sample]:
    """Return the answers; `at` is the time at which they are written."""
    return [_by_in_reply_to(sent, at), _by_ses_id(sent, at), *_by_token(sent, at), _by_smart_matching(sent, at),
            _by_references(sent, at), _report(sent, at), _forwarded(sent, at)]  # fmt: skip


def _by_in_reply_to(sent: Mapping[str, SentLetter], at: datetime) -> Sample:
    quote = sent["quote"]
    written = Written(
        at, CARLA, (SALES,), f"Re: {quote.subject}", "Hello,\n\nwe take the bikes. Please send the contract.\n\nCarla\n"
    )
    raw = mail(written, In_Reply_To=quote.message_id, References=quote.message_id)
    return Sample("reply-in-reply-to", SALES, raw.as_bytes(), "reply-in-reply-to")


def _by_ses_id(sent: Mapping[str, SentLetter], at: datetime) -> Sample:
    """Amazon SES put its own id in place of ours, and this client repeats nothing else; the subject has been changed."""
    contract = sent["contract"]
    written = Written(at, DORA, (ANN,), "Yes, please", "Dear Ann,\n\nplease renew it for two years.\n\nDora\n")
    return Sample("reply-ses-id", ANN, mail(written, In_Reply_To=contract.message_id).as_bytes(), "reply-in-reply-to")


def _by_token(sent: Mapping[str, SentLetter], at: datetime) -> list[Sample]:
    """A gateway has lost the headers that name the mail answered: only the token in the subject is left."""
    late = Written(at, EMIL, (SALES,), f"AW: {sent['delivery'].subject}", "Thursday suits us well.\n\nEmil\n")
    visit = Written(at, GITA, (ANN,), f"RE: {sent['visit'].subject}", "I come on Tuesday.\n\nGita\n")
    return [
        Sample("reply-token", SALES, mail(late).as_bytes(), "reply-token"),
        Sample("reply-token-visit", ANN, mail(visit).as_bytes()),
    ]


def _by_smart_matching(sent: Mapping[str, SentLetter], at: datetime) -> Sample:
    """Neither headers nor token are left: the words of the subject and the people are the same."""
    bare = sent["parts"].subject.rpartition(" ")[0]
    written = Written(
        at, HUGO, (SALES,), f"Antw: {bare}", "Hello,\n\nwe need ten brake pads and two saddles.\n\nHugo\n"
    )
    return Sample("reply-smart", SALES, mail(written).as_bytes(), "reply-smart")


def _by_references(sent: Mapping[str, SentLetter], at: datetime) -> Sample:
    """A later mail of the thread: the mail it answers is unknown, an earlier one is known."""
    quote = sent["quote"]
    between = "<internal-77@fabrikam.example>"
    written = Written(
        at + timedelta(minutes=9), CARLA, (SALES,), "Re: our order", "One more thing: in red, please.\n\nCarla\n"
    )
    raw = mail(written, In_Reply_To=between, References=f"{quote.message_id} {between}")
    return Sample("reply-references", SALES, raw.as_bytes())


def _forwarded(sent: Mapping[str, SentLetter], at: datetime) -> Sample:
    """Bob's inbox rule forwards his mail as an attachment to the forward mailbox."""
    thanks = sent["thanks"]
    written = Written(
        at, DORA, (BOB,), f"Re: {thanks.subject}", "Thank you, Bob. Send me the photos, please.\n\nDora\n"
    )
    inner = mail(written, In_Reply_To=thanks.message_id, References=thanks.message_id).as_bytes()
    results = f"{AUTHSERV}; dmarc=pass header.from=contoso.example; dkim=pass header.d=contoso.example"
    return Sample("forward", ROUTER, wrapped(inner, BOB, ROUTER, at, results), "forward")


def _report(sent: Mapping[str, SentLetter], at: datetime) -> Sample:
    """The delivery status notification (RFC 3464) of a recipient who has moved away."""
    invoice = sent["invoice"]
    text = f"""From: Mail Delivery System <MAILER-DAEMON@mail.fabrikam.example>
To: {SALES}
Subject: Undelivered Mail Returned to Sender
Date: {format_datetime(at)}
Message-ID: <dsn-4711@mail.fabrikam.example>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="dsn"

--dsn
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

<{MOVED}>: host mail.fabrikam.example said: 550 5.1.1 User unknown

--dsn
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.fabrikam.example
Arrival-Date: {format_datetime(at)}

Final-Recipient: rfc822; {MOVED}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown

--dsn
Content-Type: text/rfc822-headers

From: {SALES}
To: {MOVED}
Subject: {invoice.subject}
Message-ID: {invoice.message_id}

--dsn--
"""
    return Sample("bounce", SALES, text.replace("\n", "\r\n").encode(), "bounce")
