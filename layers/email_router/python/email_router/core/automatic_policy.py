"""Tell what a mailbox wants of mail that a machine wrote, and of mail that went to many."""

from __future__ import annotations

from email_router.core.ledger import KnownEmail
from email_router.core.mailbox import AutomaticMail, Mailbox
from email_router.core.message import Message


def is_automatic_answer(message: Message) -> bool:
    """Tell whether the policy `auto_reply` is about the message.  A delivery report has a policy of its own."""
    return message.auto_submitted and message.delivery_report is None


def is_bulk_mail(message: Message) -> bool:
    """Tell whether the policy `bulk` is about the message.  A delivery report has a policy of its own."""
    return message.bulk and message.delivery_report is None


def unmatched_by(message: Message, mailbox: Mailbox, reported: KnownEmail | None = None) -> str:
    """Return in words the policy by which the message continues nothing; empty when it is matched like any other.

    `reported` is the e-mail of ours that a delivery report is about; a report about none has a policy of its own.  Of a mail that is
    automatic and went to many, the stricter policy counts.
    """
    stray_report = message.delivery_report is not None and reported is None
    policies = (
        ("auto_reply", is_automatic_answer(message), mailbox.auto_reply),
        ("bulk", is_bulk_mail(message), mailbox.bulk),
        ("unknown_delivery_report", stray_report, mailbox.unknown_delivery_report),
    )
    kept_apart = AutomaticMail.DELIVER_UNMATCHED
    return next(
        (f'{name} = "{kept_apart}"' for name, concerns, policy in policies if concerns and policy is kept_apart), ""
    )


def is_from_a_machine(message: Message) -> bool:
    """Tell whether nothing automatic may answer the message (RFC 3834 2): a machine wrote it, or its envelope had no sender."""
    empty_path = (message.header("return-path") or "").replace(" ", "") == "<>"
    return message.auto_submitted or message.delivery_report is not None or empty_path
